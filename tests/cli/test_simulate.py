"""``sparsescope simulate``: files that say what they are and can be made again."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from sparsescope import read
from sparsescope.simulate.phantoms import KINDS

from .conftest import Cli

FILES = {"image.ome.tif", "truth.ome.tif", "psf.ome.tif", "simulation.toml", "objects.csv"}


def test_it_writes_image_truth_psf_and_recipe_with_their_sizes(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "made"
    said = cli("simulate", "line-pairs", "--out", out, "--side-px", 64, "--pixel-size-um", 0.05, "--size-um", 0.1)
    assert said.code == 0
    assert {p.name for p in out.iterdir()} == FILES
    image, truth, psf = (read(out / f"{name}.ome.tif") for name in ("image", "truth", "psf"))
    assert (image.axes, image.shape, image.dtype, image.pixel_size_um) == ("YX", (64, 64), np.dtype("uint16"), 0.05)
    assert (truth.shape, truth.pixel_size_um) == ((64, 64), 0.05)
    assert image.meta["offset_counts"] == 100
    assert not {"gain_e_per_count", "offset_counts", "read_noise_e"} & set(truth.meta)
    assert np.isclose(psf.block().sum(), 1, atol=1e-5)
    assert psf.pixel_size_um == 0.05
    rows = list(csv.DictReader((out / "objects.csv").read_text().splitlines()))
    assert {row["separation_um"] for row in rows} == {"0.1"}
    assert "sparsescope run" in said.out


def test_the_recipe_makes_the_same_files_again_and_flags_win_over_it(cli: Cli, tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in "abc")
    arguments = ("moving", "--side-px", 32, "--frames", 3, "--camera", "emccd", "--seed", 7)
    assert cli("simulate", *arguments, "--out", first).code == 0
    recipe = first / "simulation.toml"
    assert cli("simulate", "--recipe", recipe, "--out", again).code == 0
    assert cli("simulate", "--recipe", recipe, "--out", other, "--seed", 8).code == 0
    pixels = [read(folder / "image.ome.tif").block() for folder in (first, again, other)]
    assert np.array_equal(pixels[0], pixels[1])
    assert not np.array_equal(pixels[0], pixels[2])
    assert read(first / "image.ome.tif").interval_s == 0.1


def test_it_lists_every_phantom_by_name(cli: Cli) -> None:
    said = cli("simulate", "--list")
    assert [line.split()[0] for line in said.out.splitlines()] == list(KINDS)


def test_wrong_wishes_are_refused_in_words_and_nothing_is_written(cli: Cli, tmp_path: Path) -> None:
    for arguments in (
        (),
        ("cats", "--out", tmp_path / "o"),
        ("rings",),
        ("rings", "--out", tmp_path / "o", "--photons", "-3"),
        ("rings", "--out", tmp_path / "o", "--side-px", 1),
        ("--recipe", tmp_path / "none.toml", "--out", tmp_path / "o"),
    ):
        said = cli("simulate", *arguments)
        assert said.code == 2
        assert said.err.startswith("error: ")
    assert not (tmp_path / "o").exists() or not list((tmp_path / "o").iterdir())


def test_files_that_exist_are_kept_unless_told_otherwise(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "truth.ome.tif").write_text("mine")
    said = cli("simulate", "empty", "--out", tmp_path, "--side-px", 16)
    assert said.code == 1
    assert (tmp_path / "truth.ome.tif").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["truth.ome.tif"]
    assert cli("simulate", "empty", "--out", tmp_path, "--side-px", 16, "--overwrite").code == 0
