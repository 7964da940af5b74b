"""Memory and time are said before a run; a dry run writes nothing; a limit of memory changes no pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sparsescope as ss

from .conftest import Cli, spots

FAST = ["--fidelity", 100, "--sparsity", 2, "--continuity", 0, "--background", "smooth-8", "--sparse-iterations", 5,
        "--deconvolution-iterations", 2, "--resolution-um", 0.3, "--evidence", "none"]  # fmt: skip


def test_a_dry_run_says_all_and_writes_nothing(cli: Cli, cell: Path) -> None:
    out = cell.parent / "new"
    said = cli("run", cell, *FAST, "--dry-run", "--out", out, "--save-background")
    assert said.code == 0
    assert [path.name for path in cell.parent.iterdir()] == [cell.name]
    for text in ("fidelity", "memory in all", "worked on at once", "time", "about"):
        assert text in said.out
    would = [line.split()[-1] for line in said.out.splitlines() if "would write" in line]
    assert said.out.count("would write") == 3
    wrote = cli("run", cell, *FAST, "--out", out, "--save-background")
    assert wrote.code == 0
    assert sorted(Path(name).name for name in would) == sorted(path.name for path in out.iterdir())


def test_a_dry_run_as_json(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *FAST, "--dry-run", "--json", "--out", cell.parent / "new")
    [found] = said.document["results"]
    memory = found["memory"]
    assert memory["result_bytes"] == memory["background_bytes"] == 48 * 40 * 4
    assert memory["input_bytes"] == 48 * 40 * 2
    assert memory["in_files"] == []
    assert memory["most_bytes"] > memory["at_once_bytes"] > 48 * 40 * 4
    assert found["seconds"] > 0
    assert found["recipe"]["fidelity"] == 100


def test_a_dry_run_refuses_what_a_run_would(cli: Cli, cell: Path) -> None:
    cell.with_name("cell_sparse.ome.tif").write_bytes(b"")
    said = cli("run", cell, *FAST, "--dry-run")
    assert said.code == 1
    assert "exists already" in said.err


def test_a_run_says_memory_in_one_line(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *FAST, "--no-report")
    [line] = [line for line in said.out.splitlines() if line.strip().startswith("memory")]
    assert "MB of " in line
    assert line.rstrip().endswith("planned")


@pytest.mark.parametrize("text", ["much", "0", "-2GB"])
def test_a_limit_that_is_none_is_wrong_usage(cli: Cli, cell: Path, text: str) -> None:
    said = cli("run", cell, *FAST, f"--max-memory={text}")
    assert said.code == 2
    assert "--max-memory" in said.err
    assert "such as 2GB" in said.err


def test_too_little_memory_is_refused_with_what_would_do(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *FAST, "--max-memory", "1MB")
    assert said.code == 1
    assert "--max-memory" in said.err
    assert [path.name for path in cell.parent.iterdir()] == [cell.name]


def test_a_result_kept_in_a_file_is_written_the_same(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sparsescope.pipeline.room import Room

    movie = tmp_path / "movie.ome.tif"
    ss.write(movie, ss.as_image(spots(9, 48, 40), "TYX", pixel_size_um=0.1), dtype="uint16")
    flags = [*FAST[:-2], "--save-background", "--format"]  # with evidence and report
    usual, short = tmp_path / "usual", tmp_path / "short"
    for format in ("ome-tiff", "imagej", "ome-zarr"):
        assert cli("run", movie, *flags, format, "--out", usual, "--overwrite").code == 0
    monkeypatch.setattr(
        Room, "of", classmethod(lambda cls, most=None, folder=None, coming=0: cls(48 * 40 * 4 * 20, folder or tmp_path))
    )
    for format in ("ome-tiff", "imagej", "ome-zarr"):
        said = cli("run", movie, *flags, format, "--out", short, "--overwrite")
        assert said.code == 0
        assert "in a file" in said.out
    assert sorted(p.name for p in usual.iterdir()) == sorted(p.name for p in short.iterdir())
    for name in ("movie_sparse.ome.tif", "movie_sparse.tif", "movie_sparse.ome.zarr", "movie_background.ome.tif"):
        np.testing.assert_array_equal(
            np.asarray(ss.read(short / name).data), np.asarray(ss.read(usual / name).data), err_msg=name
        )


def test_a_stack_that_does_not_fit_is_cut_into_tiles_and_that_is_said(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparsescope.pipeline import tiles
    from sparsescope.pipeline.room import Room

    monkeypatch.setattr(tiles, "LEAST_TILE", 9)
    monkeypatch.setattr(tiles, "SLAB_ARRAYS", 0)
    taken = tiles.Cut.bytes
    monkeypatch.setattr(tiles.Cut, "bytes", lambda self, tile, threads: 4 * taken(self, tile, threads))
    stack, kernel = tmp_path / "stack.ome.tif", tmp_path / "psf.tif"
    image = ss.as_image(spots(9, 61, 67), "ZYX", pixel_size_um=0.1, z_step_um=0.2)
    ss.write(stack, image, dtype="uint16")
    psf = np.zeros((5, 9, 9))
    psf[1:4, 3:6, 3:6], psf[2, 4, 4] = 0.5, 2
    ss.write(kernel, ss.as_image(psf, "ZYX", pixel_size_um=0.1, z_step_um=0.2))
    flags = ["--psf", kernel, *(f for f in FAST[:-4] if f not in {"smooth-8", "--background"})]
    usual, short = tmp_path / "usual", tmp_path / "short"
    assert cli("run", stack, *flags, "--out", usual).code == 0
    assert cli("run", stack, *flags, "--dry-run", "--json").document["results"][0]["memory"]["tile"] is None
    monkeypatch.setattr(
        Room, "of", classmethod(lambda cls, most=None, folder=None, coming=0: cls(900_000, folder or tmp_path))
    )
    said = cli("run", stack, *flags, "--out", short, "--dry-run")
    assert said.code == 0
    [line] = [line for line in said.out.splitlines() if "deconvolved in tiles" in line]
    assert "pixels" in line
    assert "% to the work" in said.out
    assert "in temporary files" in said.out
    [rows, columns] = cli("run", stack, *flags, "--dry-run", "--json").document["results"][0]["memory"]["tile"]
    assert rows * columns < 61 * 67
    said = cli("run", stack, *flags, "--out", short)
    assert said.code == 0
    assert "in a file" in said.out
    a, b = (np.asarray(ss.read(folder / "stack_sparse.ome.tif").data) for folder in (usual, short))
    assert np.abs(a - b).max() <= 1e-3 * a.max()
