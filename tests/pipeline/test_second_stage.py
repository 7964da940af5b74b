"""The second stage by itself: volumes, borders as if the surroundings were known, finer grids, pixels left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage, signal

import sparsescope as ss
from problems import disc, rms, settings
from sparsescope.engines import pick
from sparsescope.errors import RecipeError
from sparsescope.optics.gaussian import gaussian_psf
from sparsescope.optics.psf import Psf
from sparsescope.pipeline.saturation import countable, full_scale
from sparsescope.pipeline.second_stage import Deconvolver
from sparsescope.solvers.loop import Outcome

Array = npt.NDArray[np.float32]
METHODS = ["rl", "landweber"]
methods = pytest.mark.parametrize("method", METHODS)
BAND = 8
CPU = pick("cpu", 2)


def plain(method: str = "rl", iterations: int = 20, **changes: Any) -> ss.Recipe:
    return settings(deconvolution=method, deconvolution_iterations=iterations, **changes)


def scene(kind: str, shape: tuple[int, ...], seed: int) -> npt.NDArray[np.float64]:
    """Points, crossing filaments or discs (balls), some cut by every border of any crop."""
    rng, true = np.random.default_rng(seed), np.zeros(shape)
    if kind == "points":
        count = int(np.prod(shape)) // (60 if len(shape) == 2 else 400)
        true[tuple(rng.integers(0, n, count) for n in shape)] = rng.uniform(0.2, 1, count)
        return true
    if kind == "filaments":
        for _ in range(max(shape) // 4):
            at, way = np.array([rng.uniform(0, n) for n in shape]), rng.normal(size=len(shape))
            for _ in range(max(shape)):
                way += rng.normal(0, 0.1, len(shape))
                at += way / np.linalg.norm(way)
                if all(0 <= a < n for a, n in zip(at, shape, strict=True)):
                    true[tuple(at.astype(int))] += 0.3
        return true
    grids = np.meshgrid(*map(np.arange, shape), indexing="ij")
    for _ in range(max(shape) // 4):
        centre, radius = [rng.uniform(0, n) for n in shape], rng.uniform(3, 10)
        distance = np.sqrt(sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True)))
        true += rng.uniform(0.2, 1) * np.clip(radius + 0.5 - distance, 0, 1)
    return true


def lop_sided(shape: tuple[int, ...], fwhm: tuple[float, ...]) -> Array:
    """A PSF that is neither separable nor symmetric: a Gaussian with a dimmer, wider one beside it."""
    psf = np.asarray(gaussian_psf(fwhm, len(fwhm)), np.float64)
    whole = np.zeros(shape)
    centre = tuple(slice((n - m) // 2, (n + m) // 2) for n, m in zip(shape, psf.shape, strict=True))
    whole[centre] = psf
    beside = ndimage.shift(ndimage.gaussian_filter(whole, 1.0), [1.5] * len(shape), order=1)
    whole += 0.5 * np.maximum(beside, 0)
    return (whole / whole.sum()).astype(np.float32)


def worse_than_with_known_surroundings(
    kind: str, photons: float, big: tuple[int, ...], margin: tuple[int, ...], psf: Psf, recipe: ss.Recipe
) -> float:
    """Error in the border band of a crop, as a multiple of the error of the uncut scene's result there; four scenes."""
    crop = tuple(slice(m, n - m) for n, m in zip(big, margin, strict=True))
    solve, errors = Deconvolver(recipe, psf), np.zeros(2)
    band = np.ones([n - 2 * m for n, m in zip(big, margin, strict=True)], bool)
    band[tuple(slice(BAND, -BAND) if n > 2 * BAND else slice(None) for n in band.shape)] = False
    for seed in range(4):
        true = scene(kind, big, seed)
        image = np.maximum(signal.fftconvolve(true, psf.data.astype(np.float64), "same"), 0)
        level = photons / image.max()
        data = np.random.default_rng(seed).poisson(image * level + 0.02 * photons).astype(np.float32)
        sharp, scale = (true * level + 0.02 * photons)[crop], data.max()
        for i, value in enumerate(
            (solve(data / scale, None, CPU).value[crop], solve(data[crop] / scale, None, CPU).value)
        ):
            errors[i] += np.square((value * scale - sharp)[band]).sum()
    return float(np.sqrt(errors[1] / errors[0]))


