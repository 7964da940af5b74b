"""The width that is estimated from an image against the one it was made with."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from optics.psf_scenes import frame
from sparsescope.errors import InputError, RecipeError
from sparsescope.optics.estimate import estimate_fwhm_px

WIDTHS = (2.5, 3.2, 5.0, 7.0)


def ratio(image: np.ndarray, truth: float) -> float:
    found = estimate_fwhm_px(image)
    assert found.fwhm_px is not None, found.source
    assert found.low_px is not None
    assert found.high_px is not None
    assert found.low_px <= found.fwhm_px <= found.high_px
    return found.fwhm_px / truth


@pytest.mark.parametrize("psf", ["gauss", "airy"])
@pytest.mark.parametrize("fwhm", WIDTHS)
@pytest.mark.parametrize("kind", ["points", "lines"])
def test_thin_structures_give_the_width_of_the_psf(kind: str, fwhm: float, psf: str) -> None:
    for light in (300, 3000):
        assert 0.83 < ratio(frame(kind, fwhm, light, psf=psf), fwhm) < 1.05, light


@pytest.mark.parametrize("fwhm", [2.5, 3.2, 5.0])
def test_in_dim_light_the_width_is_hardly_ever_too_wide(fwhm: float) -> None:
    found = [
        estimate_fwhm_px(frame(kind, fwhm, 30, seed=seed)).fwhm_px for kind in ("points", "lines") for seed in (0, 1)
    ]
    ratios = [width / fwhm for width in found if width is not None]
    assert len(ratios) >= 3
    assert min(ratios) > 0.7
    assert max(ratios) < 1.12


@pytest.mark.parametrize("fwhm", [3.2, 5.0, 7.0])
def test_edges_of_thick_structures_give_it_too(fwhm: float) -> None:
    assert 0.65 < ratio(frame("discs", fwhm, 3000), fwhm) < 1.05


@pytest.mark.parametrize("haze", [0.0, 1.0])
def test_haze_does_not_widen_it(haze: float) -> None:
    assert 0.83 < ratio(frame("lines", 3.2, 300, haze=haze), 3.2) < 1.05


@pytest.mark.parametrize("order", [1, 3], ids=["linear", "cubic"])
@pytest.mark.parametrize("fwhm", [2.5, 3.2])
@pytest.mark.parametrize("light", [300, 3000])
def test_an_image_enlarged_twice_has_twice_the_width(light: float, fwhm: float, order: int) -> None:
    large = ndimage.zoom(frame("lines", fwhm, light).astype(np.float32), 2, order=order, mode="mirror")
    assert 0.7 < ratio(large, 2 * fwhm) < 1.1
    assert "correlated" in estimate_fwhm_px(large).notes[0]
    assert estimate_fwhm_px(frame("lines", fwhm, light)).notes == ()


def test_smooth_structures_are_said_not_to_show_it() -> None:
    for light in (300, 3000):
        found = estimate_fwhm_px(frame("blobs", 3.2, light))
        assert (found.fwhm_px, found.low_px, found.high_px) == (None, None, None)
        assert "smooth" in found.source or "no structure" in found.source


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_said_to_have_no_structure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = estimate_fwhm_px(rng.poisson(10, (160, 160)))
    assert (found.fwhm_px, found.source) == (None, "no structure stands above the noise")


def test_a_smoothed_image_has_the_width_of_psf_and_filter_together() -> None:
    smooth = ndimage.gaussian_filter(frame("lines", 3.2, 3000).astype(np.float32), 2.0)
    assert 0.75 < ratio(smooth, float(np.hypot(3.2, 2.0 * 2.3548))) < 1.05


def test_unit_offset_and_type_of_the_numbers_do_not_matter() -> None:
    image = frame("lines", 4.0, 300)
    first = estimate_fwhm_px(image).fwhm_px
    assert first is not None
    for other in (image.astype(np.float64) * 1e-9 - 5e-8, image.astype(np.int32) - 30_000, image.astype(np.float32)):
        again = estimate_fwhm_px(other).fwhm_px
        assert again == pytest.approx(first, rel=1e-4)


def test_the_transposed_and_the_mirrored_image_give_the_same() -> None:
    image = frame("lines", 4.0, 300)
    first = estimate_fwhm_px(image).fwhm_px
    assert estimate_fwhm_px(image.T).fwhm_px == pytest.approx(first, rel=1e-4)
    assert estimate_fwhm_px(image[::-1]).fwhm_px == pytest.approx(first, rel=1e-4)


def test_the_input_is_not_written_into_and_the_answer_repeats() -> None:
    image = frame("points", 3.2, 300)
    before = image.copy()
    image.flags.writeable = False
    assert estimate_fwhm_px(image) == estimate_fwhm_px(image)
    assert np.array_equal(image, before)


def test_a_few_hot_and_not_finite_pixels_do_no_harm() -> None:
    image = frame("lines", 4.0, 300).astype(np.float32)
    rng = np.random.default_rng(0)
    image[tuple(rng.integers(0, 192, (2, 5)))] = 1500
    image[tuple(rng.integers(0, 192, (2, 3)))] = np.nan
    assert 0.8 < ratio(image, 4.0) < 1.1


def test_the_part_of_a_large_plane_that_holds_the_structure_is_found() -> None:
    large = np.random.default_rng(0).normal(130, 4, (1100, 900)).round().astype(np.uint16)
    large[800:992, 600:792] = frame("lines", 4.0, 3000)
    assert 0.8 < ratio(large, 4.0) < 1.1


def test_the_highest_visible_frequency_bounds_the_width() -> None:
    image = frame("lines", 4.0, 300)
    free = estimate_fwhm_px(image)
    bound = estimate_fwhm_px(image, cutoff_cycles_per_px=1.03 / 2.5)
    assert bound.fwhm_px == bound.high_px == pytest.approx(2.5)
    assert estimate_fwhm_px(image, cutoff_cycles_per_px=0.15) == free
    for wrong in (0.0, -1.0, np.nan, 2.0):
        with pytest.raises(RecipeError, match=r"cutoff_cycles_per_px = .* is not allowed"):
            estimate_fwhm_px(image, cutoff_cycles_per_px=wrong)


HOPELESS = {
    "1x1": np.ones((1, 1)),
    "8x8": np.random.default_rng(0).random((8, 8)),
    "one row": np.random.default_rng(0).random((1, 5000)),
    "constant": np.full((64, 64), 7),
    "nothing finite": np.full((64, 64), np.nan),
    "black": np.zeros((64, 64), bool),
    "one bright pixel": np.pad(np.full((1, 1), 60000), 100),
    "a slope": np.add.outer(np.arange(200), np.arange(200)),
    "huge": np.random.default_rng(0).normal(size=(99, 99)) * 1e307,
    "tiny": np.random.default_rng(0).normal(size=(99, 99)) * 1e-310,
}


@pytest.mark.parametrize("image", HOPELESS.values(), ids=HOPELESS)
def test_an_image_that_cannot_tell_says_why(image: np.ndarray) -> None:
    found = estimate_fwhm_px(image)
    assert (found.fwhm_px, found.low_px, found.high_px) == (None, None, None)
    assert len(found.source) > 10


@pytest.mark.parametrize("array", [np.ones((3, 9, 9)), np.ones((0, 5)), np.ones((9, 9), complex), np.full((9, 9), "a")])
def test_what_is_no_plane_is_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"measured on a plane \(Y, X\) of real numbers"):
        estimate_fwhm_px(array)


def test_half_a_megapixel_takes_less_than_a_third_of_a_second() -> None:
    image = np.tile(frame("lines", 3.2, 300), (3, 3))[:512, :512]
    large = ndimage.zoom(image[:256, :256].astype(np.float32), 2, order=1)
    for one in (image, large):
        times = []
        for _ in range(3):
            start = time.process_time()
            estimate_fwhm_px(one)
            times.append(time.process_time() - start)
        assert min(times) < 0.3 * 2  # process time adds up the threads


def test_real_wide_field_images_give_the_width_their_microscope_has(shared_data: Path) -> None:
    import tifffile

    for name in ("Microtubules2", "Factin_Nonlinear"):
        image = tifffile.imread(shared_data / "biosr_pairs" / f"{name}_widefield_level9_1.tif")
        assert 0.9 < ratio(image, 3.2) < 1.05  # 0.20 µm
        sim = estimate_fwhm_px(tifffile.imread(shared_data / "biosr_pairs" / f"{name}_sim_gt_1.tif"))
        assert sim.fwhm_px is None, "a reconstruction shows no camera noise"
    interpolated = tifffile.imread(shared_data / "sim_light_pairs" / "LE_15_widefield_mean.tif")
    assert 0.8 < ratio(interpolated, 6.5) < 1.1  # 0.195 µm
