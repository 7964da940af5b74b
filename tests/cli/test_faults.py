"""Killed, interrupted or out of disk: nothing half-written, and what was there before stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import sparsescope as ss

from .conftest import Cli, spots
from .test_dry_run import FAST

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")

ENDS = {"ome-tiff": ".ome.tif", "ome-zarr": ".ome.zarr"}

LIMITED = """
import resource, signal, sys
from sparsescope.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""
"""Runs with a largest size of files, as a quota sets it: a write beyond it fails as one on a full disk does."""

SHORT = """
from pathlib import Path
from sparsescope.pipeline.room import Room
Room.of = classmethod(lambda cls, most=None, folder=None, coming=0: cls(36 * 4 * 96 * 96, folder or Path.cwd()))
"""
"""Memory for two planes at once and no more: the result goes to a file."""

SLOW = """
import sys, time
from sparsescope.cli import main
from sparsescope.io import encode
plane = encode.Encoding.__call__
def slow(self, values):
    print("writing", flush=True)
    time.sleep(0.2)
    return plane(self, values)
encode.Encoding.__call__ = slow
sys.exit(main(sys.argv[1:]))
"""
"""Writes slowly and says when, so that it can be hit while it writes."""


def movie(folder: Path) -> Path:
    path = folder / "in" / "movie.ome.tif"
    path.parent.mkdir()
    ss.write(path, ss.as_image(spots(24, 96, 96), "TYX", pixel_size_um=0.1), dtype="uint16")
    return path


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def arguments(path: Path, out: Path, format: str) -> list[str]:
    flags = [*FAST, "--no-report", "--format", format, "--out", out, "--overwrite", "--quiet"]
    return [str(part) for part in ("run", path, *flags)]


@pytest.mark.parametrize("format", ENDS)
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_ended_while_writing_leaves_what_was_there(tmp_path: Path, format: str, name: str) -> None:
    source, out = movie(tmp_path), tmp_path / "out"
    out.mkdir()
    target = out / f"movie_sparse{ENDS[format]}"
    ss.write(target, ss.as_image(np.full((8, 8), 7.0)))
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments(source, out, format)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert child.stdout is not None
    while "writing" not in child.stdout.readline():
        assert child.poll() is None
    child.send_signal(getattr(signal, name))
    _, said = child.communicate(timeout=60)
    assert visible(out) == {target.name}
    np.testing.assert_array_equal(np.asarray(ss.read(target).data), 7)
    if name == "SIGINT":
        assert child.returncode == 130
        assert "interrupted; nothing half-written was left behind" in said
        assert [path.name for path in out.iterdir()] == [target.name]
    else:
        assert child.returncode == -signal.SIGKILL


def test_after_a_kill_the_same_command_does_it_all(cli: Cli, tmp_path: Path) -> None:
    source, out = movie(tmp_path), tmp_path / "out"
    out.mkdir()
    child = subprocess.Popen([sys.executable, "-c", SLOW, *arguments(source, out, "ome-tiff")], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.1)
    child.kill()
    child.communicate()
    assert visible(out) == set()
    assert cli("run", source, *FAST, "--no-report", "--out", out, "--skip-existing").code == 0
    assert visible(out) == {"movie_sparse.ome.tif"}
    assert ss.read(out / "movie_sparse.ome.tif").shape == (24, 96, 96)


@pytest.mark.parametrize("format", ENDS)
def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path, format: str) -> None:
    source, out = movie(tmp_path), tmp_path / "out"
    out.mkdir()
    limit = {"ome-tiff": 300_000, "ome-zarr": 12_000}[format]  # a chunk of a plane has about 30 kB
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *arguments(source, out, format)], capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "the disk is full or a quota is reached" in done.stderr
    assert list(out.iterdir()) == []


def test_a_full_disk_under_a_temporary_array_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    source, out = movie(tmp_path), tmp_path / "out"
    out.mkdir()
    script = SHORT + LIMITED
    done = subprocess.run(
        [sys.executable, "-c", script, "300000", *arguments(source, out, "ome-tiff")], capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "the disk is full or a quota is reached" in done.stderr
    assert list(out.iterdir()) == []
