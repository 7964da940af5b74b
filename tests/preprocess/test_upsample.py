"""Finer sampling: exact on band-limited signals, registered, level kept, no wrap-around."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparsescope.errors import InputError, RecipeError
from sparsescope.preprocess.upsample import insert_zeros, upsample

FACTORS = st.integers(1, 4)
SHAPES = st.tuples(st.integers(1, 33), st.integers(1, 33))


def centres(count: int, factor: int) -> np.ndarray:
    """Centres of the fine pixels in input pixels, counted from the field's left border."""
    return (np.arange(count * factor) + 0.5) / factor


def centroid_um(plane: np.ndarray, pixel_size_um: float) -> np.ndarray:
    """Centroid in µm from the field's upper left corner."""
    grids = np.meshgrid(*[(np.arange(n) + 0.5) * pixel_size_um for n in plane.shape], indexing="ij")
    return np.array([(plane * grid).sum() / plane.sum() for grid in grids])


def gaussian(shape: tuple[int, int], centre: tuple[float, float], sigma: float) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * sigma**2))


@given(data=st.data(), shape=SHAPES, factor=FACTORS)
def test_a_cosine_that_fits_the_field_lands_on_its_analytic_values(
    data: st.DataObject, shape: tuple[int, int], factor: int
) -> None:
    k, q = data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))

    def wave(finer: int) -> np.ndarray:
        along_y = np.cos(np.pi * k * centres(shape[0], finer) / shape[0])
        along_x = np.cos(np.pi * q * centres(shape[1], finer) / shape[1])
        return np.outer(along_y, along_x)

    assert np.abs(upsample(wave(1), factor) - wave(factor)).max() < 3e-6


@pytest.mark.parametrize("factor", [2, 3])
def test_a_cosine_of_any_phase_is_exact_away_from_the_borders(factor: int) -> None:
    def wave(finer: int) -> np.ndarray:
        along_x = np.cos(2 * np.pi * centres(201, finer) / 7.3 + 0.9)
        return np.outer(np.ones(9 * finer), along_x)

    error = np.abs(upsample(wave(1), factor) - wave(factor))
    assert error[:, 60 * factor : -60 * factor].max() < 2e-3
    assert error.max() < 0.15  # the mirror image has a kink at the border


@given(shape=SHAPES, factor=FACTORS, value=st.floats(-1e5, 1e5, width=32))
def test_a_constant_stays_that_constant(shape: tuple[int, int], factor: int, value: float) -> None:
    result = upsample(np.full(shape, value), factor)
    assert result.shape == (shape[0] * factor, shape[1] * factor)
    assert result.dtype == np.float32
    assert np.abs(result - value).max() <= 2e-6 * abs(value)


@given(plane=hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 1000, width=32)), factor=FACTORS)
def test_the_mean_is_kept(plane: np.ndarray, factor: int) -> None:
    mean = upsample(plane, factor).mean(dtype=np.float64)
    assert abs(mean - plane.mean(dtype=np.float64)) <= 1e-6 * max(np.abs(plane).max(), 1e-30)


@pytest.mark.parametrize("shape", [(40, 40), (41, 37), (40, 63)])
@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("centre", [(18.0, 20.0), (19.31, 17.77)])
def test_a_spot_keeps_its_place_in_micrometres(
    shape: tuple[int, int], factor: int, centre: tuple[float, float]
) -> None:
    plane = gaussian(shape, centre, 1.5)
    before = centroid_um(plane, 0.1)
    after = centroid_um(upsample(plane, factor).astype(np.float64), 0.1 / factor)
    assert np.abs(after - before).max() < 1e-3 * 0.1