@methods
@pytest.mark.parametrize("photons", [30, 1000])
@pytest.mark.parametrize("kind", ["points", "filaments", "discs"])
def test_a_planes_border_is_as_good_as_with_known_surroundings(kind: str, photons: float, method: str) -> None:
    psf = Psf(lop_sided((21, 21), (4.0, 3.0)))
    assert worse_than_with_known_surroundings(kind, photons, (120, 120), (28, 28), psf, plain(method)) <= 1.1


@pytest.mark.parametrize("kind", ["points", "filaments", "discs"])
def test_a_volumes_border_is_as_good_as_with_known_surroundings(kind: str) -> None:
    psf = Psf(lop_sided((19, 13, 13), (4.0, 2.5, 2.5)))
    assert worse_than_with_known_surroundings(kind, 100, (36, 72, 72), (10, 12, 12), psf, plain("rl", 10)) <= 1.1


def test_a_plane_of_known_light_beyond_the_border_is_not_taken_for_an_object_inside() -> None:
    true = np.zeros((30, 60), np.float32)
    true[:, :28] = 1  # a bright half beyond the crop at column 30: its glow reaches in
    image = ndimage.gaussian_filter(true, 4.0 / 2.3548)
    recipe = plain(iterations=50)
    masked = Deconvolver(recipe, (4.0, 4.0))(image[:, 30:], None, CPU).value
    mirrored = Deconvolver(recipe.replace(borders="mirror"), (4.0, 4.0))(image[:, 30:], None, CPU).value
    assert masked.sum() < 0.2 * image[:, 30:].sum(), "the light is given back to what lies beyond"
    assert mirrored.sum() == pytest.approx(image[:, 30:].sum(), rel=1e-4), "mirrored, it stays and piles up"


@methods
def test_an_edge_that_meets_the_border_at_an_angle_is_bent_less_than_on_a_mirrored_plane(method: str) -> None:
    true = disc((120, 136), (60, 64 - 12), 22)
    image = ndimage.gaussian_filter(1000 * true, 3.0 / 2.3548).astype(np.float32)
    errors = []
    for borders in ("mirror", "masked"):
        solve = Deconvolver(plain(method, 30, borders=borders), (3.0, 3.0))
        uncut = solve(image / 1000, None, CPU).value[:, 64:]
        errors.append(np.abs(solve(image[:, 64:] / 1000, None, CPU).value - uncut))
    assert rms(errors[1]) < 0.5 * rms(errors[0])
    assert errors[1].max() < 0.5 * errors[0].max()


@methods
def test_a_volume_is_sharpened_along_all_axes_and_keeps_its_light(method: str) -> None:
    psf = Psf(lop_sided((19, 13, 13), (4.0, 2.5, 2.5)))
    true = np.zeros((31, 40, 41), np.float32)
    true[15, 20, 20], true[15, 20, 28], true[20, 12, 20] = 50, 30, 20
    image = np.maximum(signal.fftconvolve(true, psf.data, "same"), 0).astype(np.float32)
    found = Deconvolver(plain(method, 100), psf)(image, None, CPU)
    assert found.outcome is Outcome.COMPLETED
    assert found.value.shape == image.shape
    assert found.value.sum() == pytest.approx(100, rel=0.005)
    assert found.explained == pytest.approx(found.measured, rel=1e-6)
    near = tuple(slice(c - 1, c + 2) for c in (15, 20, 20))
    assert found.value[near].sum() > 0.9 * 50 > 2 * image[near].sum()


def test_a_volume_reports_its_progress() -> None:
    told: list[tuple[int, int]] = []
    psf = Psf(gaussian_psf((3.0, 2.0, 2.0), 3))
    Deconvolver(plain(iterations=25), psf)(
        np.ones((6, 20, 20), np.float32), None, CPU, None, lambda *at: told.append(at)
    )
    assert told == [(10, 25), (20, 25), (25, 25)]


