"""Bad input: what the user reads, the exit code, and that nothing half-written is left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from sparsescope import as_image, read, write

from .conftest import Cli, spots
from .test_run import FAST, names

Values = np.ndarray[Any, Any]


def stored(path: Path, values: Values, **how: Any) -> None:
    """Write a TIFF that says its pixel size (0.1 µm) and its axes, like Fiji would."""
    how = {"photometric": "minisblack", "ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 0.1}} | how
    tifffile.imwrite(path, values, **how)


def with_values(*special: float) -> Values:
    values = spots(32, 32).astype(np.float32)
    values.flat[: len(special)] = special
    return values


def text(path: Path) -> None:
    path.write_text("this is no image")


def png(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))


def cut_off(path: Path) -> None:
    stored(path, spots(64, 64))
    path.write_bytes(path.read_bytes()[:3000])


def three_axes(path: Path) -> None:
    tifffile.imwrite(path, spots(5, 32, 32), photometric="minisblack")


def rgb(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((32, 32, 3), np.uint8), photometric="rgb")


REFUSED: dict[str, tuple[Callable[[Path], None], tuple[str, ...], str]] = {
    "missing": (lambda path: None, (), "there is no file"),
    "text": (text, (), "not an image"),
    "png": (png, (), "a PNG picture"),
    "no bytes": (lambda path: path.touch(), (), "is empty (0 bytes)"),
    "cut off": (cut_off, (), "cell.tif"),
    "unknown axes": (three_axes, (), "add --axes TYX if it is time or --axes ZYX if it is depth"),
    "axes of nonsense": (three_axes, ("--axes", "ABC"), "axes 'ABC': allowed is a string over TCZYX"),
    "too few axes": (three_axes, ("--axes", "YX"), "has 3"),
    "rgb": (rgb, (), "is an RGB photograph"),
    "bool": (lambda path: stored(path, np.eye(32, dtype=bool)), (), "cell.tif"),
    "complex": (lambda path: stored(path, np.eye(32, dtype=np.complex64), ome=False, metadata=None), (), "complex"),
    "nan": (lambda path: stored(path, with_values(np.nan)), (), "--hot-pixels adaptive"),
    "infinite": (lambda path: stored(path, with_values(np.inf, -np.inf)), (), "--hot-pixels adaptive"),
    "no pixel size": (
        lambda path: stored(path, spots(32, 32), metadata={"axes": "YX"}),
        ("--resolution-um", "0.25"),
        "--pixel-size-um",
    ),
    "psf too wide": (lambda path: stored(path, spots(32, 32)), ("--resolution-um", "20"), "--resolution-um"),
    "no such series": (lambda path: stored(path, spots(32, 32)), ("--series", "3"), "series"),
    "one pixel": (lambda path: stored(path, np.full((1, 1), 9, np.uint16)), (), "the PSF is wider than the image"),
    "a thin strip": (lambda path: stored(path, np.ones((200, 1), np.uint16)), (), "the PSF is wider than the image"),
    "negative size": (lambda path: stored(path, spots(32, 32)), ("--pixel-size-um", "-1"), "pixel_size_um = -1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_with_the_reason_and_leaves_nothing(cli: Cli, tmp_path: Path, case: str) -> None:
    make, flags, message = REFUSED[case]
    path = tmp_path / "cell.tif"
    make(path)
    before = names(tmp_path)
    said = cli("run", path, *FAST, *flags)
    assert said.code == 1
    assert message in said.err
    assert said.err.splitlines()[-1].startswith("error: ")
    assert names(tmp_path) == before


@pytest.mark.parametrize("case", REFUSED)
def test_info_says_the_same_or_shows_what_is_there(cli: Cli, tmp_path: Path, case: str) -> None:
    make, flags, _ = REFUSED[case]
    make(tmp_path / "cell.tif")
    said = cli("info", tmp_path / "cell.tif", *flags)
    assert said.code in (0, 1)
    assert said.out if said.code == 0 else said.err.startswith("error: ")


VALID: dict[str, Values] = {
    "constant": np.full((32, 32), 7, np.uint16),
    "all zero": np.zeros((32, 32), np.uint16),
    "negative": with_values(-50, -3),
    "all negative": -spots(32, 32).astype(np.float32),
    "one bright pixel": np.pad(np.full((1, 1), 65535, np.uint16), 16),
}


@pytest.mark.parametrize("case", VALID)
def test_odd_but_usable_images_give_a_valid_image_and_never_nan(cli: Cli, tmp_path: Path, case: str) -> None:
    stored(tmp_path / "cell.tif", VALID[case])
    said = cli("run", tmp_path / "cell.tif", *FAST)
    assert said.code == 0, said.err
    result = read(tmp_path / "cell_sparse.ome.tif")
    assert result.shape == VALID[case].shape
    assert np.isfinite(result.block()).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_the_smallest_images_pass_the_sparse_stage_alone(cli: Cli, tmp_path: Path, size: int) -> None:
    stored(tmp_path / "cell.tif", np.arange(size * size, dtype=np.uint16).reshape(size, size))
    said = cli("run", tmp_path / "cell.tif", "--deconvolution", "none")
    assert said.code == 0, said.err
    assert np.isfinite(read(tmp_path / "cell_sparse.ome.tif").block()).all()


@pytest.mark.parametrize("case", ["constant", "all zero", "all negative"])
def test_an_image_without_contrast_gets_a_note(cli: Cli, tmp_path: Path, case: str) -> None:
    stored(tmp_path / "cell.tif", VALID[case])
    assert "note: " in cli("run", tmp_path / "cell.tif", *FAST).out


def test_hot_pixel_removal_repairs_what_is_not_finite(cli: Cli, tmp_path: Path) -> None:
    stored(tmp_path / "cell.tif", with_values(np.nan, np.inf))
    said = cli("run", tmp_path / "cell.tif", *FAST, "--hot-pixels", "adaptive")
    assert said.code == 0, said.err
    assert np.isfinite(read(tmp_path / "cell_sparse.ome.tif").block()).all()


def test_a_folder_that_is_a_file_is_wrong_usage(cli: Cli, cell: Path) -> None:
    (cell.parent / "out").write_text("a file")
    said = cli("run", cell, *FAST, "--out", cell.parent / "out")
    assert said.code == 2
    assert "cannot be made a folder" in said.err
    assert (cell.parent / "out").read_text() == "a file"


def test_a_folder_without_permission_is_refused_before_any_work(
    cli: Cli, cell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    said = cli("run", cell, *FAST)
    assert said.code == 1
    assert "no permission to write" in said.err
    assert said.out == ""
    assert names(cell.parent) == ["cell.ome.tif"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which nobody can write is a thing of Linux")
def test_a_folder_in_which_nobody_can_write_is_an_error(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *FAST, "--out", "/proc")
    assert said.code == 1
    assert "cannot write /proc/cell_sparse.ome.tif" in said.err


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are a thing of Unix")
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path / "cell.tif", as_image(spots(700, 700), pixel_size_um=0.1), dtype="uint16")
    # what a full disk does to the writer: the system refuses to let a file grow beyond 1.5 MB, the result has 2 MB
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000));"
    code = f"{limited} from sparsescope.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "run", str(tmp_path / "cell.tif"), *FAST]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert names(tmp_path) == ["cell.tif"]


def test_a_file_that_is_damaged_in_the_middle_of_a_batch_does_not_stop_it(cli: Cli, tmp_path: Path) -> None:
    for name in ("a.tif", "c.tif"):
        stored(tmp_path / name, spots(32, 32))
    cut_off(tmp_path / "b.tif")
    said = cli("run", tmp_path, *FAST)
    assert said.code == 1
    assert names(tmp_path) == ["a.tif", "a_sparse.ome.tif", "b.tif", "c.tif", "c_sparse.ome.tif"]
