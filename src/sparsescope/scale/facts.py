"""What a result depends on, as plain values: a run is gone on with only where all of it is the same."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..errors import InputError
from ..image import Image
from ..io import files_of
from ..pipeline import Plan


def facts_of(image: Image, plan: Plan, engine: str, **more: Any) -> dict[str, Any]:
    """Return the facts of a run by name.

    Parameters
    ----------
    image : Image
        The input.
    plan : Plan
        Resolved.
    engine : str
        What computes.
    **more
        Further facts, such as the format of the result.
    """
    path = image.meta.get("path")
    recipes = plan.channels or (plan.recipe,)
    spreads = [spread for spread in plan.spreads if spread is not None]
    return {
        "software": f"sparsescope {__version__}",
        "engine": engine,
        "input": fingerprint(Path(str(path))) if path else {},
        "image": {"axes": image.axes, "shape": list(image.shape), "type": str(image.dtype), **_sizes(image)},
        **{f"parameters of channel {i}": recipe.model_dump(mode="json") for i, recipe in enumerate(recipes)},
        "widths of the PSF": [list(spread.fwhm_yx_px) for spread in spreads],
        "PSF": [_check(spread.psf.data) for spread in spreads if spread.psf is not None],
        **more,
    }


def _sizes(image: Image) -> dict[str, Any]:
    return {f"{axis} in µm": size for axis, size in image.spacing_um.items()} | {"interval in s": image.interval_s}


def _check(array: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def check_same(path: Path, before: dict[str, Any]) -> None:
    """Raise InputError where a file, or what a folder holds, is not what it was: part of it may have been misread.

    Parameters
    ----------
    path : Path
        The input.
    before : dict
        What :func:`fingerprint` said of it.
    """
    now = fingerprint(path)
    if now != before:
        what = "is not there any more" if not now["files"] else "has changed"
        raise InputError(
            f"{path} {what} since the run began, so what was read may be wrong: run again when it is whole"
        )


def fingerprint(path: Path) -> dict[str, Any]:
    """Return what tells that a file, or what a folder holds, is still the same: name, size and time of change.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "movie.tif"
    >>> _ = file.write_bytes(b"12345")
    >>> fingerprint(file)["bytes"]
    5
    """
    try:
        states = [one.stat() for one in files_of(path)]
    except OSError:
        states = []
    return {
        "path": str(path.resolve()),
        "files": len(states),
        "bytes": sum(state.st_size for state in states),
        "changed": max((state.st_mtime_ns for state in states), default=0),
    }
