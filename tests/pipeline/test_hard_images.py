"""Images that go wrong elsewhere: each gives a valid image with a note, or an error that says what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from problems import counts, settings
from sparsescope.errors import InputError, RecipeError

SIZES: dict[str, Any] = {"pixel_size_um": 0.1, "resolution_um": 0.3}
NOTHING = "nothing stands above the background (constant or empty): the result is zero"

backgrounds = pytest.mark.parametrize("mode", ["none", "weak-high-light", "strong-low-light"])
methods = pytest.mark.parametrize("method", ["rl", "landweber", "none"])


@backgrounds
@methods
@pytest.mark.parametrize("axes", ["YX", "ZYX"])
@pytest.mark.parametrize("sparse_iterations", [0, 20])
@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_image_gives_a_constant_image(
    value: int, sparse_iterations: int, axes: str, method: str, mode: str
) -> None:
    shape = (4, 30, 33)[-len(axes) :]
    recipe = settings(background=mode, deconvolution=method, sparse_iterations=sparse_iterations)
    result = ss.deconvolve(np.full(shape, value, np.uint16), recipe, axes=axes, **SIZES)
    data = np.asarray(result.image.data)
    assert (data.shape, data.dtype, result.image.axes) == (shape, np.float32, axes)
    assert np.isfinite(data).all()
    assert data.min() >= 0
    assert data.max() <= value * 1.0001
    assert np.ptp(data) <= 2e-4 * max(value, 1)
    left = {"none": 1.0, "weak-high-light": 0.6, "strong-low-light": 0.0}[mode] * value
    if left == 0:
        assert not data.any()
        assert NOTHING in result.notes
    elif sparse_iterations == 0:
        np.testing.assert_allclose(data, left, rtol=1e-3)
        assert NOTHING not in result.notes


@pytest.mark.parametrize("engine", ["cpu", "numpy"])
def test_an_empty_image_among_channels_is_named(engine: str) -> None:
    data = counts((3, 30, 33))
    data[1] = 0
    result = ss.deconvolve(data, settings(sparse_iterations=5), axes="CYX", engine=engine, **SIZES)
    assert f"channel 1: {NOTHING}" in result.notes
    assert not np.asarray(result.image.data)[1].any()
    assert np.asarray(result.image.data)[[0, 2]].max(axis=(1, 2)).min() > 0


def test_an_empty_frame_in_a_movie_stays_dark() -> None:
    data = counts((5, 30, 33))
    data[2] = 0
    for recipe in (settings(sparse_iterations=20), settings(sparse_iterations=20, continuity=0)):
        result = np.asarray(ss.deconvolve(data, recipe, axes="TYX", **SIZES).image.data)
        assert np.isfinite(result).all()
        assert result[2].sum() < 0.2 * result[1].sum()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_refused_with_their_place(value: float) -> None:
    data = counts((3, 2, 30, 33)).astype(np.float32)
    data[2, 1, 5, 6] = data[2, 1, 7, 8] = value
    with pytest.raises(InputError) as caught:
        ss.deconvolve(data, axes="TCYX", **SIZES)
    assert str(caught.value).startswith("2 pixels are not finite")
    assert "the first at C 1, T 2, Y 5, X 6" in str(caught.value)
    assert "hot_pixels='adaptive'" in str(caught.value)


def test_numbers_beyond_float32_are_refused_as_not_finite() -> None:
    with pytest.raises(InputError, match="beyond float32"):
        ss.deconvolve(np.full((30, 33), 1e300), **SIZES)


@pytest.mark.parametrize("value", [2e30, -2e30])
def test_numbers_that_leave_no_room_in_float32_are_refused(value: float) -> None:
    data = counts((30, 33)).astype(np.float32)
    data[4, 4] = value
    with pytest.raises(InputError, match=r"allowed are magnitudes up to 1e\+30.*divide the image by a constant"):
        ss.deconvolve(data, settings(background="none"), **SIZES)


@pytest.mark.parametrize("factor", [1e-37, 1e-30, 1e26])
def test_very_small_and_very_large_units_are_taken_in_stride(factor: float) -> None:
    data = counts((30, 33)).astype(np.float32)
    recipe = settings(sparse_iterations=10)
    expected = ss.deconvolve(data, recipe, **SIZES).image.data
    result = ss.deconvolve(data.astype(np.float64) * factor, recipe, **SIZES).image.data
    np.testing.assert_allclose(np.asarray(result) / factor, expected, rtol=0, atol=1e-4 * np.asarray(expected).max())


@methods
@pytest.mark.parametrize("value", [np.nan, np.inf, 50000.0])
def test_hot_pixels_are_repaired_when_asked(value: float, method: str) -> None:
    clean = counts((50, 53)).astype(np.float32)
    data = clean.copy()
    places = [(5, 6), (20, 40), (49, 0)]
    for place in places:
        data[place] = value
    recipe = settings(hot_pixels="adaptive", deconvolution=method, sparse_iterations=20)
    result = ss.deconvolve(data, recipe, **SIZES)
    expected = ss.deconvolve(clean, recipe, **SIZES)
    assert any(note.startswith("3 hot, dead or not-finite pixels were replaced") for note in result.notes)
    assert np.asarray(result.image.data).max() < 1.05 * np.asarray(expected.image.data).max()
    assert np.isfinite(result.image.data).all()


def test_hot_pixels_are_counted_once_over_all_frames() -> None:
    data = counts((4, 40, 43)).astype(np.float32)
    data[1, 5, 6] = data[3, 7, 8] = np.nan
    result = ss.deconvolve(data, settings(hot_pixels="adaptive", sparse_iterations=5), axes="TYX", **SIZES)
    assert any(note.startswith("2 hot") for note in result.notes)


@backgrounds
@methods
@pytest.mark.parametrize("sparse_iterations", [0, 20])
def test_negative_values_are_kept_as_data_and_noted(sparse_iterations: int, method: str, mode: str) -> None:
    data = counts((40, 43)).astype(np.float32) - 25
    recipe = settings(background=mode, deconvolution=method, sparse_iterations=sparse_iterations)
    result = ss.deconvolve(data, recipe, **SIZES)
    note = next(note for note in result.notes if "negative values" in note)
    assert f"(down to {data.min():.4g})" in note
    assert np.isfinite(result.image.data).all()
    never = "the result is never negative" in note
    assert never is (sparse_iterations > 0 or method != "none")
    if never:
        assert np.asarray(result.image.data).min() >= 0
    assert np.asarray(result.image.data).max() > 0


@methods
@pytest.mark.parametrize("sparse_iterations", [0, 20])
def test_an_image_whose_sum_is_negative_still_shows_its_bright_part(sparse_iterations: int, method: str) -> None:
    data = np.full((40, 43), -30, np.int32)
    data[18:22, 20:24] = 400
    recipe = settings(background="none", deconvolution=method, sparse_iterations=sparse_iterations)
    result = np.asarray(ss.deconvolve(data, recipe, **SIZES).image.data)
    assert 200 < result.max() < 2000
    assert 18 <= np.argmax(result) // 43 < 22
    if sparse_iterations or method != "none":
        assert result.min() >= 0


def test_an_image_that_is_all_negative_is_zero_and_said_so() -> None:
    result = ss.deconvolve(-counts((30, 33)).astype(np.float32) - 1, **SIZES)
    assert not np.asarray(result.image.data).any()
    assert NOTHING in result.notes
    assert any("negative values" in note for note in result.notes)


def test_a_single_pixel_is_an_image_when_no_psf_is_asked_for() -> None:
    recipe = settings(background="none", deconvolution="none", fidelity=100, sparsity=0)
    result = ss.deconvolve(np.array([[5]], np.uint16), recipe)
    np.testing.assert_allclose(result.image.data, [[5]], rtol=1e-5)
    with pytest.raises(RecipeError, match="the PSF is wider than the image"):
        ss.deconvolve(np.array([[5]], np.uint16), **SIZES)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (3, 5)])
@backgrounds
def test_thin_and_tiny_images_are_images(shape: tuple[int, int], mode: str) -> None:
    recipe = settings(background=mode, sparse_iterations=20)
    data = counts(shape) + np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape)
    result = ss.deconvolve(data, recipe, pixel_size_um=0.1, resolution_um=0.1)
    assert result.image.shape == shape
    assert np.isfinite(result.image.data).all()


def test_a_run_that_fails_numerically_returns_its_input_and_says_what_to_do() -> None:
    data = np.zeros((30, 33), np.float32)
    data[3, 4], data[10, 10] = 1.0, -9e29
    result = ss.deconvolve(data, settings(background="none", fidelity=1e6, deconvolution="none", sparsity=1e5))
    if not np.isfinite(result.image.data).all():
        pytest.fail("a result that is not finite was handed out")
    assert "numerical failure" in result.outcome
    assert result.outcome in result.notes
    assert np.array_equal(result.image.data, data)


HARD = {
    "one bright pixel": np.pad([[100.0]], ((20, 19), (20, 23))),
    "hardly a photon": np.random.default_rng(0).poisson(0.01, (40, 44)),
    "noise alone": np.random.default_rng(0).poisson(5, (40, 44)),
    "saturated": np.minimum(counts((40, 44)), 50),
    "an offset subtracted": counts((40, 44)).astype(np.float32) - 100,
    "all negative": -counts((40, 44)).astype(np.float32) - 1,
    "constant": np.full((40, 44), 9),
    "empty": np.zeros((40, 44), np.uint8),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("method", ["rl", "none"])
def test_with_everything_left_open_a_hard_image_gives_a_valid_image(method: str, name: str) -> None:
    result = ss.deconvolve(HARD[name], ss.Recipe(deconvolution=method), pixel_size_um=0.1)
    data = np.asarray(result.image.data)
    assert (data.shape, data.dtype) == ((40, 44), np.float32)
    assert np.isfinite(data).all()
    assert data.min() >= 0
    assert "auto" not in {v for k, v in result.recipe.model_dump().items() if k != "resolution_um"}


def test_with_everything_left_open_numbers_without_room_in_float32_are_refused() -> None:
    with pytest.raises(InputError, match="divide the image by a constant"):
        ss.deconvolve(counts((40, 44)).astype(np.float64) * 3e35, pixel_size_um=0.1)