@pytest.mark.parametrize("factor", [2, 3])
def test_a_band_limited_spot_gets_its_true_values_between_the_pixels(factor: int) -> None:
    y, x = np.meshgrid(centres(40, factor) - 0.5, centres(51, factor) - 0.5, indexing="ij")
    true = np.exp(-((y - 19.3) ** 2 + (x - 30.8) ** 2) / (2 * 1.5**2))
    assert np.abs(upsample(gaussian((40, 51), (19.3, 30.8), 1.5), factor) - true).max() < 1e-4


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_mean_over_each_old_pixel_is_nearly_its_old_value(factor: int) -> None:
    plane = gaussian((30, 41), (14.2, 20.7), 3.0)
    blocks = upsample(plane, factor).reshape(30, factor, 41, factor).mean(axis=(1, 3))
    assert np.abs(blocks - plane).max() < 0.02


def test_opposite_borders_do_not_see_each_other() -> None:
    plane = np.zeros((200, 60))
    plane[0] = 1.0
    fine = upsample(plane, 2)
    assert np.abs(fine[-20:]).max() < 5e-3  # a wrapped transform rings there with 0.2
    assert fine[:2].mean() > 0.9


@given(plane=hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 100, width=32)))
def test_up_sampling_commutes_with_mirroring_and_transposing(plane: np.ndarray) -> None:
    fine = upsample(plane, 2)
    assert np.allclose(upsample(plane[::-1, ::-1], 2), fine[::-1, ::-1], atol=1e-4)
    assert np.allclose(upsample(plane.T, 2), fine.T, atol=1e-4)


def test_planes_are_treated_one_by_one_and_the_input_is_not_written_into() -> None:
    movie = np.random.default_rng(0).integers(0, 60_000, (2, 3, 9, 14)).astype(np.uint16)
    movie.flags.writeable = False
    fine = upsample(movie, 2)
    assert fine.shape == (2, 3, 18, 28)
    for index in np.ndindex(2, 3):
        assert np.array_equal(fine[index], upsample(movie[index], 2))


def test_factor_one_is_a_copy() -> None:
    plane = np.random.default_rng(0).random((5, 6)).astype(np.float32)
    copy = upsample(plane, 1)
    assert np.array_equal(copy, plane)
    assert not np.shares_memory(copy, plane)


@pytest.mark.parametrize("factor", [0, -2, 1.5, 17, True, "2"])
def test_a_factor_that_is_not_a_whole_number_from_1_to_16_is_refused(factor: int) -> None:
    with pytest.raises(RecipeError, match="whole number from 1 to 16"):
        upsample(np.ones((4, 4)), factor)


def test_pixels_that_are_not_finite_are_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match="hot_pixels='adaptive'"):
        upsample(np.array([[1.0, np.nan], [1.0, 1.0]]), 2)


@pytest.mark.parametrize("shape", [(7,), (0, 5), (3, 0, 4)])
def test_an_array_without_planes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="no planes"):
        upsample(np.ones(shape), 2)


@given(plane=hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 1000, width=32)), factor=FACTORS)
def test_inserted_zeros_keep_the_mean_and_surround_each_pixel(plane: np.ndarray, factor: int) -> None:
    fine = insert_zeros(plane, factor)
    assert fine.shape == (plane.shape[0] * factor, plane.shape[1] * factor)
    assert fine.dtype == np.float32
    assert np.array_equal(fine[(factor - 1) // 2 :: factor, (factor - 1) // 2 :: factor], plane * factor**2)
    assert np.count_nonzero(fine) == np.count_nonzero(plane)


def test_inserted_zeros_leave_the_plane_in_its_place_for_odd_factors() -> None:
    plane = gaussian((40, 41), (19.31, 17.77), 1.5).astype(np.float32)
    after = centroid_um(insert_zeros(plane, 3).astype(np.float64), 0.1 / 3)
    np.testing.assert_allclose(after, centroid_um(plane, 0.1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("factor", [0, 17, 1.5, True])
def test_zeros_are_inserted_by_whole_factors_only(factor: float) -> None:
    with pytest.raises(RecipeError, match="a whole number from 1 to 16"):
        insert_zeros(np.ones((3, 3), np.float32), factor)  # type: ignore[arg-type]
