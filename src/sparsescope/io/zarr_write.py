"""OME-Zarr out: 0.5 (Zarr 3) or 0.4 (Zarr 2), a pyramid, sizes, channels and provenance; written beside and renamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import OutputError
from ..image import Image
from .atomic import replacing_folder
from .encode import choose
from .zarr_store import MARKS
from .zarr_stream import ZarrStream

SUFFIXES_OUT = (".zarr",)


def write(path: Path, image: Image, *, dtype: str, overwrite: bool, version: str = "0.5") -> list[str]:
    """Write an OME-Zarr image plane by plane.

    Parameters
    ----------
    path : Path
        Folder to make; ends in ``.zarr``.
    image, dtype, overwrite
        See :func:`sparsescope.io.write`. An existing folder is only ever replaced when it is a Zarr store.
    version : str
        ``"0.5"`` or ``"0.4"``.
    """
    if not path.name.lower().endswith(SUFFIXES_OUT):
        raise OutputError(f"cannot write {path.name}: the name of an OME-Zarr ends in .ome.zarr or .zarr")
    encoding = choose(image, dtype)
    with replacing_folder(path, overwrite=overwrite, marks=MARKS) as part:
        stream = ZarrStream.make(part, image.shape, image.axes, encoding, version=version, target=path)
        for index in np.ndindex(image.shape[:-2]):
            stream[index] = image.data[index]
        stream.finish(image, path.name)
    return list(encoding.notes)


def write_04(path: Path, image: Image, *, dtype: str, overwrite: bool) -> list[str]:
    """Write version 0.4, for programs that read no Zarr 3 yet."""
    return write(path, image, dtype=dtype, overwrite=overwrite, version="0.4")
