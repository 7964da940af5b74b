"""Continuity along z and t from the command line: flags, recipe files, what is said, what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

import sparsescope as ss

from .conftest import Cli, spots
from .test_run import FAST, row

GIVEN = (*FAST, "--background", "none", "--fidelity", "150", "--sparsity", "10", "--continuity", "0.5")


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A movie of stacks: four time points of five planes."""
    path = tmp_path / "movie.ome.tif"
    values = spots(4, 5, 40, 38)
    values[2] //= 2
    ss.write(path, ss.as_image(values, axes="TZYX", pixel_size_um=0.1, z_step_um=0.3, interval_s=2.0))
    return path


def test_the_flag_ties_frames_and_says_where_it_came_from(cli: Cli, movie: Path) -> None:
    said = cli("run", movie, *GIVEN, "--resolution-um", "0.3", "--continuity-t", "0.25")
    assert said.code == 0
    assert row(said.out, "continuity") == ["0.5", "flag"]
    assert row(said.out, "continuity t") == ["0.25", "flag"]
    recipe = ss.Recipe(
        background="none", fidelity=150, sparsity=10, continuity=0.5, continuity_t=0.25, sparse_iterations=10,
        deconvolution_iterations=2, resolution_um=0.3,
    )  # fmt: skip
    tied = ss.deconvolve(ss.read(movie), recipe).image.data
    written = ss.read(movie.with_name("movie_sparse.ome.tif"))
    assert written.axes == "TZYX"
    assert np.array_equal(written.block(), tied)
    loose = np.asarray(ss.deconvolve(ss.read(movie), recipe.replace(continuity_t=0)).image.data)
    assert np.abs(loose - tied).max() > 1e-3 * loose.max()


def test_a_recipe_file_says_the_same_as_the_flag(cli: Cli, movie: Path, tmp_path: Path) -> None:
    file = tmp_path / "tied.toml"
    recipe = ss.Recipe(background="none", fidelity=150, sparsity=10, continuity=0.5, continuity_t=0.25)
    file.write_text(recipe.to_toml(), encoding="utf-8")
    assert tomllib.loads(file.read_text(encoding="utf-8"))["continuity_t"] == 0.25
    said = cli("info", movie, "--recipe", file, "--resolution-um", "0.3")
    assert "continuity t 0.25 recipe" in " ".join(said.out.split())
    said = cli("info", movie, "--recipe", file, "--resolution-um", "0.3", "--continuity-t", "0")
    assert "continuity t 0 flag" in " ".join(said.out.split())
    assert ss.Recipe.load(file) == recipe


def test_weights_per_micron_say_the_sizes_they_rest_on_or_what_misses(cli: Cli, movie: Path, tmp_path: Path) -> None:
    said = cli("run", movie, *GIVEN, "--resolution-um", "0.3", "--z-weighting", "physical")
    assert row(said.out, "z weighting") == ["physical", "flag"]
    assert "0.5 × 0.111 = 0.0556 from plane to plane" in " ".join((said.out + said.err).split())
    bare = tmp_path / "bare.ome.tif"
    ss.write(bare, ss.as_image(spots(5, 40, 38), axes="ZYX", pixel_size_um=0.1))
    said = cli("run", bare, *GIVEN, "--resolution-um", "0.3", "--z-weighting", "physical")
    assert said.code != 0
    assert "add --z-step-um" in " ".join((said.out + said.err).split())
    assert not bare.with_name("bare_sparse.ome.tif").exists()
