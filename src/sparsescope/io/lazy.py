"""Arrays that read their planes only when they are indexed; the one file that names dask."""

from __future__ import annotations

import contextlib
import glob
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

EAGER_BYTES = 256 * 2**20
"""``lazy="auto"`` reads images up to this size at once."""

ReadPlane = Callable[[int], npt.NDArray[Any]]


class _Planes:
    """Numbered planes seen as one array; made for dask, which asks for whole chunks by slices."""

    def __init__(
        self, read: ReadPlane, shape: tuple[int, ...], plane_shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self._read = read
        self.shape = shape
        self.dtype = dtype
        self.ndim = len(shape)
        self._lead = shape[: len(shape) - len(plane_shape)]

    def __getitem__(self, key: tuple[slice, ...]) -> npt.NDArray[Any]:
        lead = [range(*part.indices(n)) for part, n in zip(key, self._lead, strict=False)]
        tail = tuple(key[len(lead) :])
        parts = [
            self._read(int(np.ravel_multi_index(index, self._lead)) if index else 0)[tail]
            for index in itertools.product(*lead)
        ]
        return np.stack(parts).reshape(*(len(part) for part in lead), *parts[0].shape)


def read_later(lazy: bool | Literal["auto"], nbytes: int) -> bool:
    """Whether an image of this many bytes is read plane by plane when it is indexed."""
    return nbytes > EAGER_BYTES if lazy == "auto" else lazy


def stamp(path: Path) -> tuple[int, int]:
    """Return what tells whether a file, a folder, or the folder of a pattern was changed since."""
    pattern = glob.has_magic(path.name) and not path.exists()
    status = (path.parent if pattern else path).stat()
    return status.st_size, status.st_mtime_ns


def in_this_thread() -> contextlib.AbstractContextManager[object]:
    """Let planes be read by the thread that asks while a ``with`` block runs, not by a cluster that it works for."""
    import dask

    return dask.config.set(scheduler="synchronous")  # type: ignore[no-any-return,unused-ignore]


def lazy_array(
    read: ReadPlane, shape: tuple[int, ...], plane_shape: tuple[int, ...], dtype: np.dtype[Any], name: str
) -> Any:
    """Return a dask array with one chunk per plane.

    Parameters
    ----------
    read : callable
        Returns plane number i as an array of shape `plane_shape` and type `dtype`; called from several threads.
    shape, plane_shape : tuple of int
        `shape` ends in `plane_shape`; the planes before are numbered in C order.
    dtype : dtype
        Native byte order.
    name : str
        The same for the same content and different for any other.

    Returns
    -------
    dask.array.Array
    """
    import dask.array

    planes = _Planes(read, shape, plane_shape, dtype)
    lead = len(shape) - len(plane_shape)
    assert math.prod(shape) > 0
    from_array: Any = dask.array.from_array  # dask has no types for it
    return from_array(
        planes,
        chunks=(1,) * lead + plane_shape,
        name=name,
        asarray=False,
        fancy=False,
        meta=np.empty((0,) * len(shape), dtype),
    )
