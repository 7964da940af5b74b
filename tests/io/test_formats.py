"""The table of formats: loaded late, decided by content, open for more."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sparsescope import io
from sparsescope.errors import InputError
from sparsescope.image import as_image


def test_importing_io_loads_no_library_of_a_format() -> None:
    code = (
        "import sys, sparsescope.io; heavy = {'tifffile', 'dask', 'zarr', 'imagecodecs', "
        "'defusedxml', 'nd2', 'liffile', 'oiffile', 'mrcfile'}; "
        "print(sorted({n.split('.')[0] for n in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_a_small_file_loads_no_library_for_large_ones(tmp_path: Path) -> None:
    io.write(tmp_path / "a.tif", as_image(np.ones((4, 5))))
    code = (
        "import sys, sparsescope.io as io; io.read(sys.argv[1]); "
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'dask', 'zarr', 'scipy', 'matplotlib'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.tif")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    io.write(tmp_path / "a.tif", as_image(np.ones((4, 5))))
    (tmp_path / "a.tif").rename(tmp_path / "a.dat")
    assert io.read(tmp_path / "a.dat").shape == (4, 5)
    assert io.read(str(tmp_path / "a.dat")).shape == (4, 5)


def test_supported_endings_are_lower_case_and_begin_with_a_dot() -> None:
    assert {".tif", ".tiff", ".lsm"} <= set(io.supported())
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in io.supported())


def test_a_new_format_needs_a_line_in_the_table_and_a_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    new = io.Format("new", (".new",), (b"NEW!",), "tiff")
    monkeypatch.setattr(io, "FORMATS", (*io.FORMATS, new))
    path = tmp_path / "a.new"
    path.write_bytes(b"NEW!" + bytes(20))
    with pytest.raises(InputError, match=r"a\.new is cut off|a\.new is a TIFF without|cannot read a\.new"):
        io.read(path)
    assert ".new" in io.supported()


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert io.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    with pytest.raises(InputError, match="there is no file"):
        io.sha256(tmp_path / "b")
