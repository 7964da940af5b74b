"""Arrays that a run keeps in its hidden folder, open to several processes at once."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..io.atomic import explain
from ..io.planewise import Planewise
from ..io.zarr_store import arrays_of, new_array, new_group, open_group

MOST_SIDE = 2048
"""Longest side of a chunk: 17 MB."""


class WorkArray(Planewise):
    """A float32 array in a folder, each plane in files of its own; zero where nothing was written.

    Parameters
    ----------
    folder : Path
        Where it lies, or is made when it is not there.
    shape : tuple of int
        At least two axes; the last two are a plane.

    Raises
    ------
    OutputError
        If the folder holds an array of another shape, cannot be written to, or its disk is full.

    Examples
    --------
    >>> import tempfile
    >>> work = WorkArray(Path(tempfile.mkdtemp()) / "background", (3, 2, 4))
    >>> work[1] = np.ones((2, 4), np.float32)
    >>> again = WorkArray(work.folder, work.shape)
    >>> again[1:, 0, ::2].tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """

    whole_planes = True

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        super().__init__(shape, np.dtype(np.float32))
        self.folder = folder
        with _explained(folder):
            if not folder.exists():
                begun = folder.with_name(folder.name + ".part")
                shutil.rmtree(begun, ignore_errors=True)
                chunks = (*(1 for _ in shape[:-2]), *(min(n, MOST_SIDE) for n in shape[-2:]))
                axes = [f"axis {i}" for i in range(len(shape))]
                new_array(new_group(begun, 3), "0", shape, chunks, self.dtype.name, axes)
                begun.rename(folder)
            arrays = arrays_of(open_group(folder))
        if [tuple(array.shape) for array in arrays] != [self.shape]:
            raise OutputError(f"{folder} holds another array than the one to be written: remove it")
        self._array = arrays[0]

    def _read(self, index: tuple[int, ...], rows: slice) -> npt.NDArray[Any]:
        return np.array(self._array[(*index, rows)])

    def _write(self, index: tuple[int, ...], rows: slice, values: npt.NDArray[Any]) -> None:  # noqa: ARG002 - all rows
        with _explained(self.folder):
            self._array[index] = np.asarray(values, np.float32)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder, self.shape)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(explain(folder, error)) from None
