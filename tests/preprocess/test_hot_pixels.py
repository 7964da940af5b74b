"""The adaptive median: what it must find, and what it must leave alone."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from sparsescope.errors import InputError, RecipeError
from sparsescope.preprocess.hot_pixels import replace_hot_pixels


def spots(fwhm_px: float, amplitude: float, count: int = 300, size: int = 512, seed: int = 0) -> np.ndarray:
    """Gaussian spots at random positions between the pixel centres, up to the border pixels' centres."""
    rng = np.random.default_rng(seed)
    plane = np.zeros((size, size))
    grid = np.arange(size)
    for y, x in rng.uniform(0, size - 1, (count, 2)):
        along_y = np.exp(-4 * np.log(2) * (grid - y) ** 2 / fwhm_px**2)
        along_x = np.exp(-4 * np.log(2) * (grid - x) ** 2 / fwhm_px**2)
        plane += amplitude * np.outer(along_y, along_x)
    return plane


def noise(mean: float, shape: tuple[int, ...] = (512, 512), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, shape).astype(np.float64)


@pytest.mark.parametrize("fwhm_px", [2.0, 3.0, 5.0])
@pytest.mark.parametrize("max_size", [5, 7, 15])  # in the largest, a spot is too small to count as spread
def test_spots_without_noise_are_left_alone(fwhm_px: float, max_size: int) -> None:
    assert replace_hot_pixels(100 + spots(fwhm_px, 1000.0), max_size=max_size)[1] == 0


@pytest.mark.parametrize("background", [0, 1, 10, 100])
@pytest.mark.parametrize("amplitude", [10, 100, 10_000])
def test_spots_of_3_px_with_poisson_noise_are_left_alone(amplitude: float, background: float) -> None:
    plane = np.random.default_rng(1).poisson(spots(3.0, amplitude) + background)
    assert replace_hot_pixels(plane)[1] < 1e-4 * plane.size


@pytest.mark.parametrize("mean", [0.01, 0.1, 0.65, 2, 5, 30, 1000])
@pytest.mark.parametrize("count", [1, 257, 0.37])
def test_noise_alone_is_left_alone_down_to_single_photons_at_any_scale(mean: float, count: float) -> None:
    plane = noise(mean) * count
    assert replace_hot_pixels(plane)[1] < 1e-4 * plane.size


@pytest.mark.parametrize("offset", [0.0, -0.5, -1.0])
def test_noise_clipped_at_zero_is_left_alone(offset: float) -> None:
    plane = np.maximum(np.random.default_rng(2).normal(offset, 1, (512, 512)), 0)
    assert replace_hot_pixels(plane)[1] < 1e-4 * plane.size


@pytest.mark.parametrize("mean", [0.0, 0.02])
def test_hot_pixels_on_black_are_found_among_single_photons(mean: float) -> None:
    plane = noise(mean)
    planted = np.random.default_rng(9).random(plane.shape) < 0.001
    clean, count = replace_hot_pixels(plane + 50 * planted)
    assert count == planted.sum()
    assert clean.max() < 10


def test_noise_with_a_long_tail_loses_few_pixels() -> None:
    rng = np.random.default_rng(2)
    pulses = rng.poisson(0.4, (512, 512)) * rng.exponential(30, (512, 512))  # a photomultiplier's
    assert replace_hot_pixels(pulses)[1] < 3e-3 * pulses.size
    assert replace_hot_pixels(rng.exponential(1, (512, 512)))[1] < 3e-3 * pulses.size


@pytest.mark.parametrize("sign", [1, -1], ids=["hot", "dead"])
@pytest.mark.parametrize("mean", [30, 100, 1000])
def test_pixels_off_by_10_sigma_are_found(mean: float, sign: int) -> None:
    planted = np.random.default_rng(3).random((512, 512)) < 0.002
    original = np.random.default_rng(4).normal(mean, np.sqrt(mean), planted.shape)
    clean, count = replace_hot_pixels(original + planted * sign * 10 * np.sqrt(mean))
    changed = clean != (original + planted * sign * 10 * np.sqrt(mean)).astype(np.float32)
    assert count == changed.sum()
    assert (changed & planted).sum() >= 0.95 * planted.sum()
    assert (changed & ~planted).sum() < 1e-4 * planted.size
    assert np.abs(clean[changed] - mean).max() < 5 * np.sqrt(mean)


def test_hot_pixels_on_bright_structure_are_found_and_the_structure_stays() -> None:
    smooth = 100 + spots(6.0, 2000.0)
    original = np.random.default_rng(5).poisson(smooth).astype(np.float64)
    planted = np.random.default_rng(6).random(original.shape) < 0.001
    clean, _ = replace_hot_pixels(original + planted * 30_000)
    assert (clean[planted] < smooth[planted] + 2000).mean() > 0.99
    assert (clean != original)[~planted].sum() < 1e-4 * original.size


@pytest.mark.parametrize("place", [(0, 0), (0, 17), (31, 39), (12, 0), (31, 5), (1, 1)])
def test_hot_pixels_at_borders_and_corners_are_found(place: tuple[int, int]) -> None:
    plane = noise(100, (32, 40))
    plane[place] = 5000
    clean, count = replace_hot_pixels(plane)
    assert count == 1
    assert 80 < clean[place] < 120


def test_neighbouring_hot_pixels_up_to_three_are_all_found() -> None:
    plane = noise(100, (32, 32))
    plane[10, 10] = plane[10, 11] = plane[11, 11] = 5000
    clean, count = replace_hot_pixels(plane)
    assert count == 3
    assert clean.max() < 200