def test_a_stack_takes_a_planes_psf_plane_by_plane() -> None:
    psf = Psf(lop_sided((21, 21), (4.0, 3.0)))
    stack = np.random.default_rng(0).random((3, 40, 30), dtype=np.float32)
    whole = CPU.imaging(psf.data, stack.shape)
    alone = CPU.imaging(psf.data, stack.shape[1:])
    x = np.random.default_rng(1).random(whole.object_shape, dtype=np.float32)
    np.testing.assert_allclose(whole.forward(x), [alone.forward(plane) for plane in x], rtol=0, atol=1e-6)


@methods
def test_a_gaussian_volume_is_the_same_by_direct_convolution_and_by_transforms(method: str) -> None:
    data = np.random.default_rng(0).random((9, 30, 31), dtype=np.float32)
    a = Deconvolver(plain(method, 7), (3.0, 2.5, 2.0))(data, None, CPU).value
    b = Deconvolver(plain(method, 7), Psf(gaussian_psf((3.0, 2.5, 2.0), 3)))(data, None, CPU).value
    np.testing.assert_allclose(a, b, rtol=0, atol=2e-4 * a.max())


@pytest.mark.parametrize("method", ["model", "fourier", "zeros"])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_finer_grid_keeps_level_and_light_and_shows_more(factor: int, method: str) -> None:
    true = np.zeros((32 * factor, 36 * factor), np.float32)
    true[15 * factor : 17 * factor, 10 * factor : 26 * factor : 3 * factor] = 900  # fine lines
    fwhm = 2.5 * factor / 2.3548
    fine = ndimage.gaussian_filter(true, fwhm)
    image = fine.reshape(32, factor, 36, factor).mean((1, 3))
    recipe = plain(iterations=60, background="none", sparse_iterations=0, upsample=factor, upsample_method=method)
    result = ss.deconvolve(image, recipe, pixel_size_um=0.1, resolution_um=0.25)
    value = np.asarray(result.image.data)
    assert value.shape == true.shape
    assert dict(result.image.spacing_um) == pytest.approx({"x": 0.1 / factor, "y": 0.1 / factor})
    assert value.mean() == pytest.approx(image.mean(), rel=0.005)
    if method != "zeros":  # so many iterations find the grid of zeros again
        assert np.corrcoef(value.ravel(), true.ravel())[0, 1] > np.corrcoef(fine.ravel(), true.ravel())[0, 1]


def test_without_a_second_stage_a_finer_grid_is_interpolated_and_that_is_said() -> None:
    image = np.random.default_rng(0).poisson(50, (20, 21)).astype(np.float32)
    recipe = settings(background="none", sparse_iterations=0, deconvolution="none", upsample=3)
    result = ss.deconvolve(image, recipe)
    assert result.image.shape == (60, 63)
    assert any("Fourier interpolation, as there is no second stage" in note for note in result.notes)


@methods
def test_the_model_of_the_camera_beats_interpolating_first(method: str) -> None:
    """Interpolation correlates the noise; the model does not."""
    errors = np.zeros(2)
    for seed in range(3):
        true = scene("filaments", (128, 128), seed)
        imaging = CPU.imaging(gaussian_psf((4.4, 4.4)), (64, 64), 2)
        whole = np.zeros(imaging.object_shape, np.float32)
        whole[imaging.field] = true
        image = imaging.forward(whole)
        level = 300 / image.max()
        data = np.random.default_rng(seed).poisson(np.maximum(image, 0) * level).astype(np.float32)
        for i, how in enumerate(("model", "fourier")):
            recipe = plain(method, 30, background="none", sparse_iterations=0, upsample=2, upsample_method=how)
            value = ss.deconvolve(data, recipe, pixel_size_um=0.1, resolution_um=0.22).image.data
            errors[i] += float(np.square(np.asarray(value) - true * level).sum())
    assert errors[0] < 0.99 * errors[1]


