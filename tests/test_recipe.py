"""The one place of every parameter: ranges, messages, and TOML both ways."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sparsescope as ss
from sparsescope.errors import RecipeError
from sparsescope.recipe import DEFAULTS, Background, Recipe, allowed

values = st.fixed_dictionaries(
    {},
    optional={
        "intent": st.sampled_from(["cautious", "balanced", "sharp"]),
        "hot_pixels": st.sampled_from(["none", "adaptive"]),
        "background": st.sampled_from(["auto", *get_args(Background)]),
        "upsample": st.integers(1, 8),
        "upsample_method": st.sampled_from(["model", "fourier", "zeros"]),
        "borders": st.sampled_from(["masked", "mirror"]),
        "fidelity": st.just("auto") | st.floats(1e-6, 1e6),
        "sparsity": st.just("auto") | st.floats(0, 1e5),
        "continuity": st.just("auto") | st.floats(0, 1e3),
        "continuity_t": st.just("auto") | st.floats(0, 1e3),
        "z_weighting": st.sampled_from(["published", "physical"]),
        "sparse_iterations": st.just("auto") | st.integers(0, 10**6),
        "tolerance": st.none() | st.floats(1e-9, 0.99),
        "deconvolution": st.sampled_from(["rl", "landweber", "none"]),
        "deconvolution_iterations": st.just("auto") | st.integers(0, 10**5),
        "resolution_um": st.just("auto") | st.floats(1e-6, 1e3),
    },
)


@given(values)
def test_a_recipe_survives_its_own_text(given_values: dict[str, Any]) -> None:
    recipe = Recipe(**given_values)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    for name, value in given_values.items():
        assert getattr(recipe, name) == value


@given(values)
def test_given_names_what_was_set_on_purpose(given_values: dict[str, Any]) -> None:
    assert Recipe(**given_values).given == {name for name, value in given_values.items() if value != "auto"}


WRONG = [
    ("intent", "bold", "intent = 'bold' is not allowed: one of cautious, balanced, sharp"),
    ("fidelity", 0, "fidelity = 0 is not allowed: auto, or a number > 0 and <= 1e+06"),
    ("fidelity", 2e6, "auto, or a number > 0 and <= 1e+06"),
    ("fidelity", math.nan, "fidelity = nan is not allowed"),
    ("fidelity", math.inf, "fidelity = inf is not allowed"),
    ("fidelity", "high", "fidelity = 'high' is not allowed"),
    ("sparsity", -1, "sparsity = -1 is not allowed: auto, or a number >= 0 and <= 100000"),
    ("continuity", -0.1, "auto, or a number >= 0 and <= 1000"),
    ("continuity", None, "continuity = None is not allowed"),
    ("continuity_t", -1, "auto, or a number >= 0 and <= 1000"),
    ("z_weighting", "um", "z_weighting = 'um' is not allowed: one of published, physical"),
    ("sparse_iterations", -1, "auto, or a whole number >= 0 and <= 1e+06"),
    ("sparse_iterations", 1.5, "sparse_iterations = 1.5 is not allowed"),
    ("deconvolution_iterations", 200000, "auto, or a whole number >= 0 and <= 100000"),
    ("tolerance", 0, "tolerance = 0 is not allowed: a number > 0 and < 1, or nothing (leave it out)"),
    ("tolerance", 1, "a number > 0 and < 1"),
    ("tolerance", "auto", "tolerance = 'auto' is not allowed"),
    ("upsample", 9, "upsample = 9 is not allowed: a whole number >= 1 and <= 8"),
    ("upsample_method", "zero", "upsample_method = 'zero' is not allowed: one of model, fourier, zeros"),
    ("borders", "periodic", "borders = 'periodic' is not allowed: one of masked, mirror, published"),
    ("intensity", "kept", "intensity = 'kept' is not allowed: one of auto, published, restored, unbiased"),
    ("psf_model", "bessel", "psf_model = 'bessel' is not allowed: one of auto, gaussian, airy, optics, given"),
    ("dimensions", 3, "dimensions = 3 is not allowed: one of auto, 2d, 3d"),
    ("deconvolution", "RL", "deconvolution = 'RL' is not allowed: one of rl, landweber, none"),
    ("hot_pixels", "yes", "one of none, adaptive"),
    ("background", "weak", "background = 'weak' is not allowed: auto, or one of none, flat, smooth-wide"),
    ("resolution_um", 0, "auto, or a number > 0 and <= 1000"),
]


@pytest.mark.parametrize(("name", "value", "text"), WRONG, ids=str)
def test_a_value_out_of_range_is_repeated_with_what_is_allowed(name: str, value: Any, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe(**{name: value})
    assert text in str(caught.value)
    assert "\n" not in str(caught.value), "one line, not a library's report"


def test_every_parameter_has_a_wrong_value_in_that_table() -> None:
    assert {name for name, _, _ in WRONG} == set(Recipe.model_fields)


def test_an_unknown_parameter_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="unknown parameter 'fidelty'; known are intent, hot_pixels, background"):
        Recipe(fidelty=150)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(RecipeError, match=r"fidelity = -1 is not allowed.*; sparsity = -2 is not allowed"):
        Recipe(fidelity=-1, sparsity=-2)


def test_every_parameter_says_what_it_does_and_what_is_allowed() -> None:
    for name, field in Recipe.model_fields.items():
        assert field.description, name
        assert allowed(name), name


def test_defaults_are_documented_for_every_parameter_that_is_automatic() -> None:
    automatic = {name for name in Recipe.model_fields if getattr(Recipe(), name) == "auto"}
    assert automatic == set(DEFAULTS) | {"resolution_um", "psf_model", "dimensions", "intensity"}
    Recipe(**DEFAULTS)


def test_the_names_and_settings_of_the_issue_are_accepted() -> None:
    recipe = ss.Recipe(
        fidelity=150, sparsity=10, continuity=0.5, sparse_iterations=100, background="none",
        deconvolution="rl", deconvolution_iterations=7, hot_pixels="none", upsample=1,
    )  # fmt: skip
    assert recipe.fidelity == 150
    assert recipe.given == set(Recipe.model_fields) - {
        "intent",
        "tolerance",
        "resolution_um",
        "continuity_t",
        "z_weighting",
        "upsample_method",
        "borders",
        "psf_model",
        "dimensions",
        "intensity",
    }


def test_a_copy_with_changes_is_checked_and_keeps_what_was_not_set_unset() -> None:
    recipe = Recipe(fidelity=200)
    changed = recipe.replace(sparsity=3)
    assert changed.given == {"fidelity", "sparsity"}
    assert recipe.given == {"fidelity"}
    with pytest.raises(RecipeError, match="sparsity = -3"):
        recipe.replace(sparsity=-3)


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Recipe().fidelity = 3.0  # type: ignore[misc]


def test_a_recipe_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(Recipe(fidelity=77, tolerance=1e-3).to_toml(), encoding="utf-8")
    assert Recipe.load(path) == Recipe.load(str(path)) == Recipe(fidelity=77, tolerance=1e-3)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"fidelity = ", "the recipe is not valid TOML"),
        (b"fidelity = [1]", "fidelity = \\[1\\] is not allowed"),
        (b"[table]\nx = 1", "unknown parameter 'table'"),
        (b"\xff\xfe\x00", "cannot read the recipe"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(content: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=text):
        Recipe.load(path)


def test_a_recipe_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*missing.toml"):
        Recipe.load(tmp_path / "missing.toml")
