"""Counts in, counts out: scale, flux, background, and what is said about them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import sparsescope as ss
from problems import counts, settings
from sparsescope.engines import pick
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.preprocess.background import background
from sparsescope.preprocess.upsample import upsample
from sparsescope.solvers.data_term import DataTerm
from sparsescope.solvers.landweber import Landweber
from sparsescope.solvers.loop import solve
from sparsescope.solvers.richardson_lucy import RichardsonLucy

SIZES: dict[str, Any] = {"pixel_size_um": 0.1, "resolution_um": 0.3}

RECIPES = {
    "all stages": settings(sparse_iterations=20),
    "no background": settings(sparse_iterations=20, background="none"),
    "landweber": settings(sparse_iterations=20, deconvolution="landweber"),
    "sparse stage alone": settings(sparse_iterations=20, background="none", deconvolution="none"),
    "second stage alone": settings(sparse_iterations=0, background="strong-low-light"),
    "certified": settings(tolerance=5e-3, background="weak-low-light"),
    "finer": settings(sparse_iterations=20, upsample=2),
    "hot pixels": settings(sparse_iterations=20, hot_pixels="adaptive"),
    "nothing": settings(sparse_iterations=0, background="none", deconvolution="none"),
}
recipes = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
second_stages = pytest.mark.parametrize("method", ["rl", "landweber"])


def total(array: Any) -> float:
    return float(np.sum(array, dtype=np.float64))


@recipes
def test_seven_times_the_counts_give_seven_times_the_result(recipe: ss.Recipe) -> None:
    data = counts((50, 54)).astype(np.float32)
    once, seven = ss.deconvolve(data, recipe, **SIZES), ss.deconvolve(7 * data, recipe, **SIZES)
    assert once.image.data.max() > 100
    np.testing.assert_allclose(
        seven.image.data, 7 * once.image.data, rtol=0, atol=7e-5 * once.image.data.max(), err_msg="to float accuracy"
    )


@recipes
def test_a_power_of_two_changes_no_digit(recipe: ss.Recipe) -> None:
    data = counts((50, 54)).astype(np.float32)
    once, eight = ss.deconvolve(data, recipe, **SIZES), ss.deconvolve(data / 8, recipe, **SIZES)
    if recipe.hot_pixels == "none":  # one count is the unit there
        assert np.array_equal(once.image.data, 8 * eight.image.data)
    assert once.measures == pytest.approx(eight.measures, rel=1e-3)


@recipes
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint64", "float32", "float64", ">u2"])
def test_every_type_of_number_gives_the_same_float32_result_and_is_not_written_into(
    recipe: ss.Recipe, dtype: str
) -> None:
    data = (counts((40, 41)) % 256).astype(dtype)
    before = data.copy()
    data.setflags(write=False)
    result = ss.deconvolve(data, recipe, **SIZES)
    assert result.image.dtype == np.float32
    assert np.array_equal(data, before)
    assert not np.shares_memory(result.image.data, data)
    assert np.array_equal(result.image.data, ss.deconvolve(before.astype(np.float32), recipe, **SIZES).image.data)


def test_with_every_stage_left_out_the_image_comes_back_as_it_was() -> None:
    data = counts((40, 41))
    result = ss.deconvolve(data, RECIPES["nothing"])
    assert np.array_equal(result.image.data, data)
    assert result.notes == ()
    assert result.background is None


@second_stages
@pytest.mark.parametrize("seed", range(3))
def test_the_deconvolution_keeps_the_sum(method: str, seed: int) -> None:
    data = np.pad(counts((40, 30), seed, behind=0), 10)  # nothing is cut by the border
    recipe = settings(background="none", sparse_iterations=0, deconvolution=method, deconvolution_iterations=30)
    result = ss.deconvolve(data, recipe, **SIZES)
    assert total(result.image.data) == pytest.approx(total(data), rel=5e-3)
    assert abs(result.measures["deconvolution_flux_change_percent"]) < 1e-3
    assert result.measures["field_sum_change_percent"] == pytest.approx(
        100 * (total(result.image.data) / total(data) - 1)
    )
    assert any(note.startswith("flux kept by the deconvolution") for note in result.notes)
    assert not any("sum over the field" in note for note in result.notes)


@second_stages
def test_light_near_the_border_is_counted_where_its_source_lies(method: str) -> None:
    """Half of a line of points just beyond the border falls into the field: that light is not theirs to keep."""
    true = np.zeros((40, 64))
    true[4:-4:4, 31] = 4000
    image = gaussian_filter(true, 3.0 / 2.3548).astype(np.float32)[:, 32:]
    recipe = settings(background="none", sparse_iterations=0, deconvolution=method, deconvolution_iterations=60)
    result = ss.deconvolve(image, recipe, **SIZES)
    assert abs(result.measures["deconvolution_flux_change_percent"]) < 1e-3
    assert total(result.image.data) < 0.6 * total(image)
    change = 100 * (total(result.image.data) / total(image) - 1)
    assert any(note.startswith(f"the sum over the field changed by {change:+.2g} %") for note in result.notes)


@second_stages
def test_the_second_stage_alone_is_the_solver_on_the_data(method: str) -> None:
    data = counts((40, 44)).astype(np.float32)
    recipe = settings(background="none", sparse_iterations=0, deconvolution=method, deconvolution_iterations=12)
    result = ss.deconvolve(data, recipe, **SIZES)
    kernel, scale = gaussian_kernel1d(3.0), data.max()
    term = DataTerm(pick().imaging((kernel, kernel), data.shape))
    expected = solve((RichardsonLucy if method == "rl" else Landweber)(term, 12), data / scale).value * scale
    expected *= total(data) / total(term.imaging.forward(expected))
    expected = expected[term.imaging.field]
    np.testing.assert_allclose(result.image.data, expected, rtol=0, atol=1e-5 * expected.max())


@second_stages
def test_without_the_sparse_stage_the_background_is_in_the_model_not_subtracted(method: str) -> None:
    data = counts((60, 64)).astype(np.float32)
    recipe = settings(
        background="strong-low-light", sparse_iterations=0, deconvolution=method, deconvolution_iterations=9
    )
    result = ss.deconvolve(data, recipe, **SIZES)
    assert result.background is not None
    behind = np.asarray(result.background.data)
    kernel, scale = gaussian_kernel1d(3.0), np.float32((data - behind).max())
    solver = RichardsonLucy if method == "rl" else Landweber
    term = DataTerm(pick().imaging((kernel, kernel), data.shape))
    expected = solve(solver(term, 9, behind / scale), data / scale).value[term.imaging.field] * scale
    np.testing.assert_allclose(result.image.data, expected, rtol=0, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    "mode", ["weak-high-light", "strong-high-light", "weak-low-light", "medium-low-light", "strong-low-light"]
)
def test_the_background_is_returned_in_counts(mode: str) -> None:
    data = counts((3, 60, 64))
    result = ss.deconvolve(data, settings(background=mode, sparse_iterations=10), axes="TYX", **SIZES)
    assert result.background is not None
    assert result.background.axes == "TYX"
    assert result.background.dtype == np.float32
    expected = background(data.astype(np.float32), mode, scale=float(data.max()), mean=float(data.mean()))
    np.testing.assert_allclose(result.background.data, expected, rtol=0, atol=1e-3)
    assert 1 < expected.max() < data.max(), "counts, not fractions of the maximum"
    assert result.measures["background_removed_percent"] == pytest.approx(100 * total(expected) / total(data), rel=1e-4)


def test_the_measures_are_those_of_the_arrays() -> None:
    data = counts((60, 64))
    sparse_only = ss.deconvolve(data, settings(deconvolution="none"))
    both = ss.deconvolve(data, settings(), **SIZES)
    assert sparse_only.background is not None
    left = total(data) - total(sparse_only.background.data)
    sparse = total(sparse_only.image.data)
    assert both.measures["background_removed_percent"] == pytest.approx(100 * (1 - left / total(data)), rel=1e-6)
    assert both.measures["sparsity_removed_percent"] == pytest.approx(100 * (1 - sparse / left), rel=1e-6)
    change = 100 * (total(both.image.data) / sparse - 1)
    assert both.measures["field_sum_change_percent"] == pytest.approx(change, abs=1e-9)
    assert both.measures["deconvolution_flux_change_percent"] == pytest.approx(0, abs=1e-9)
    assert 10 < both.measures["background_removed_percent"] < 90


def test_the_notes_say_the_measures() -> None:
    result = ss.deconvolve(counts((60, 64)), settings(fidelity=150, sparsity=10), **SIZES)
    said = " | ".join(result.notes)
    background_removed, sparsity = (
        result.measures["background_removed_percent"], result.measures["sparsity_removed_percent"],
    )  # fmt: skip
    assert f"background removed {background_removed:.1f} % of the sum" in said
    assert f"the sparse stage removed {sparsity:.1f} % of the signal above the background" in said
    assert re.search(r"flux kept by the deconvolution: what its result explains differs by [-+][\d.e-]+ %", said)


def test_sparsity_that_removes_much_is_warned_of_and_little_is_not() -> None:
    data = counts((60, 64))
    strong = ss.deconvolve(data, settings(fidelity=50, sparsity=20), **SIZES)
    weak = ss.deconvolve(data, settings(fidelity=200, sparsity=3), **SIZES)
    assert strong.measures["sparsity_removed_percent"] > 30 > weak.measures["sparsity_removed_percent"]
    assert any("lower --sparsity or raise --fidelity" in note for note in strong.notes)
    assert not any("lower --sparsity" in note for note in weak.notes)


def test_a_sum_that_is_not_kept_is_told() -> None:
    data = counts((60, 64)).astype(np.float32) - 25
    recipe = settings(background="none", sparse_iterations=0)
    result = ss.deconvolve(data, recipe, **SIZES)
    assert result.measures["deconvolution_flux_change_percent"] > 0.5
    assert any(note.startswith("flux NOT kept by the deconvolution") for note in result.notes)


def test_leaving_the_sparse_stage_out_differs_from_one_iteration_of_it() -> None:
    data = counts((50, 54))
    none = ss.deconvolve(data, settings(sparse_iterations=0), **SIZES)
    one = ss.deconvolve(data, settings(sparse_iterations=1), **SIZES)
    assert not any("sparse stage" in note for note in none.notes)
    assert any("sparse stage" in note for note in one.notes)
    assert not np.array_equal(none.image.data, one.image.data)


def test_finer_sampling_doubles_the_shape_halves_the_pixels_and_keeps_the_level() -> None:
    data = counts((3, 40, 44))
    recipe = settings(upsample=2, background="none", fidelity=1000, sparsity=0, sparse_iterations=20)
    fine, coarse = (
        ss.deconvolve(data, r, axes="CYX", z_step_um=0.5, **SIZES) for r in (recipe, recipe.replace(upsample=1))
    )
    assert fine.image.sizes == {"C": 3, "Y": 80, "X": 88}
    assert dict(fine.image.spacing_um) == {"x": 0.05, "y": 0.05, "z": 0.5}
    assert total(fine.image.data) == pytest.approx(4 * total(coarse.image.data), rel=0.01)
    blocks = np.asarray(fine.image.data).reshape(3, 40, 2, 44, 2).mean((2, 4))
    assert np.corrcoef(blocks.ravel(), np.asarray(coarse.image.data).ravel())[0, 1] > 0.99
    assert any("up-sampled ×2: values keep their level, so sums are 4 times larger" in note for note in fine.notes)
    assert fine.measures["deconvolution_flux_change_percent"] == pytest.approx(0, abs=1e-3)


def test_the_psf_is_sampled_more_finely_with_the_image() -> None:
    data = counts((40, 44)).astype(np.float32)
    recipe = settings(
        upsample=2, upsample_method="fourier", background="none", sparse_iterations=0, deconvolution_iterations=5
    )
    result = ss.deconvolve(data, recipe, **SIZES)
    by_hand = ss.deconvolve(
        upsample(data, 2), recipe.replace(upsample=1), pixel_size_um=0.05, resolution_um=0.3
    )  # the same field of view given finely
    np.testing.assert_allclose(result.image.data, by_hand.image.data, rtol=0, atol=2e-5 * by_hand.image.data.max())


def test_the_finer_background_stays_on_the_grid_of_the_input() -> None:
    result = ss.deconvolve(counts((40, 44)), settings(upsample=2, sparse_iterations=5), **SIZES)
    assert result.background is not None
    assert result.background.shape == (40, 44)
    assert result.background.pixel_size_um == 0.1


def test_pixels_that_are_not_square_get_a_psf_that_is_round_in_microns() -> None:
    data = counts((40, 44)).astype(np.float32)
    image = ss.Image(data, "YX", {"x": 0.1, "y": 0.2})
    made = ss.plan(image, settings(upsample=2), resolution_um=0.8)
    assert (made.fwhm_px, made.fwhm_yx_px) == (8.0, (8.0, 16.0))
    recipe = settings(background="none", sparse_iterations=0, deconvolution_iterations=8)
    value = ss.deconvolve(image, recipe, resolution_um=0.8).image.data
    imaging = pick().imaging((gaussian_kernel1d(4.0), gaussian_kernel1d(8.0)), data.shape)
    expected = solve(RichardsonLucy(DataTerm(imaging), 8), data / data.max()).value
    expected *= total(data) / total(imaging.forward(expected))
    expected = expected[imaging.field]
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-5 * expected.max())


def test_the_level_that_the_published_iteration_takes_away_is_given_back_where_its_weights_are_chosen() -> None:
    y, x = np.mgrid[:96, :96]
    clean = 600 * np.exp(-(((y - 48) / 9) ** 2 + ((x - 48) / 9) ** 2)) + 20
    data = np.random.default_rng(0).poisson(clean).astype(np.uint16)
    set_by_hand = ss.Recipe(fidelity=500, sparsity=15, continuity=0, background="none", deconvolution="none")
    dark = ss.deconvolve(data, set_by_hand, pixel_size_um=0.1)
    bright = ss.deconvolve(data, set_by_hand.replace(intensity="restored"), pixel_size_um=0.1)
    assert dark.recipe.intensity == "published"
    np.testing.assert_allclose(bright.image.data, dark.image.data * (1 + (15**2 - 15) / 500), rtol=1e-6)
    back = ss.deconvolve(data, set_by_hand.replace(intensity="unbiased"), pixel_size_um=0.1).image.data
    most = 15 / 500 * float(data.max())
    np.testing.assert_allclose(back, bright.image.data + np.minimum(bright.image.data, most), rtol=1e-5)
    open_ones = ss.deconvolve(data, ss.Recipe(sparsity=15, continuity=0), pixel_size_um=0.1, resolution_um=0.3)
    assert open_ones.recipe.intensity == "unbiased"
    light = float((data - 20.0).sum())
    assert float(open_ones.image.data.sum(dtype=float)) == pytest.approx(light, rel=0.25)