@methods
def test_saturated_pixels_are_left_out_and_their_light_is_estimated(method: str) -> None:
    true = np.zeros((48, 50), np.float32)
    true[16:34:8, 10:42:8] = np.linspace(4, 30, 12).reshape(3, 4)
    image = 6000 * ndimage.gaussian_filter(true, 3.0 / 2.3548)
    clipped = np.minimum(image, 4095).astype(np.uint16)
    saturated = int((clipped == 4095).sum())
    assert 20 < saturated < 200
    recipe = plain(method, 60, background="none", sparse_iterations=0)
    results = {
        bits: ss.deconvolve(ss.Image(clipped, "YX", {"x": 0.1, "y": 0.1}, meta=meta), recipe, resolution_um=0.3)
        for bits, meta in {"told": {"bits": 12}, "not told": {}}.items()
    }
    truth = 6000 * true
    errors = {bits: rms(np.asarray(result.image.data) - truth) for bits, result in results.items()}
    assert errors["told"] < 0.8 * errors["not told"]
    said = f"{saturated} pixels at the top of the detector's range did not count"
    assert any(note.startswith(said) for note in results["told"].notes)
    assert not any("did not count" in note for note in results["not told"].notes)


@methods
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_image_that_is_saturated_everywhere_comes_back_as_it_is(method: str, dtype: str) -> None:
    top = np.iinfo(dtype).max
    recipe = plain(method, background="none", sparse_iterations=0)
    result = ss.deconvolve(np.full((20, 21), top, dtype), recipe, pixel_size_um=0.1, resolution_um=0.3)
    np.testing.assert_allclose(result.image.data, top, rtol=1e-5)


def test_what_the_file_declares_is_believed_only_if_no_value_exceeds_it() -> None:
    image = ss.Image(np.zeros((3, 3), np.uint16), "YX", meta={"bits": 12})
    assert full_scale(image, 4095) == 4095
    assert full_scale(image, 4096) == 65535
    assert full_scale(ss.Image(np.zeros((3, 3), np.float32), "YX", meta={"bits": 12}), 100) is None
    plane = np.array([[1, 4095], [4095, 2]], np.float32)
    assert countable(plane, None) is None
    assert countable(plane, 65535.0) is None
    mask = countable(plane, 4095.0)
    assert mask is not None
    assert mask.tolist() == [[True, False], [False, True]]


@methods
def test_dead_pixels_in_a_mask_change_nothing_whatever_their_values(method: str) -> None:
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(scene("filaments", (60, 61), 0), 1.5).astype(np.float32)
    image /= image.max()
    mask = rng.random(image.shape) > 0.03
    solve = Deconvolver(plain(method, 30), (3.0, 3.0))
    whole = solve(image, None, CPU).value
    patched = np.where(mask, image, ndimage.median_filter(image, 5)).astype(np.float32)
    holes = solve(patched, None, CPU, mask).value
    assert rms(holes - whole) < 0.1 * rms(whole)
    assert rms(holes - whole) < 0.5 * rms(solve(np.where(mask, image, 0).astype(np.float32), None, CPU).value - whole)


BAD = {
    "more axes than the image": ((3, 5, 5), (20, 20), "the PSF has 3 axes (Z, Y, X), the image 2"),
    "larger than the image": (
        (5, 41),
        (20, 20),
        "the PSF is larger than the image: 41 pixels along X, the image has 20",
    ),
    "deeper than the stack": ((9, 5, 5), (4, 20, 20), "larger than the image: 9 pixels along Z, the image has 4"),
}


@pytest.mark.parametrize(("psf", "shape", "text"), BAD.values(), ids=BAD)
def test_a_psf_that_does_not_fit_is_refused_with_the_remedy(psf: Any, shape: Any, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Deconvolver(plain(), Psf(np.ones(psf)))(np.ones(shape, np.float32), None, CPU)
    assert text in str(caught.value)
    assert "give" in str(caught.value)


def test_the_empty_margin_of_a_psf_does_not_count_as_its_size() -> None:
    wide = np.pad(gaussian_psf((3.0, 3.0)), 30)
    small = gaussian_psf((3.0, 3.0))
    data = np.random.default_rng(0).random((40, 40), dtype=np.float32)
    a, b = (Deconvolver(plain(), Psf(p))(data, None, CPU).value for p in (wide, small))
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * a.max())


def test_mirrored_borders_are_for_planes_with_a_gaussian() -> None:
    with pytest.raises(RecipeError, match="borders = 'mirror' is for planes with a Gaussian PSF"):
        Deconvolver(plain(borders="mirror"), Psf(np.ones((3, 3))))(np.ones((9, 9), np.float32), None, CPU)
