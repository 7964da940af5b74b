"""Settings by name: each holds in the recipe, says where its numbers come from, and changes nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import sparsescope as ss
from sparsescope import Recipe, SparsescopeError
from sparsescope.presets import ALIASES, PRESETS, named
from sparsescope.recipe import DEFAULTS
from sparsescope.simulate.camera import CAMERAS
from sparsescope.simulate.simulation import Simulation, simulate

ROOT = Path(__file__).parents[1]
SPECIMENS = [name for name in PRESETS if name.startswith(("sim-", "sd-sim-"))]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_recipe_that_leaves_all_else_automatic(name: str) -> None:
    recipe, values = Recipe.preset(name), dict(PRESETS[name].values)
    assert recipe == Recipe(**values)
    assert recipe.given == set(values)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_is_for_and_where_its_numbers_stand(name: str) -> None:
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)
    if name in SPECIMENS:
        script = re.fullmatch(
            r"measured by us on simulated frames, (\S+); not the published table", PRESETS[name].source
        )
        assert script is not None
        assert (ROOT / script[1]).is_file()
    else:
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


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("2D-SIM actin", "sim-actin"),
        ("SIM actin", "sim-actin"),
        ("LysoView", "sim-lysoview"),
        ("2D-SIM LysoView", "sim-lysoview"),
        ("caveolae", "sim-caveolae"),
        ("SD-SIM actin", "sd-sim-actin"),
        ("CCP", "sd-sim-ccp"),
        ("clathrin-coated pits", "sd-sim-ccp"),
        ("peroxisome", "sd-sim-peroxisome"),
        ("Peroxisomes", "sd-sim-peroxisome"),
        ("tubulin", "sd-sim-tubulin"),
        ("lysosome", "sd-sim-lysosome"),
    ],
)
def test_a_specimen_is_found_by_what_people_call_it(written: str, name: str) -> None:
    assert named(written) is PRESETS[name]


def test_another_name_leads_to_a_preset_and_hides_none() -> None:
    assert set(ALIASES.values()) <= set(PRESETS)
    assert not set(ALIASES) & set(PRESETS)


def test_actin_alone_is_asked_back_as_there_are_two() -> None:
    with pytest.raises(SparsescopeError, match="did you mean sim-actin or sd-sim-actin"):
        named("actin")


@pytest.mark.parametrize("name", [n for n in PRESETS if len(n) > 8])
def test_a_misspelt_name_is_answered_with_the_near_one(name: str) -> None:
    with pytest.raises(SparsescopeError, match=f"did you mean .*{name}"):
        Recipe.preset(name[:-3] + name[-2:])


@pytest.mark.parametrize("name", ["wide-field", "", "zzz"])
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


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_specimen_says_all_that_is_otherwise_chosen_in_a_single_frame(name: str) -> None:
    values = PRESETS[name].values
    assert set(DEFAULTS) - {"continuity", "continuity_t"} <= set(values)
    assert values["intensity"] == "unbiased"
    assert values["sparsity"] <= 0.05 * values["fidelity"], "nothing brighter than a twentieth of the maximum is erased"


@pytest.mark.parametrize(
    ("name", "kind", "size_um"),
    [("sd-sim-lysosome", "rings", 0.5), ("sd-sim-tubulin", "filaments", None), ("sd-sim-peroxisome", "discs", 0.45)],
)
def test_a_specimen_on_a_frame_it_was_not_chosen_on_is_better_than_raw_and_the_published_defaults(
    name: str, kind: str, size_um: float | None
) -> None:
    setup = Simulation(
        kind, (96, 96), 0.05, 0.15, photons=150, background=0.05, haze=0.15, size_um=size_um, camera=CAMERAS["scmos"],
        seed=5000,
    )  # fmt: skip
    made = simulate(setup)

    def seen(image: np.ndarray, width_px: float) -> np.ndarray:
        part = ndimage.gaussian_filter(np.asarray(image, float), width_px / 2.355)[12:-12, 12:-12]
        return part - part.mean()

    goal = seen(made.truth, 2.0)

    def error(image: np.ndarray) -> float:
        """Part of the truth at 2 pixels that the image, scaled and blurred at its best, leaves unexplained."""
        parts = [seen(image, width) for width in (0.0, 1.0, 1.5, 2.0)]
        left = [goal - (part * goal).sum() / (part**2).sum() * part for part in parts]
        return float(min((one**2).sum() for one in left) / (goal**2).sum()) ** 0.5

    def result(recipe: Recipe) -> np.ndarray:
        found = ss.deconvolve(made.image, recipe, pixel_size_um=0.05, resolution_um=0.15, threads=1)
        return np.asarray(found.image.data)

    published = Recipe.preset("published-python", background=PRESETS[name].values["background"])
    ours = error(result(Recipe.preset(name)))
    assert ours < 0.8 * error(made.image)
    assert ours < 0.95 * error(result(published))
