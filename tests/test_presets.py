"""Published settings by name: each holds in the recipe, says where it was read, and changes nothing else."""

from __future__ import annotations

import re

import pytest

import sparsescope as ss
from sparsescope import Recipe, SparsescopeError
from sparsescope.presets import PRESETS, named
from sparsescope.recipe import DEFAULTS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_recipe_that_leaves_all_else_automatic(name: str) -> None:
    recipe, values = Recipe.preset(name), dict(PRESETS[name].values)
    assert recipe == Recipe(**values)
    assert recipe.given == set(values)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_is_for_and_where_its_numbers_stand(name: str) -> None:
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)
    assert re.search(r"github\.com/\S+|10\.\d{4}/\S+", PRESETS[name].source)
    assert 10 < len(PRESETS[name].about) < 70, "one line of a table"


def test_the_preset_of_the_published_program_has_a_value_for_every_parameter_that_is_otherwise_chosen() -> None:
    ours = {"continuity_t"}  # the published program ties nothing along t beside z
    assert set(DEFAULTS) - ours <= set(PRESETS["published-python"].values)


def test_changes_win_over_the_preset() -> None:
    assert Recipe.preset("published-matlab", sparsity=3, upsample=2) == Recipe(
        **{**PRESETS["published-matlab"].values, "sparsity": 3, "upsample": 2}
    )
    with pytest.raises(SparsescopeError, match=r"sparsity = -1 is not allowed"):
        Recipe.preset("published-matlab", sparsity=-1)


@pytest.mark.parametrize(
    "written", ["two-photon-nuclei", "Two-Photon-Nuclei", "two_photon nuclei", " TWO PHOTON NUCLEI "]
)
def test_a_name_is_found_however_it_is_written(written: str) -> None:
    assert named(written) is PRESETS["two-photon-nuclei"]


@pytest.mark.parametrize("name", [n for n in PRESETS if len(n) > 8])
def test_a_misspelt_name_is_answered_with_the_near_one(name: str) -> None:
    with pytest.raises(SparsescopeError, match=f"did you mean .*{name}"):
        Recipe.preset(name[:-3] + name[-2:])


@pytest.mark.parametrize("name", ["2d-sim-actin", "", "zzz"])
def test_an_unknown_name_is_answered_with_all_names(name: str) -> None:
    with pytest.raises(SparsescopeError) as caught:
        Recipe.preset(name)
    for known in PRESETS:
        assert known in str(caught.value)
    assert repr(name) in str(caught.value)


def test_the_values_of_a_preset_cannot_be_changed_by_accident() -> None:
    with pytest.raises(TypeError):
        PRESETS["neurons"].values["background"] = "auto"  # type: ignore[index]
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["neurons"]  # type: ignore[index]


def test_the_plan_of_a_preset_says_recipe_as_the_source_of_its_values() -> None:
    planned = ss.plan(ss.as_image([[0.0] * 32] * 32, pixel_size_um=0.1), Recipe.preset("two-photon-nuclei"))
    assert planned.recipe.sparsity == 6
    assert planned.sources["sparsity"] == "recipe"
    assert planned.sources["intent"] == "default"
