"""The picture of a PSF: drawn for every kind, and never half."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from optics.bead_scenes import truth
from sparsescope.errors import OutputError
from sparsescope.optics.psf import Psf
from sparsescope.report.psf_picture import psf_picture

VOLUME = truth((9, 15, 13), (3.0, 4.0, 4.0)).astype(np.float32)
SIZES = {"z": 0.2, "y": 0.065, "x": 0.065}


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("sizes", [SIZES, {}], ids=["sizes", "no sizes"])
def test_a_png_is_drawn(tmp_path: Path, ndim: int, sizes: dict[str, float]):
    own = {axis: sizes[axis] for axis in "zyx"[-ndim:] if sizes}
    psf = Psf(VOLUME if ndim == 3 else VOLUME[4], own, "a simulated bead")
    path = tmp_path / "psf.png"
    psf_picture(psf, path, cutoff_per_um=5.0)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="exists already"):
        psf_picture(psf, path)


@pytest.mark.parametrize("shape", [(1, 1), (3, 1, 1)])
def test_the_smallest_psfs_are_drawn_too(tmp_path: Path, shape: tuple[int, ...]):
    psf_picture(Psf(np.ones(shape, np.float32)), tmp_path / "psf.png")
    assert (tmp_path / "psf.png").is_file()


def test_panels_say_width_unit_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, file, **_: (drawn.append(self), file.write(b"x")))
    psf_picture(Psf(VOLUME, SIZES, "a simulated bead"), tmp_path / "psf.png", cutoff_per_um=5.0)
    texts = [
        text.get_text()
        for axes in drawn[0].axes
        for text in (axes.get_legend().get_texts() if axes.get_legend() else [])
    ]
    assert "x: FWHM 0.264 µm = 4.06 px" in texts
    assert "z: FWHM 0.618 µm = 3.09 px" in texts
    assert "detection, 2 NA/λ = 5" in texts
    titles = [axes.get_title() for axes in drawn[0].axes]
    assert len(titles) == 9
    assert titles[:3] == [f"{name}, square root of the values" for name in ("xy", "xz", "yz")]
