"""The highest frequency above the noise against images whose band is known."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from optics.psf_scenes import frame
from sparsescope.errors import InputError
from sparsescope.quality.decorrelation import decorrelation_cutoff_cycles_per_px


def band_limited(cutoff: float, noise: float, side: int = 192, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    inside = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) < cutoff
    signal = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * inside).real
    return signal / signal.std() + rng.normal(0, noise, (side, side))


@pytest.mark.parametrize(
    ("cutoff", "noise"), [(0.1, 0.02), (0.1, 1.0), (0.2, 0.3), (0.2, 1.0), (0.35, 0.02), (0.35, 0.3)]
)
def test_a_band_of_equal_power_ends_where_it_was_cut(cutoff: float, noise: float) -> None:
    assert decorrelation_cutoff_cycles_per_px(band_limited(cutoff, noise)) == pytest.approx(cutoff, abs=1.01 / 192)


@pytest.mark.parametrize("psf", ["gauss", "airy"])
@pytest.mark.parametrize("fwhm", [2.5, 4.0, 7.0])
@pytest.mark.parametrize("kind", ["points", "lines"])
def test_it_bounds_the_width_of_the_psf_from_above_and_tightly_in_bright_light(
    kind: str, fwhm: float, psf: str
) -> None:
    bright, dim = (decorrelation_cutoff_cycles_per_px(frame(kind, fwhm, light, psf=psf)) for light in (3000, 100))
    assert bright is not None
    assert 0.98 < 1.03 / bright / fwhm < 1.4
    assert dim is None or dim < 1.1 * bright


def test_more_noise_lowers_it() -> None:
    clean = frame("lines", 3.2, 3000).astype(np.float64)
    rng = np.random.default_rng(0)
    found = [decorrelation_cutoff_cycles_per_px(clean + rng.normal(0, s, clean.shape)) or 0.0 for s in (0, 300, 3000)]
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("seed", range(8))
def test_nothing_stands_above_pure_noise(seed: int) -> None:
    assert decorrelation_cutoff_cycles_per_px(np.random.default_rng(seed).poisson(20, (128, 150))) is None


def test_unit_offset_and_orientation_do_not_matter() -> None:
    image = frame("lines", 4.0, 300)
    first = decorrelation_cutoff_cycles_per_px(image)
    assert decorrelation_cutoff_cycles_per_px(image * 1e-6 - 3) == pytest.approx(first, rel=0.01)
    assert decorrelation_cutoff_cycles_per_px(image.T[::-1]) == pytest.approx(first, rel=0.01)


def test_an_image_enlarged_twice_has_half_the_cutoff_of_what_it_shows() -> None:
    image = band_limited(0.3, 0.0, side=128)
    large = ndimage.zoom(image, 2, order=5, mode="mirror")
    noisy = large + np.random.default_rng(0).normal(0, 0.3, large.shape)
    assert decorrelation_cutoff_cycles_per_px(noisy) == pytest.approx(0.15, rel=0.06)


@pytest.mark.parametrize(
    "image",
    [np.ones((1, 1)), np.ones((64, 64)), np.full((64, 64), np.nan), np.random.default_rng(0).random((8, 8))],
    ids=["1x1", "constant", "nothing finite", "8x8"],
)
def test_where_there_is_nothing_to_measure_it_says_none(image: np.ndarray) -> None:
    assert decorrelation_cutoff_cycles_per_px(image) is None


def test_the_input_is_not_written_into() -> None:
    image = band_limited(0.2, 0.3)
    image[3, 4] = np.nan
    before = image.copy()
    assert decorrelation_cutoff_cycles_per_px(image) is not None
    assert np.array_equal(image, before, equal_nan=True)


@pytest.mark.parametrize("array", [np.ones(9), np.ones((2, 9, 9)), np.ones((0, 3)), np.ones((9, 9), complex)])
def test_what_is_no_plane_is_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"measured on a plane \(Y, X\) of real numbers"):
        decorrelation_cutoff_cycles_per_px(array)


def test_it_takes_less_than_a_tenth_of_a_second() -> None:
    image = band_limited(0.2, 0.3, side=512)
    times = []
    for _ in range(3):
        start = time.process_time()
        decorrelation_cutoff_cycles_per_px(image)
        times.append(time.process_time() - start)
    assert min(times) < 0.2  # of both threads


def test_it_agrees_with_another_implementation(shared_data: Path) -> None:
    import tifffile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that there is no GPU
        dcr = pytest.importorskip("cubic.metrics.spectral.dcr", reason="missing tool: cubic")
    images = {f"{c} {n}": band_limited(c, n) for c in (0.15, 0.3) for n in (0.1, 0.5)}
    for name in ("Microtubules2_widefield_level9_1", "Factin_Nonlinear_widefield_level9_1"):
        images[name] = tifffile.imread(shared_data / "biosr_pairs" / f"{name}.tif")[:256, :256].astype(np.float32)
    for name, image in images.items():
        theirs, *_ = dcr.dcr_curve(image, spacing=1.0)
        # it tries fewer and wider high-pass filters, whose maxima lie lower on real images
        assert 0.93 < decorrelation_cutoff_cycles_per_px(image) * theirs < (1.06 if name[0] == "0" else 1.25), name