def test_the_window_grows_where_the_median_of_the_small_one_is_an_outlier() -> None:
    plane = noise(100, (32, 32))
    plane[10, [9, 11]] = plane[11, 10:12] = 2000
    plane[10, 10] = 50_000
    clean, _ = replace_hot_pixels(plane)
    assert 80 < clean[10, 10] < 120  # four of its eight neighbours are hot: their median is about 1050


def test_one_pixel_of_a_sharp_line_or_square_is_not_taken_for_an_outlier() -> None:
    plane = np.full((40, 40), 10.0)
    plane[8:16, 8:16] = 1000
    plane[25:27, 5:35] = 1000
    assert replace_hot_pixels(plane)[1] == 0


def test_pixels_that_are_not_finite_get_the_median_of_their_finite_neighbours() -> None:
    plane = np.arange(81, dtype=np.float64).reshape(9, 9)
    plane[4, 4], plane[0, 0], plane[4, 5] = np.nan, np.inf, -np.inf
    clean, count = replace_hot_pixels(plane)
    assert count == 3
    assert clean[4, 4] == np.median([30, 31, 32, 39, 48, 49, 50])
    assert clean[0, 0] == np.median([1, 1, 9, 9, 10, 10, 10, 10])  # mirrored about the border pixels
    assert np.isfinite(clean).all()


def test_a_hole_wider_than_the_largest_window_is_filled() -> None:
    plane = 100 + np.hypot(*np.mgrid[:60, :70])
    plane[:40, :30] = np.nan
    clean, count = replace_hot_pixels(plane)
    assert count == 40 * 30
    assert clean[:40, :30].min() > 130  # values found at the hole's rim
    assert clean[:40, :30].max() < 160
    assert np.array_equal(clean[40:], plane[40:].astype(np.float32))


def test_a_plane_with_one_finite_pixel_takes_its_value() -> None:
    plane = np.full((20, 30), np.nan)
    plane[3, 28] = 7.5
    clean, count = replace_hot_pixels(plane)
    assert (clean == 7.5).all()
    assert count == 599


def test_a_plane_without_a_finite_pixel_is_refused() -> None:
    movie = np.ones((2, 8, 8))
    movie[1] = np.nan
    with pytest.raises(InputError, match="no finite pixel"):
        replace_hot_pixels(movie)


def test_values_beyond_float32_count_as_not_finite() -> None:
    plane = np.ones((8, 8))
    plane[2, 2] = 1e200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean, count = replace_hot_pixels(plane)
    assert (clean == 1).all()
    assert count == 1


@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), value=st.integers(-1000, 1000))
def test_a_constant_plane_of_any_size_is_left_alone(shape: tuple[int, int], value: int) -> None:
    clean, count = replace_hot_pixels(np.full(shape, value))
    assert count == 0
    assert (clean == value).all()


@given(exponent=st.integers(-12, 12), sign=st.sampled_from([1, -1]))
def test_scale_and_sign_of_the_data_do_not_matter(exponent: int, sign: int) -> None:
    plane = np.random.default_rng(7).normal(0, 1, (40, 40))
    plane[20, 20], plane[3, 30] = 30, -30
    clean, count = replace_hot_pixels(plane)
    scaled, scaled_count = replace_hot_pixels(plane * sign * 2.0**exponent)
    assert count == scaled_count == 2
    assert np.array_equal(scaled, clean * np.float32(sign * 2.0**exponent))


def test_planes_are_treated_one_by_one_and_the_input_is_not_written_into() -> None:
    movie = noise(50, (2, 3, 40, 50)).astype(np.uint16)
    movie[1, 2, 7, 8] = movie[0, 0, 30, 1] = 60_000
    movie.flags.writeable = False
    clean, count = replace_hot_pixels(movie)
    assert clean.dtype == np.float32
    assert count == sum(replace_hot_pixels(plane)[1] for plane in movie.reshape(-1, 40, 50)) == 2
    for index in np.ndindex(2, 3):
        assert np.array_equal(clean[index], replace_hot_pixels(movie[index])[0])


def test_a_wider_window_and_a_higher_threshold_are_followed() -> None:
    plane = np.random.default_rng(8).normal(100, 10, (64, 64))
    plane[30, 30] = 250
    assert [replace_hot_pixels(plane, max_size=size)[1] for size in (5, 7, 9)] == [1, 1, 1]
    assert replace_hot_pixels(plane, threshold=20)[1] == 0


def test_a_raw_camera_stack_loses_only_pixels_that_stand_alone(shared_data: Path) -> None:
    stack = tifffile.imread(shared_data / "lattice_lightsheet" / "im_raw.tif")[:8].astype(np.float32)
    clean, count = replace_hot_pixels(stack)
    assert 0 < count < 1e-3 * stack.size
    z, y, x = np.nonzero(clean != stack)
    assert (np.abs(clean[z, y, x] - stack[z, y, x]) >= 8).all()  # the camera's noise is 2.4 counts


@pytest.mark.parametrize("max_size", [3, 6, 33, 7.5])
def test_a_window_of_another_size_is_refused(max_size: int) -> None:
    with pytest.raises(RecipeError, match="odd whole number of pixels from 5 to 31"):
        replace_hot_pixels(np.ones((8, 8)), max_size=max_size)


@pytest.mark.parametrize("threshold", [0, -1, np.nan, np.inf])
def test_a_threshold_that_is_not_positive_is_refused(threshold: float) -> None:
    with pytest.raises(RecipeError, match=r"threshold = .*> 0"):
        replace_hot_pixels(np.ones((8, 8)), threshold=threshold)


@pytest.mark.parametrize("shape", [(7,), (0, 5), (3, 0, 4)])
def test_an_array_without_planes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="no planes"):
        replace_hot_pixels(np.ones(shape))
