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
