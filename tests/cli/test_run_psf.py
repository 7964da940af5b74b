"""``run`` with a PSF file: its voxels count, its name is kept, and ``rerun`` asks for the same one."""

from __future__ import annotations

from pathlib import Path

from sparsescope.optics.gaussian import gaussian_psf
from sparsescope.optics.psf import Psf
from sparsescope.pipeline.psf_file import write_psf

from .conftest import Cli
from .test_run import FAST, row


def made(folder: Path, width: float = 3.0) -> Path:
    path = folder / "spot.ome.tif"
    write_psf(path, Psf(gaussian_psf(width), {"x": 0.1, "y": 0.1}, "made up"), overwrite=True)
    return path


def test_a_psf_file_is_used_and_named_and_repeated(cli: Cli, cell: Path, tmp_path: Path) -> None:
    psf = made(tmp_path)
    said = cli("run", cell, *FAST, "--fidelity", "100", "--sparsity", "1", "--background", "none", "--psf", psf)
    assert said.code == 0, said.err
    assert row(said.out, "psf model") == ["given", "flag"]
    again = cli("rerun", cell.with_name("cell_sparse.ome.tif"))
    assert again.code == 0, again.err
    assert "every pixel is the same" in " ".join(again.out.split())
    made(tmp_path, 5.0)
    other = cli("rerun", cell.with_name("cell_sparse.ome.tif"), "--overwrite")
    assert "is not the recorded PSF" in " ".join(other.out.split())
    psf.unlink()
    gone = cli("rerun", cell.with_name("cell_sparse.ome.tif"), "--overwrite")
    assert gone.code == 1
    assert "--psf FILE" in gone.err
