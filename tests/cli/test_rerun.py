"""A result carries its recipe: it can be shown, written to a file, and repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from sparsescope import Recipe, as_image, read, write
from sparsescope.simulate.simulation import Simulation, simulate

from .conftest import Cli, spots
from .test_run import FAST


@pytest.fixture
def result(cli: Cli, cell: Path) -> Path:
    assert cli("run", cell, *FAST, "--fidelity", "120", "--background", "none").code == 0
    return cell.with_name("cell_sparse.ome.tif")


def test_the_recipe_inside_a_result_is_shown_as_toml(cli: Cli, result: Path) -> None:
    said = cli("recipe", "show", result)
    recipe = Recipe.from_toml(said.out)
    assert (recipe.fidelity, recipe.background, recipe.sparse_iterations) == (120, "none", 10)


def test_the_shown_recipe_gives_the_same_pixels(cli: Cli, result: Path, cell: Path, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(cli("recipe", "show", result).out, encoding="utf-8")
    assert cli("run", cell, "--recipe", file, "--out", tmp_path / "again").code == 0
    assert np.array_equal(read(tmp_path / "again" / "cell_sparse.ome.tif").block(), read(result).block())


def test_a_recipe_file_is_shown_complete(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("fidelity = 77")
    assert Recipe.from_toml(cli("recipe", "show", file).out) == Recipe(fidelity=77)


def test_a_new_recipe_is_printed_or_written_and_never_over_another(cli: Cli, tmp_path: Path) -> None:
    printed = cli("recipe", "new").out
    assert Recipe.from_toml(printed) == Recipe()
    file = tmp_path / "my.toml"
    assert cli("recipe", "new", file).code == 0
    assert file.read_text(encoding="utf-8") == printed
    said = cli("recipe", "new", file)
    assert said.code == 1
    assert "exists already" in said.err


def test_a_file_that_we_did_not_write_holds_no_recipe(cli: Cli, cell: Path) -> None:
    for command in (["recipe", "show"], ["rerun"]):
        said = cli(*command, cell)
        assert said.code == 1
        assert "holds no recipe" in said.err


def test_a_rerun_gives_the_same_pixels_and_says_so(cli: Cli, result: Path) -> None:
    said = cli("rerun", result)
    assert said.code == 0
    assert "every pixel is the same as in cell_sparse.ome.tif" in said.out
    assert np.array_equal(read(result.with_name("cell_rerun_sparse.ome.tif")).block(), read(result).block())


def test_a_rerun_repeats_the_flags_that_described_the_file(cli: Cli, tmp_path: Path) -> None:
    movie = spots(3, 24, 24)
    tifffile.imwrite(tmp_path / "bare.tif", movie.transpose(1, 0, 2), photometric="minisblack")
    flags = ("--axes", "YTX", "--pixel-size-um", "0.08", "--interval-s", "2", "--dtype", "uint16")
    assert cli("run", tmp_path / "bare.tif", *flags, *FAST).code == 0
    said = cli("rerun", tmp_path / "bare_sparse.ome.tif", "--json")
    assert said.code == 0
    (document,) = said.document["results"]
    assert document["largest_difference"] == 0
    again = read(tmp_path / "bare_rerun_sparse.ome.tif")
    assert (again.axes, again.shape, again.pixel_size_um, again.interval_s) == ("TYX", (3, 24, 24), 0.08, 2)
    assert again.dtype == np.uint16


def test_a_rerun_says_when_the_input_has_changed(cli: Cli, result: Path, cell: Path) -> None:
    write(cell, as_image(spots(48, 40, seed=1), pixel_size_um=0.1), dtype="uint16", overwrite=True)
    said = cli("rerun", result)
    assert said.code == 0
    assert "is not the recorded input: its SHA-256 differs" in said.out
    assert "pixels differ from cell_sparse.ome.tif by up to" in said.out


def test_a_rerun_finds_an_input_that_moved_with_its_result(cli: Cli, result: Path, cell: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in (cell, result):
        path.rename(elsewhere / path.name)
    said = cli("rerun", elsewhere / result.name)
    assert said.code == 0
    assert "every pixel is the same" in said.out


def test_a_rerun_without_its_input_asks_for_it(cli: Cli, result: Path, cell: Path, tmp_path: Path) -> None:
    cell.rename(tmp_path / "renamed.tif")
    said = cli("rerun", result)
    assert said.code == 1
    assert "say where it is with --input FILE" in said.err
    assert cli("rerun", result, "--input", tmp_path / "renamed.tif").code == 0


def test_a_rerun_takes_the_psf_that_was_chosen(cli: Cli, tmp_path: Path) -> None:
    seen = simulate(Simulation("filaments", (128, 128), 0.065, 0.26, psf="airy", photons=3000))
    write(tmp_path / "actin.ome.tif", as_image(np.asarray(seen.image).reshape(128, 128), "YX", pixel_size_um=0.065))
    assert cli("run", tmp_path / "actin.ome.tif", "--resolution-um", "0.26", "--evidence", "none").code == 0
    result = tmp_path / "actin_sparse.ome.tif"
    assert Recipe.from_toml(cli("recipe", "show", result).out).psf_model == "airy"
    again = cli("rerun", result)
    assert again.code == 0, again.err
    assert "every pixel is the same as in actin_sparse.ome.tif" in again.out
