"""``sparsescope run --follow``: from a recording that grows to a result that grows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from sparsescope import io, read

from .conftest import Cli, spots

FAST = (
    "--pixel-size-um", "0.1", "--resolution-um", "0.25", "--background", "none", "--fidelity", "100", "--sparsity", "4",
    "--sparse-iterations", "8", "--deconvolution-iterations", "2",
)  # fmt: skip


def page(path: Path, number: int) -> None:
    """Append one frame."""
    frame = spots(40, 44, seed=number)
    tifffile.imwrite(path, frame, append=number > 0, metadata=None, photometric="minisblack")


def movie(path: Path, frames: int = 6) -> Path:
    for number in range(frames):
        page(path, number)
    return path


def test_what_is_said_and_that_rerun_gives_the_same(cli: Cli, tmp_path: Path) -> None:
    path = movie(tmp_path / "cell.tif")
    said = cli("run", path, "--follow", "--idle", "0.2", "--first", "3", *FAST)
    assert said.code == 0
    assert "into cell_sparse.ome.zarr" in said.out
    assert "until nothing new comes for 0.2 s, or Ctrl-C" in said.out
    assert "nothing new for 0.2 s" in said.out
    assert "were decided on the first 3 frames" in said.out
    assert f"{tmp_path / 'cell_sparse.ome.zarr'}" in said.out
    again = cli("rerun", tmp_path / "cell_sparse.ome.zarr")
    assert again.code == 0
    assert "every pixel is the same as in cell_sparse.ome.zarr" in again.out


def test_the_document_says_frames_and_latency(cli: Cli, tmp_path: Path) -> None:
    path = movie(tmp_path / "cell.tif")
    said = cli("run", path, "--follow", "--frames", "5", "--first", "2", "--json", *FAST)
    (found,) = said.document["results"]
    assert found["followed"]["ended"] == "5 frames are done"
    assert found["followed"]["frames"] == 5
    assert found["followed"]["latency_of_frames"] + found["followed"]["frames_at_start"] == 5
    assert found["shape"] == [5, 40, 44]
    assert (found["recipe"]["continuity"], found["sources"]["continuity"]) == (0.0, "default")
    assert found["output"] == str(tmp_path / "cell_sparse.ome.zarr")
    assert read(found["output"]).pixel_size_um == 0.1


def test_a_folder_into_a_folder_in_the_older_version(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    folder.mkdir()
    for number in range(4):
        tifffile.imwrite(folder / f"a_{number:03}.tif", spots(40, 44, seed=number))
    said = cli(
        "run", folder, "--follow", "--idle", "0.2", "--format", "ome-zarr-0.4", "-o", tmp_path / "out", "--quiet", *FAST
    )
    assert (said.code, said.err) == (0, "")
    assert (tmp_path / "out" / "cells_sparse.ome.zarr" / ".zattrs").is_file()
    assert read(tmp_path / "out" / "cells_sparse.ome.zarr").shape == (4, 40, 44)
    assert cli("rerun", tmp_path / "out" / "cells_sparse.ome.zarr").code == 0


def test_continuity_along_t_only_where_it_is_asked_for_and_its_latency_is_said(cli: Cli, tmp_path: Path) -> None:
    path = movie(tmp_path / "cell.tif", 12)
    said = cli("run", path, "--follow", "--idle", "0.2", "--continuity", "0.5", *FAST)
    assert said.code == 0
    assert "frames are tied along t: 18 are solved together with 9 on both sides" in said.out
    assert "a frame waits for up to 26 others" in said.out


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--idle", "5"), "--idle belongs to --follow"),
        (("--follow", "--idle", "0"), "--idle 0.0: allowed are numbers above 0"),
        (("--follow", "--dry-run"), "--dry-run and --follow exclude each other"),
        (("--follow", "--jobs", "2"), "--jobs and --follow exclude each other"),
        (("--follow", "--cluster", "local:2"), "leave --cluster out"),
        (("--follow", "--dtype", "uint16"), "is written as float32"),
        (("--follow", "--format", "imagej"), "cannot be read while it grows: use ome-zarr"),
        (("--follow", "other.tif"), "--follow follows one recording, and 2 are named"),
    ],
)
def test_flags_that_do_not_fit_are_refused_before_anything_is_waited_for(
    cli: Cli, tmp_path: Path, flags: Any, text: str
) -> None:
    said = cli("run", tmp_path / "cell.tif", *flags)
    assert said.code == 2
    assert text in " ".join(said.err.split())


def test_what_never_comes_and_what_cannot_be_followed(cli: Cli, tmp_path: Path) -> None:
    said = cli("run", tmp_path / "cell.tif", "--follow", "--idle", "0.1")
    assert said.code == 1
    assert "no frame was complete in 0.1 s: there is nothing at" in " ".join(said.err.split())
    (tmp_path / "cell.png").write_bytes(b"\x89PNG and more")
    said = cli("run", tmp_path / "cell.png", "--follow", "--idle", "0.1", "--json")
    assert said.code == 1
    assert "cannot be followed while it is written" in said.document["failures"][0]["error"]


def test_an_existing_result_is_refused_at_once(cli: Cli, tmp_path: Path) -> None:
    path = movie(tmp_path / "cell.tif", 2)
    assert cli("run", path, "--follow", "--idle", "0.1", *FAST).code == 0
    said = cli("run", path, "--follow", *FAST)
    assert said.code == 1
    assert "exists already" in said.err


@contextmanager
def followed(tmp_path: Path, *flags: str) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Follow a recording that never ends in another process, until eight frames are done."""
    path, target = tmp_path / "cell.tif", tmp_path / "cell_sparse.ome.zarr"
    command = [sys.executable, "-m", "sparsescope", "run", str(path), "--follow", "--first", "2", *FAST, *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        end, number = time.monotonic() + 60, 0
        while process.poll() is None and time.monotonic() < end:
            page(path, number)
            number += 1
            time.sleep(0.02)
            if target.exists() and read(target).sizes["T"] >= 8:
                break
        yield target, process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_ctrl_c_is_an_end_like_any_other(tmp_path: Path) -> None:
    with followed(tmp_path) as (target, process):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (0, False)
    assert "stopped by the user" in out
    image = read(target)
    assert image.sizes["T"] >= 8
    assert image.meta["notes"] == ()
    assert io.read_provenance(target)["followed"]["ended"] == "stopped by the user"


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_killed_at_any_moment_the_frames_done_are_a_valid_image(cli: Cli, tmp_path: Path) -> None:
    with followed(tmp_path) as (target, process):
        process.kill()
        process.communicate(timeout=30)
    image = read(target)
    frames = image.sizes["T"]
    assert frames >= 8
    (note,) = image.meta["notes"]
    assert note.startswith("this result is still being written, or what wrote it was killed"), "no chunk is missing"
    assert io.read_provenance(target)["followed"]["ended"] == "not yet"
    whole = cli(
        "run", tmp_path / "cell.tif", "--follow", "--idle", "0.2", "--first", "2", *FAST, "-o", tmp_path / "out"
    )
    assert whole.code == 0
    finished = read(tmp_path / "out" / "cell_sparse.ome.zarr")
    np.testing.assert_array_equal(np.asarray(image.data), np.asarray(finished.data)[:frames])


def test_a_real_movie_with_parameters_of_its_first_frames(cli: Cli, tmp_path: Path, shared_data: Path) -> None:
    frames = read(shared_data / "confocal_sets" / "xyt_calibrated_16bit__golgi_bfa_sum_projection.tif").data[:9]
    path = tmp_path / "golgi.tif"

    def record() -> None:
        for number, frame in enumerate(np.asarray(frames)):
            tifffile.imwrite(path, frame, append=number > 0, metadata=None, photometric="minisblack")
            time.sleep(0.02)

    writer = threading.Thread(target=record)
    writer.start()
    try:
        said = cli("run", path, "--follow", "--frames", "9", "--pixel-size-um", "0.3514", "--sparse-iterations", "20")
    finally:
        writer.join()
    assert said.code == 0
    again = cli("rerun", tmp_path / "golgi_sparse.ome.zarr")
    assert "every pixel is the same as in golgi_sparse.ome.zarr" in again.out
