"""From image to result: the shape of the PSF is chosen where it is open, said with its source, and repeated."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
import pytest

import sparsescope as ss
from sparsescope import Recipe
from sparsescope.optics.airy import airy_psf
from sparsescope.report.methods import methods_text
from sparsescope.simulate.simulation import Simulation, simulate

PIXEL_UM, WIDTH_UM = 0.065, 0.26
FIXED = Recipe(
    fidelity=150, sparsity=1, continuity=0, background="flat", sparse_iterations=20, deconvolution_iterations=8
)  # fmt: skip


@cache
def scene(psf: Literal["gauss", "airy"]) -> Any:
    return simulate(Simulation("filaments", (128, 128), PIXEL_UM, WIDTH_UM, psf=psf, photons=3000, background=0.02))


def frame(psf: Literal["gauss", "airy"]) -> ss.Image:
    return ss.as_image(np.asarray(scene(psf).image).reshape(128, 128), "YX", pixel_size_um=PIXEL_UM)


@cache
def plan(psf: Literal["gauss", "airy"], **changes: Any) -> Any:
    return ss.plan(frame(psf), Recipe(**changes), resolution_um=WIDTH_UM)


@pytest.mark.parametrize(("psf", "model"), [("airy", "airy"), ("gauss", "gaussian")])
def test_the_shape_is_told_from_the_image(psf: Literal["gauss", "airy"], model: str) -> None:
    found = plan(psf)
    assert (found.recipe.psf_model, found.sources["psf_model"]) == (model, "auto")
    assert any("Airy pattern" in note for note in found.notes) == (model == "airy")
    sampled = found.spread(None).psf
    assert (sampled is None) == (model == "gaussian")
    if sampled is not None:
        assert np.allclose(sampled.data, airy_psf((4.0, 4.0)), atol=1e-7)


def test_what_is_set_stays() -> None:
    asked = plan("airy", psf_model="gaussian")
    assert (asked.recipe.psf_model, asked.sources["psf_model"]) == ("gaussian", "recipe")
    asked = plan("gauss", psf_model="airy")
    assert (asked.recipe.psf_model, asked.sources["psf_model"]) == ("airy", "recipe")
    assert asked.tuning[0].rehearsed != plan("gauss").tuning[0].rehearsed, "it is used for the choice, too"


def test_where_nothing_else_is_chosen_or_borders_are_mirrored_it_is_a_gaussian() -> None:
    every = ss.plan(frame("airy"), FIXED, resolution_um=WIDTH_UM)
    assert (every.recipe.psf_model, every.sources["psf_model"]) == ("gaussian", "default")
    assert plan("airy", borders="mirror").recipe.psf_model == "gaussian"


def test_the_airy_pattern_of_the_recipe_is_the_one_that_an_array_gives() -> None:
    image = frame("airy")
    recipe = FIXED.replace(background="none")
    named = ss.deconvolve(image, recipe.replace(psf_model="airy"), resolution_um=WIDTH_UM)
    given = ss.deconvolve(image, recipe, psf=airy_psf((4.0, 4.0)))
    assert np.array_equal(named.image.data, given.image.data)
    text = methods_text(image, named)
    assert "an Airy pattern of 260 nm full width at half maximum as PSF" in text


def test_a_result_with_a_chosen_airy_pattern_is_nearer_to_the_truth_than_with_a_gaussian() -> None:
    truth = np.asarray(scene("airy").truth, float).reshape(128, 128)[12:-12, 12:-12]

    def likeness(recipe: Recipe) -> float:
        made = ss.deconvolve(frame("airy"), recipe, resolution_um=WIDTH_UM).image.data
        return float(np.corrcoef(np.asarray(made, float)[12:-12, 12:-12].ravel(), truth.ravel())[0, 1])

    assert likeness(Recipe()) > likeness(Recipe(psf_model="gaussian")) + 0.01


def test_it_is_on_the_grid_of_the_result_where_that_is_finer() -> None:
    image = frame("airy")
    made = ss.deconvolve(image, FIXED.replace(psf_model="airy", upsample=2), resolution_um=WIDTH_UM)
    assert made.image.data.shape == (256, 256)
    assert made.psfs[0] is not None
    assert np.allclose(made.psfs[0].data, airy_psf((8.0, 8.0)), atol=1e-7)


def test_the_curve_of_the_choice_holds_what_was_tried_before_the_shape_was_known() -> None:
    curve = plan("airy").tuning[0].curve
    assert len({point.fidelity for point in curve}) > 3
    assert len({point.key for point in curve}) == len(curve)
