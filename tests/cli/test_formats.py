"""Every format in and out through the command line: stores, series of files, results for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import microscope_files as files
from sparsescope import as_image, read, write
from sparsescope.cli.files import collect, stem, targets
from sparsescope.io import read_provenance

from .conftest import Cli, spots

FAST = ("--sparse-iterations", "10", "--deconvolution-iterations", "2", "--evidence", "none", "--no-report")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("format", "ending"),
    [("ome-tiff", ".ome.tif"), ("imagej", ".tif"), ("ome-zarr", ".ome.zarr"), ("ome-zarr-0.4", ".ome.zarr")],
)
def test_a_result_is_the_same_in_every_format(cli: Cli, cell: Path, format: str, ending: str) -> None:
    said = cli("run", cell, *FAST, "--format", format, "--out", cell.parent / "out")
    assert said.code == 0, said.err
    assert names(cell.parent / "out") == [f"cell_sparse{ending}"]
    cli("run", cell, *FAST, "--out", cell.parent / "plain")
    result, plain = (read(next((cell.parent / place).iterdir())) for place in ("out", "plain"))
    assert np.array_equal(result.data, plain.data)
    assert result.spacing_um == pytest.approx(dict(plain.spacing_um))
    assert result.meta["provenance"]["recipe"] == plain.meta["provenance"]["recipe"]


def test_a_store_goes_in_and_out_and_can_be_repeated(cli: Cli, cell: Path) -> None:
    store = cell.with_name("movie.zarr")
    write(store, as_image(spots(3, 40, 36), "TYX", pixel_size_um=0.1, interval_s=2.0), dtype="uint16")
    assert cli("info", store, "--json").document["results"][0]["axes"] == "TYX"
    said = cli("run", store, *FAST, "--format", "ome-zarr")
    assert said.code == 0, said.err
    result = cell.with_name("movie_sparse.ome.zarr")
    assert read(result).interval_s == 2.0
    assert len(read_provenance(result)["sha256"]) == 64
    assert cli("run", store, *FAST, "--format", "ome-zarr").code == 1, "it is there already"
    assert cli("run", store, *FAST, "--format", "ome-zarr", "--overwrite").code == 0
    again = cli("rerun", result)
    assert again.code == 0, again.err
    assert "movie_rerun_sparse.ome.zarr" in again.out
    assert np.array_equal(read(cell.with_name("movie_rerun_sparse.ome.zarr")).data, read(result).data)


def test_a_background_is_written_in_the_format_of_the_result(cli: Cli, cell: Path) -> None:
    flags = ("--background", "flat", "--save-background", "--format", "imagej", "--out", cell.parent / "out")
    said = cli("run", cell, *FAST, *flags)
    assert said.code == 0, said.err
    assert names(cell.parent / "out") == ["cell_background.tif", "cell_sparse.tif"]


def test_a_type_that_the_format_does_not_have_is_refused_before_any_work(cli: Cli, cell: Path) -> None:
    write(cell.with_name("deep.ome.tif"), as_image(spots(40, 40).astype("float64")), dtype="float64")
    said = cli("run", cell.with_name("deep.ome.tif"), *FAST, "--format", "imagej", "--dtype", "same")
    assert said.code == 1
    assert "--dtype same: float64 cannot be written as imagej; use --dtype float32 or uint16" in said.err.replace(
        "\n", " "
    )
    assert names(cell.parent) == ["cell.ome.tif", "deep.ome.tif"]


def test_a_folder_of_planes_is_one_image_with_stack(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "cells.2026"
    folder.mkdir()
    movie = spots(3, 40, 36)
    for t, plane in enumerate(movie):
        tifffile.imwrite(folder / f"a_t{t}.tif", plane)
    assert len(cli("info", folder, "--json").document["results"]) == 3
    (one,) = cli("info", folder, "--stack", "--json").document["results"]
    assert (one["axes"], one["shape"]) == ("TYX", [3, 40, 36])
    assert cli("run", folder, "--stack", *FAST, "--pixel-size-um", 0.1).code == 0
    assert cli("run", folder / "a_t*.tif", "--stack", *FAST, "--pixel-size-um", 0.1).code == 0
    for result in (tmp_path / "cells.2026_sparse.ome.tif", folder / "a_t_sparse.ome.tif"):
        assert read(result).shape == (3, 40, 36)
        again = cli("rerun", result)
        assert again.code == 0, again.err
        assert "every pixel is the same" in " ".join(again.out.split())


def test_an_image_of_several_is_chosen_by_series(cli: Cli, tmp_path: Path) -> None:
    data = np.stack([spots(40, 36, seed=i) for i in range(3)])
    path = files.nd2(tmp_path / "a.nd2", data[:, None], "P")
    said = cli("run", path, *FAST)
    assert said.code == 1
    assert "a.nd2 holds 3 images: add --series N" in said.err.replace("\n", " ")
    assert cli("run", path, *FAST, "--series", 2).code == 0
    assert read(tmp_path / "a_sparse.ome.tif").meta["provenance"]["reading"]["series"] == 2


def test_a_store_in_a_folder_is_one_image_and_its_inside_is_none(tmp_path: Path) -> None:
    for name in ("a.zarr", "b.ome.zarr", "b_sparse.ome.zarr"):
        write(tmp_path / name, as_image(np.ones((4, 5))))
    (tmp_path / "c.zarr").mkdir()
    files.oif(tmp_path / "d.oif", np.ones((4, 5), "u2"), "YX")
    found = collect([tmp_path])
    assert [path.name for path in found.files] == ["a.zarr", "b.ome.zarr", "d.oif"]
    assert [path.name for path in found.left_out] == ["b_sparse.ome.zarr"]
    assert collect([tmp_path / "*.zarr"]).files == [tmp_path / "a.zarr", tmp_path / "b.ome.zarr"]
    assert collect([tmp_path / "b_sparse.ome.zarr"]).files == [tmp_path / "b_sparse.ome.zarr"]


def test_results_are_named_after_what_they_are_made_from(tmp_path: Path) -> None:
    (tmp_path / "cells.v2").mkdir()
    sources = [tmp_path / name for name in ("a.ome.zarr", "b.nd2", "cells.v2", "c_t*_z*.tif", "*.tif")]
    assert [stem(path) for path in sources] == ["a", "b", "cells.v2", "c_t_z", "series"]
    made = targets(sources[:2], None, "imagej")
    assert [path.name for path in made.values()] == ["a_sparse.tif", "b_sparse.tif"]
