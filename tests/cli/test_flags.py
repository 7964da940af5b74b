"""Flags of the recipe are the recipe: same names, same limits, and where each value came from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from sparsescope import Recipe, SparsescopeError
from sparsescope.cli.flags import Method, Start, given, recipe_of
from sparsescope.cli.recipe import commented
from sparsescope.cli.say import number
from sparsescope.presets import PRESETS

from .conftest import Cli


def method(**texts: str) -> Method:
    return Method(**texts)


def test_every_parameter_of_the_recipe_is_a_flag_with_its_default_and_range(cli: Cli) -> None:
    text = " ".join(cli("run", "--help").out.replace("│", " ").split())
    for name in Recipe.model_fields:
        assert f"--{name.replace('_', '-')}" in text
    assert "[auto, or a number > 0 and <= 1e+06] [default: auto, 150 where the image cannot tell]" in text
    assert "[in µm: auto, or a number > 0 and <= 1000]" in text


@for_all(st.floats(1e-3, 1e6), st.floats(0, 1e5), st.integers(0, 1000))
def test_numbers_on_the_command_line_are_the_numbers_of_the_recipe(f: float, s: float, n: int) -> None:
    recipe, origins = recipe_of(method(fidelity=repr(f), sparsity=repr(s), sparse_iterations=str(n)))
    assert recipe == Recipe(fidelity=f, sparsity=s, sparse_iterations=n)
    assert origins == dict.fromkeys(["fidelity", "sparsity", "sparse_iterations"], "flag")


def test_words_numbers_and_none_mean_what_the_recipe_means() -> None:
    assert given(method(background="None", upsample="2", tolerance="none", fidelity="AUTO", resolution_um="0.25")) == {
        "background": "none",
        "upsample": 2,
        "tolerance": None,
        "fidelity": "auto",
        "resolution_um": 0.25,
    }


def test_flags_go_before_the_recipe_file_and_each_value_says_its_source(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('fidelity = 300\nsparsity = 5\nbackground = "none"\n')
    recipe, origins = recipe_of(method(sparsity="7"), Start(recipe=file))
    assert recipe == Recipe(fidelity=300, sparsity=7, background="none")
    assert origins == {"fidelity": "recipe", "sparsity": "flag", "background": "recipe"}


def test_flags_go_before_the_preset_and_the_source_of_its_values_is_the_recipe() -> None:
    recipe, origins = recipe_of(method(sparsity="7"), Start(preset="two-photon-nuclei"))
    assert recipe == Recipe.preset("two-photon-nuclei", sparsity=7)
    assert origins.pop("sparsity") == "flag"
    assert origins == dict.fromkeys(recipe.given - {"sparsity"}, "recipe")


def test_info_says_which_numbers_a_preset_gives(cli: Cli, cell: Path) -> None:
    document = cli("info", cell, "--preset", "published-matlab", "--json").document["results"][0]
    assert document["recipe"]["sparsity"] == 15
    assert document["sources"]["sparsity"] == "recipe"
    assert document["sources"]["deconvolution_iterations"] != "recipe"


def test_the_list_of_presets_names_each_with_its_values_and_its_source(cli: Cli) -> None:
    said = cli("recipe", "presets")
    assert said.code == 0
    for name, preset in PRESETS.items():
        part = said.out.split(f"{name}   ", 1)[1].split("source: ", 1)
        for key, value in preset.values.items():
            assert re.search(rf"^  {key.replace('_', ' ')} +{number(value)}$", part[0], re.MULTILINE)
        assert part[1].startswith(preset.source)


def test_auto_on_the_command_line_takes_a_value_of_the_recipe_file_back(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("fidelity = 300")
    recipe, origins = recipe_of(method(fidelity="auto"), Start(recipe=file))
    assert recipe.fidelity == "auto"
    assert origins == {}


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--fidelity", "-3", "fidelity = -3 is not allowed: auto, or a number > 0"),
        ("--fidelity", "strong", "fidelity = 'strong' is not allowed"),
        ("--fidelity", "nan", "is not allowed"),
        ("--upsample", "9", "upsample = 9 is not allowed: a whole number >= 1 and <= 8"),
        ("--background", "weak", "is not allowed: auto, or one of none, flat, smooth-wide"),
        ("--sparse-iterations", "1.5", "is not allowed: auto, or a whole number"),
        ("--tolerance", "0", "tolerance = 0 is not allowed"),
        ("--resolution-um", "0", "resolution_um = 0 is not allowed"),
    ],
)
def test_a_value_out_of_range_is_wrong_usage_and_says_what_is_allowed(
    cli: Cli, cell: Path, flag: str, value: str, message: str
) -> None:
    said = cli("run", cell, flag, value)
    assert said.code == 2
    assert said.out == ""
    assert message in said.err
    assert [path.name for path in cell.parent.iterdir()] == ["cell.ome.tif"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "no file given"),
        (["rnu"], 'Did you mean "run"'),
        (["run", "x.tif", "--fidelty", "3"], "--fidelty"),
        (["run", "x.tif", "--pixel-size-um", "small"], "--pixel-size-um"),
        (["run", "x.tif", "--fidelity"], "requires an argument"),
        (["run", "x.tif", "--dtype", "float16"], "float32"),
        (["run", "x.tif", "--overwrite", "--skip-existing"], "exclude each other"),
        (["run", "x.tif", "--threads", "0"], "--threads 0"),
        (["run", "x.tif", "--recipe", "no.toml", "--preset", "neurons"], "--recipe and --preset exclude each other"),
        (["run", "x.tif", "--preset", "neuron"], "did you mean neurons?"),
        (["info", "x.tif", "--preset", "wide-field"], "there is no preset 'wide-field': known are published"),
        (["run", "x.tif", "--intent", "bold"], "one of cautious, balanced, sharp"),
        (["run", "x.tif", "--recipe", "no.toml"], "cannot read the recipe no.toml"),
        (["info"], "no file given"),
        (["rerun"], "RESULT"),
        (["recipe", "shwo"], 'Did you mean "show"'),
    ],
)
def test_wrong_usage_gives_exit_code_2_one_message_and_no_result(
    cli: Cli, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = cli(*arguments)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert message in said.err


@pytest.mark.parametrize("text", ["fidelity = ", "fidelty = 3", "fidelity = -1", "\x00"])
def test_a_recipe_file_that_is_wrong_is_wrong_usage(cli: Cli, cell: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "my.toml"
    file.write_text(text)
    said = cli("run", cell, "--recipe", file)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert "my.toml" in said.err


def test_a_new_recipe_holds_every_parameter_and_reads_back_as_the_defaults() -> None:
    text = commented()
    assert Recipe.from_toml(text) == Recipe()
    for name in Recipe.model_fields:
        assert f"\n{name} = " in text or f"\n# {name} = " in text
    assert Recipe.from_toml(text.replace("# tolerance =", "tolerance =")).tolerance == 0.001


def test_an_unknown_flag_is_no_parameter() -> None:
    with pytest.raises(SparsescopeError, match="unknown parameter"):
        Recipe(fidelty=3)
