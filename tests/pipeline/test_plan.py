"""Every number is decided before anything is computed, and says where it came from."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from problems import counts
from sparsescope.errors import InputError, RecipeError
from sparsescope.pipeline import stages
from sparsescope.recipe import DEFAULT_RESOLUTION_PX, DEFAULTS, Recipe
from sparsescope.solvers.sparse_hessian import CertifiedHessian

FRAME = np.ones((64, 48), np.float32)


def image(axes: str = "YX", shape: tuple[int, ...] = (64, 48), **fields: Any) -> ss.Image:
    return ss.Image(np.ones(shape, np.float32), axes, fields.pop("spacing_um", {"x": 0.1, "y": 0.1}), **fields)


def test_auto_stands_for_the_documented_defaults_where_the_image_cannot_tell() -> None:
    made = ss.plan(image())
    for name, value in DEFAULTS.items():
        assert getattr(made.recipe, name) == value
        assert made.sources[name] == "default"
    assert "auto" not in made.recipe.model_dump().values()
    assert made.recipe.resolution_um == pytest.approx(DEFAULT_RESOLUTION_PX * 0.1)
    assert made.sources["resolution_um"] == "default"
    assert any("the resolution is not known and taken as 3 pixels = 0.3 µm" in note for note in made.notes)


def test_what_is_open_is_chosen_from_the_image_and_what_is_set_is_kept() -> None:
    source = ss.as_image(counts((64, 66)), pixel_size_um=0.1)
    made = ss.plan(source, Recipe(fidelity=222, background="none"), resolution_um=0.3, origins={"fidelity": "flag"})
    assert (made.recipe.fidelity, made.recipe.background) == (222, "none")
    assert (made.sources["fidelity"], made.sources["background"]) == ("flag", "recipe")
    assert made.sources["sparsity"] == made.sources["deconvolution_iterations"] == "auto"
    assert "auto" not in made.recipe.model_dump().values()
    assert made.tuning[0] is not None
    assert made.tuning[0].values["sparsity"] == made.recipe.sparsity


def test_a_plan_that_was_made_is_not_made_again() -> None:
    source = ss.as_image(counts((40, 41)), pixel_size_um=0.1)
    made = ss.plan(source, Recipe(sparse_iterations=9))
    chosen, again = ss.deconvolve(source, planned=made), ss.deconvolve(source, made.recipe)
    assert chosen.recipe == made.recipe
    assert dict(chosen.sources) == dict(made.sources)
    assert np.array_equal(chosen.image.data, again.image.data)


def test_every_parameter_has_a_source() -> None:
    assert set(ss.plan(image()).sources) == set(Recipe.model_fields)
    assert set(ss.plan(image(), Recipe(deconvolution="none")).sources) == set(Recipe.model_fields)


def test_a_value_that_was_set_keeps_it_and_names_its_source() -> None:
    recipe = Recipe(fidelity=200, continuity=0, upsample=1, resolution_um=0.4, background="none")
    made = ss.plan(image(), recipe, origins={"fidelity": "flag"})
    assert made.sources["fidelity"] == "flag"
    for name in ("continuity", "upsample", "resolution_um", "background"):
        assert made.sources[name] == "recipe"
        assert getattr(made.recipe, name) == getattr(recipe, name)
    for name in ("sparsity", "sparse_iterations", "deconvolution"):
        assert made.sources[name] == "default"


def test_auto_written_out_is_not_a_value_that_was_set() -> None:
    assert ss.plan(image(), Recipe(fidelity="auto")).sources["fidelity"] == "default"


def test_the_resolution_given_as_an_argument_wins_over_recipe_and_file() -> None:
    known = image(channels=[ss.Channel(emission_nm=500.0)], meta={"numerical_aperture": 1.0})
    made = ss.plan(known, Recipe(resolution_um=0.4), resolution_um=0.5)
    assert (made.recipe.resolution_um, made.sources["resolution_um"], made.fwhm_px) == (0.5, "flag", 5.0)


def test_the_resolution_in_the_recipe_wins_over_the_file() -> None:
    known = image(channels=[ss.Channel(emission_nm=500.0)], meta={"numerical_aperture": 1.0})
    made = ss.plan(known, Recipe(resolution_um=0.4))
    assert (made.recipe.resolution_um, made.sources["resolution_um"]) == (0.4, "recipe")


def test_the_optics_of_the_file_give_the_resolution() -> None:
    known = image(channels=[ss.Channel(emission_nm=500.0)], meta={"numerical_aperture": 1.25})
    made = ss.plan(known)
    assert made.recipe.resolution_um == pytest.approx(0.51 * 0.5 / 1.25)
    assert made.sources["resolution_um"] == "file"
    assert any("0.51 λ/NA = 0.204 µm (λ 500 nm, NA 1.25 from the file)" in note for note in made.notes)


@pytest.mark.parametrize(
    "fields",
    [
        {"meta": {"numerical_aperture": 1.25}},
        {"channels": [ss.Channel(emission_nm=500.0)]},
        {"channels": [ss.Channel(emission_nm=500.0)], "meta": {"numerical_aperture": 1.25, "modality": "STED"}},
    ],
    ids=["no wavelength", "no aperture", "STED"],
)
def test_optics_that_do_not_say_the_resolution_are_not_used(fields: dict[str, Any]) -> None:
    assert ss.plan(image(**fields)).sources["resolution_um"] == "default"


def test_a_missing_pixel_size_is_asked_for_by_its_flag() -> None:
    with pytest.raises(InputError, match=r"the pixel size is not known.*add --pixel-size-um 0.065"):
        ss.deconvolve(FRAME)


def test_without_a_psf_no_pixel_size_is_needed() -> None:
    made = ss.plan(ss.as_image(FRAME), Recipe(deconvolution="none"))
    assert (made.fwhm_px, made.fwhm_yx_px, made.recipe.resolution_um) == (None, None, "auto")


@pytest.mark.parametrize(("y_um", "letter", "size"), [(0.1, "X", 48), (0.05, "Y", 64)])
def test_a_psf_wider_than_the_image_is_refused_with_both_widths(y_um: float, letter: str, size: int) -> None:
    given = image(spacing_um={"x": 0.1, "y": y_um})
    pattern = rf"the PSF is wider than the image: resolution 5 µm is .* pixels, the image has {size} along {letter}"
    with pytest.raises(RecipeError, match=pattern):
        ss.plan(given, Recipe(resolution_um=5.0))
    ss.plan(given, Recipe(resolution_um=3.1))


def test_a_psf_under_two_pixels_is_warned_of() -> None:
    assert any("only 1.5 pixels wide" in note for note in ss.plan(image(), Recipe(resolution_um=0.15)).notes)
    assert not any("pixels wide" in note for note in ss.plan(image(), Recipe(resolution_um=0.25)).notes)


@pytest.mark.parametrize(
    ("axes", "shape", "axis"),
    [
        ("YX", (64, 48), None),
        ("TYX", (3, 64, 48), "T"),
        ("TYX", (2, 64, 48), None),
        ("ZYX", (3, 64, 48), "Z"),
        ("TZYX", (5, 3, 64, 48), "Z"),
        ("TZYX", (5, 2, 64, 48), None),
        ("CYX", (5, 64, 48), None),
        ("TCZYX", (1, 2, 4, 64, 48), "Z"),
    ],
)
def test_continuity_acts_along_z_where_there_is_z_else_along_t(
    axes: str, shape: tuple[int, ...], axis: str | None
) -> None:
    assert ss.plan(image(axes, shape)).axis == axis
    assert ss.plan(image(axes, shape), Recipe(continuity=0)).axis is None
    assert ss.plan(image(axes, shape), Recipe(sparse_iterations=0)).axis is None
    assert ss.plan(image(axes, shape), Recipe(sparse_iterations=0, tolerance=0.01)).axis == axis


KINDS = [(np.ones((9, 9), bool), "true/false"), (np.ones((9, 9), complex), "complex"), (np.full((9, 9), "a"), "<U1")]


@pytest.mark.parametrize(("array", "kind"), KINDS, ids=[kind for _, kind in KINDS])
def test_pixels_that_are_no_intensities_are_refused(array: np.ndarray, kind: str) -> None:
    with pytest.raises(InputError, match=f"the pixels are {kind}.*allowed are integers and real numbers"):
        ss.deconvolve(array, pixel_size_um=0.1)


def test_a_result_carries_what_the_plan_decided() -> None:
    recipe = Recipe(fidelity=200, sparse_iterations=5)
    source = ss.as_image(counts((40, 41)), pixel_size_um=0.1)
    made, result = ss.plan(source, recipe), ss.deconvolve(source, recipe, threads=1)
    assert result.recipe == made.recipe
    assert dict(result.sources) == dict(made.sources)
    assert set(made.notes) <= set(result.notes)
    assert result.engine == "cpu, 1 thread"
    assert result.outcome == "all iterations done"
    assert result.seconds > 0
    assert ss.deconvolve(source, recipe, engine="numpy").engine == "numpy, 1 thread"


def test_the_recipe_of_a_result_repeats_it() -> None:
    data = counts((40, 41))
    first = ss.deconvolve(data, Recipe(sparse_iterations=9), pixel_size_um=0.1)
    again = ss.deconvolve(data, Recipe.from_toml(first.recipe.to_toml()), pixel_size_um=0.1)
    assert np.array_equal(first.image.data, again.image.data)
    assert again.sources["fidelity"] == "recipe"


def test_the_provenance_holds_what_repeats_the_run() -> None:
    source = ss.as_image(counts((40, 41)), pixel_size_um=0.1)
    result = ss.deconvolve(source, Recipe(sparse_iterations=9), resolution_um=0.25)
    made = result.image.meta["provenance"]
    assert made["software"] == "sparsescope"
    assert made["version"] == ss.__version__
    assert Recipe.from_toml(made["recipe"]) == result.recipe
    assert made["sources"] == dict(result.sources)
    assert made["fwhm_px"] == 2.5
    assert (made["axes"], made["spacing_um"], made["notes"]) == ("YX", {"x": 0.1, "y": 0.1}, list(result.notes))
    assert "input" not in made, "an array has no path"


@pytest.mark.parametrize("method", ["rl", "landweber", "none"])
def test_a_run_that_stops_at_its_limit_says_so(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "CertifiedHessian", partial(CertifiedHessian, limit=25))
    recipe = Recipe(tolerance=1e-7, deconvolution=method, background="none")
    result = ss.deconvolve(counts((30, 31)), recipe, pixel_size_um=0.1)
    assert "stopped at the iteration limit" in result.outcome
    assert result.outcome in result.notes
    easy = ss.deconvolve(counts((30, 31)), recipe.replace(tolerance=0.5), pixel_size_um=0.1)
    assert easy.outcome.startswith("converged")
    assert easy.outcome not in easy.notes


def test_a_certified_result_has_exact_zeros() -> None:
    recipe = Recipe(tolerance=2e-3, deconvolution="none", background="none", fidelity=150, sparsity=10)
    result = ss.deconvolve(counts((50, 51)), recipe)
    assert 0.1 < np.mean(result.image.data == 0) < 1
    assert result.outcome.startswith("converged")
