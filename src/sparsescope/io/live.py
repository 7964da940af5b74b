"""Open a recording that is still being written, whatever it is kept in."""

from __future__ import annotations

import glob
from pathlib import Path

from ..errors import InputError
from .growing import Growing
from .growing_folder import GrowingFolder
from .growing_tiff import GrowingTiff
from .growing_zarr import GrowingZarr
from .zarr_store import is_store


def follow(path: Path, *, axes: str | None = None, series: int | None = None) -> Growing:
    """Open a recording that is still being written.

    Parameters
    ----------
    path : Path
        A TIFF file (plain, ImageJ, OME; classic or BigTIFF) to which pages are appended, a folder or a pattern of
        TIFF files of one plane each that fills up, or an OME-Zarr image whose T grows or whose chunks appear.
    axes : str, optional
        What the axes are, wins over the file; ``TYX`` takes every page or file for a frame.
    series : int, optional
        Which image of an OME-Zarr that holds several.

    Raises
    ------
    InputError
        If there is nothing yet that could be read, or it can never be followed.
    """
    if is_store(path):
        return GrowingZarr(path, axes, series)
    if path.is_dir() or (glob.has_magic(path.name) and not path.exists()):
        return GrowingFolder(path, axes)
    if not path.is_file() or not path.stat().st_size:
        raise InputError(f"there is nothing at {path} yet")
    with path.open("rb") as file:
        head = file.read(4)
    if head not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        raise InputError(
            f"{path.name} cannot be followed while it is written: that is possible for TIFF files, folders of TIFF "
            "files (--stack) and OME-Zarr"
        )
    return GrowingTiff(path, axes)
