"""``--resume``: killed, out of disk or without its input, a run goes on to the byte-identical result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from sparsescope.pipeline import piecework

from .conftest import Cli, spots
from .test_dry_run import FAST
from .test_faults import ENDS, LIMITED, movie

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")

QUIET = [*FAST, "--resume", "--no-report"]

SLOW = """
import sys, time
from sparsescope.cli import main
from sparsescope.pipeline import piecework
put = piecework.Piecework._put
def slow(*given):
    put(*given)
    time.sleep(0.03)
piecework.Piecework._put = slow
sys.exit(main(sys.argv[1:]))
"""
"""Waits after each plane, so that it can be hit between planes."""


def command(source: Path, out: Path, format: str) -> list[str]:
    return [str(part) for part in ("run", source, *QUIET, "--format", format, "--out", out)]


def content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return {str(one.relative_to(path)): one.read_bytes() for one in files}


def done_in(work: Path) -> int:
    journal = work / "journal.jsonl"
    return journal.read_bytes().count(b'"piece"') if journal.exists() else 0


def hit(arguments: list[str], work: Path, after: int, how: signal.Signals = signal.SIGKILL) -> str:
    """Run until so many pieces are done, end it, and return what it said."""
    child = subprocess.Popen([sys.executable, "-c", SLOW, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = time.monotonic() + 120
    while done_in(work) < after:
        assert child.poll() is None, child.communicate()[0].decode()
        assert time.monotonic() < end
        time.sleep(0.005)
    child.send_signal(how)
    return child.communicate()[0].decode()


@pytest.mark.parametrize("format", ENDS)
def test_killed_again_and_again_it_ends_in_the_same_bytes(cli: Cli, tmp_path: Path, format: str) -> None:
    source, name = movie(tmp_path), f"movie_sparse{ENDS[format]}"
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert cli("run", source, *FAST, "--no-report", "--format", format, "--out", whole).code == 0
    out.mkdir()
    work = out / f".{name}.sparsescope"
    for after in (1, 9, 20):
        hit(command(source, out, format), work, after)
        assert not (out / name).exists()
        assert done_in(work) >= after
    said = cli(*command(source, out, format))
    assert said.code == 0
    assert "going on, 2" in said.err
    assert content(out / name) == content(whole / name)
    assert [path.name for path in out.iterdir()] == [name]


def test_interrupted_it_says_how_to_go_on(cli: Cli, tmp_path: Path) -> None:
    source, out = movie(tmp_path), tmp_path / "out"
    out.mkdir()
    work = out / ".movie_sparse.ome.tif.sparsescope"
    said = hit(command(source, out, "ome-tiff"), work, 3, signal.SIGINT)
    assert "Traceback" not in said
    assert "what is done is kept" in said
    assert "--resume goes on" in said
    again = cli(
        "run", source, *FAST, "--resume", "--no-report", "--out", out, "--save-background", "--z-weighting", "physical"
    )
    assert again.code == 1
    assert "parameters of channel 0 differ (z_weighting physical, was published" in again.err
    anew = cli("run", source, *FAST, "--resume", "--no-report", "--out", out)
    assert anew.code == 0
    assert [path.name for path in out.iterdir()] == ["movie_sparse.ome.tif"]


@pytest.mark.parametrize("format", ENDS)
def test_after_a_full_disk_it_goes_on(cli: Cli, tmp_path: Path, format: str) -> None:
    source, name = movie(tmp_path), f"movie_sparse{ENDS[format]}"
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert cli(*command(source, whole, format)).code == 0
    limit = {"ome-tiff": 300_000, "ome-zarr": 6_000}[format]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *command(source, out, format)], capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "the disk is full or a quota is reached" in done.stderr
    assert not (out / name).exists()
    assert cli(*command(source, out, format)).code == 0
    assert content(out / name) == content(whole / name)


def test_an_input_that_vanishes_is_told_and_can_come_back(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "in.ome.zarr"
    ss.write(source, ss.as_image(spots(24, 96, 96), "TYX", pixel_size_um=0.1), dtype="uint16")
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert cli(*command(source, whole, "ome-zarr")).code == 0
    work = out / ".in_sparse.ome.zarr.sparsescope"
    hit(command(source, out, "ome-zarr"), work, 5)
    away = tmp_path / "away.ome.zarr"
    source.rename(away)
    said = cli(*command(source, out, "ome-zarr"))
    assert said.code != 0
    assert work.exists()
    away.rename(source)
    assert cli(*command(source, out, "ome-zarr")).code == 0
    assert content(out / "in_sparse.ome.zarr") == content(whole / "in_sparse.ome.zarr")


def test_a_damaged_chunk_of_the_input_ends_it_in_words_and_mended_it_goes_on(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "in.ome.zarr"
    ss.write(source, ss.as_image(spots(12, 96, 96), "TYX", pixel_size_um=0.1), dtype="uint16")
    out = tmp_path / "out"
    chunk = source / "0" / "c" / "9" / "0" / "0"
    good = chunk.read_bytes()
    chunk.write_bytes(good[:20])
    said = cli(*command(source, out, "ome-zarr"))
    assert said.code == 1
    assert "in.ome.zarr" in said.err
    assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == []
    chunk.write_bytes(good)
    assert cli(*command(source, out, "ome-zarr"), "--overwrite").code == 0
    assert ss.read(out / "in_sparse.ome.zarr").shape == (12, 96, 96)


def test_an_unfinished_run_is_told_to_one_who_does_not_ask_for_it(cli: Cli, tmp_path: Path) -> None:
    source, out = movie(tmp_path), tmp_path / "out"
    out.mkdir()
    work = out / ".movie_sparse.ome.tif.sparsescope"
    hit(command(source, out, "ome-tiff"), work, 3)
    plain = [*FAST, "--no-report", "--out", out]
    said = cli("run", source, *plain)
    assert said.code == 1
    assert "--resume" in said.err
    assert "--overwrite" in said.err
    assert cli("run", source, *plain, "--overwrite").code == 0
    assert [path.name for path in out.iterdir()] == ["movie_sparse.ome.tif"]


def test_the_result_says_nothing_of_its_history(cli: Cli, tmp_path: Path) -> None:
    source, out = movie(tmp_path), tmp_path / "out"
    out.mkdir()
    hit(command(source, out, "ome-zarr"), out / ".movie_sparse.ome.zarr.sparsescope", 3)
    said = cli(*command(source, out, "ome-zarr"), "--json")
    found = json.loads(said.out)["results"][0]
    assert not any("going on" in note for note in found["notes"])
    plain = cli("run", source, *FAST, "--no-report", "--out", tmp_path / "plain", "--json")
    assert json.loads(plain.out)["results"][0]["notes"] == found["notes"]
    one, other = (
        np.asarray(ss.read(path).data)
        for path in (out / "movie_sparse.ome.zarr", tmp_path / "plain" / "movie_sparse.ome.tif")
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("how", ["a chunk vanishes", "a chunk is written anew"])
def test_an_input_that_changes_meanwhile_gives_no_result(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    source, out = tmp_path / "in.ome.zarr", tmp_path / "out"
    ss.write(source, ss.as_image(spots(6, 96, 96), "TYX", pixel_size_um=0.1), dtype="uint16")
    put = piecework.Piecework._put

    def changing(*given: Any) -> None:
        chunk = source / "0" / "c" / "4" / "0" / "0"
        if how == "a chunk vanishes":
            chunk.unlink(missing_ok=True)
        else:
            os.utime(chunk)
        put(*given)

    monkeypatch.setattr(piecework.Piecework, "_put", changing)
    said = cli(*command(source, out, "ome-zarr"))
    assert said.code == 1
    assert "has changed since the run began" in said.err
    assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == []
