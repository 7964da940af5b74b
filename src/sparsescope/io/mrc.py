"""MRC and CCP4 files in; the one file that names mrcfile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Image
from . import container
from .container import Stored
from .damage import check_end
from .facts import Facts, positive

KIND = "MRC"
_HEADER = 1024
_ANGSTROM_UM = 1e-4
_TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
"""Stored numbers by mode."""

_OPTICAL_UM = 0.005
"""Pixels below this are those of an electron microscope, and are taken as they stand; a note says so."""


def read(path: Path, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]) -> Image:
    """Read an image, a stack or one volume of an MRC file; see :func:`sparsescope.io.read`."""
    return container.read(path, KIND, _File, axes=axes, series=series, lazy=lazy)


def read_provenance(path: Path) -> dict[str, Any]:  # noqa: ARG001 - the same for every format
    """Return nothing: no result is written in this format."""
    return {}


class _File:
    """An open MRC file, its pixels a memory map."""

    def __init__(self, path: Path) -> None:
        import mrcfile

        self._check(path)
        self._file = mrcfile.mmap(path, "r")
        data: npt.NDArray[Any] = self._file.data
        single = data.shape[1:] if data.ndim == 3 and data.shape[0] == 1 else data.shape
        self._data = data.reshape(single)
        stack = bool(self._file.is_image_stack())
        lead = {2: "", 3: "I" if stack else "Z", 4: "VZ"}[self._data.ndim]
        self._stack = stack and lead == "I"
        self.images = [Stored(f"{lead}YX", self._data.shape, np.dtype(data.dtype), self._facts)]

    def _check(self, path: Path) -> None:
        """Raise InputError where the header cannot be that of the bytes behind it; mrcfile would map what is there."""
        size, name = path.stat().st_size, path.name
        with path.open("rb") as file:
            head = file.read(_HEADER)
        if len(head) < _HEADER:
            raise InputError(f"{name} is cut off: only {size} bytes of it are there. Copy it again")
        order = ">" if head[212:214] == b"\x11\x11" else "<"
        nx, ny, nz, mode = (int(n) for n in np.frombuffer(head, f"{order}i4", 4))
        extended = int(np.frombuffer(head, f"{order}i4", 1, 92)[0])
        if min(nx, ny, nz) <= 0 or extended < 0:
            raise InputError(f"{name} is damaged: its header says {nx} × {ny} × {nz} values. Copy it again")
        if mode not in _TYPES:
            raise InputError(f"{name} holds numbers of mode {mode}, which cannot be used: save it as 32-bit float")
        check_end(name, _HEADER + extended + math.prod((nx, ny, nz)) * np.dtype(_TYPES[mode]).itemsize, size)

    def plane(self, image: int, number: int) -> npt.NDArray[Any]:  # noqa: ARG002 - there is one
        """Return a view of a section."""
        plane: npt.NDArray[Any] = self._data.reshape(-1, *self._data.shape[-2:])[number]
        return plane

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _facts(self, fixed: Mapping[str, int]) -> Facts:  # noqa: ARG002 - the same for each
        facts = Facts()
        voxel = self._file.voxel_size
        order = [int(self._file.header[key]) for key in ("mapc", "mapr", "maps")]
        if sorted(order) != [1, 2, 3]:
            order = [1, 2, 3]
        for axis, of in zip("xyz", order, strict=True):
            size = positive(voxel["xyz"[of - 1]])
            if size is not None and not (axis == "z" and self._stack):
                facts.spacing_um[axis] = float(f"{size:.7g}") * _ANGSTROM_UM  # stored in 32 bits
        if 0 < facts.spacing_um.get("x", 0) < _OPTICAL_UM:
            facts.notes.append(
                f"the pixel size of {facts.spacing_um['x']:.3g} µm is that of an electron microscope; give "
                "--pixel-size-um if this is a light microscope"
            )
        if order != [1, 2, 3]:
            names = ", ".join("xyz"[of - 1] for of in order)
            facts.notes.append(f"the file calls its axes {names}, fastest first; they were read as x, y, z as stored")
        return facts
