"""Arrays in a file without a name: planes are read and written one by one, so that nothing large is resident."""

from __future__ import annotations

import math
import tempfile
import weakref
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..io.atomic import explain
from ..io.planewise import Planewise

Floats: TypeAlias = npt.NDArray[np.float32]


class Shelf(Planewise):
    """A float32 array kept in a temporary file; zero where nothing was written.

    The file has no name where the system allows that (it is gone as soon as it is closed, also after an error, Ctrl-C
    or a killed process) and is removed on closing elsewhere. It is read and written, not mapped: pages of a mapped file
    count as resident, and a full disk would end the process instead of raising an error.

    Parameters
    ----------
    shape : tuple of int
        At least two axes; the last two are a plane.
    folder : Path
        Where the file lies.

    Raises
    ------
    OutputError
        If the folder cannot be written to, or its disk is full.

    Examples
    --------
    >>> shelf = Shelf((3, 2, 4), Path(tempfile.gettempdir()))
    >>> shelf[1] = np.ones((2, 4), np.float32)
    >>> shelf[1:, 0, ::2].tolist(), np.asarray(shelf).sum()
    ([[1.0, 1.0], [0.0, 0.0]], np.float32(8.0))
    """

    def __init__(self, shape: tuple[int, ...], folder: Path) -> None:
        super().__init__(shape, np.dtype(np.float32))
        self._folder, self._lock = folder, Lock()
        self._plane_bytes = 4 * math.prod(shape[-2:])
        try:
            self._file: Any = tempfile.TemporaryFile(dir=folder, prefix=".sparsescope-", suffix=".part", buffering=0)  # noqa: SIM115
            self._end = weakref.finalize(self, self._file.close)  # closes without a word when nobody needs it
            self._file.truncate(self._plane_bytes * math.prod(shape[:-2]))
        except OSError as error:
            raise OutputError(explain(folder / "a temporary file", error)) from None

    @property
    def nbytes(self) -> int:
        """Size of the file."""
        return self._plane_bytes * math.prod(self.shape[:-2])

    def close(self) -> None:
        """Give the file's space back; the array is lost."""
        self._end()

    def _place(self, index: tuple[int, ...], rows: slice) -> int:
        number = int(np.ravel_multi_index(index, self.shape[:-2])) if index else 0
        first: int = rows.start
        return number * self._plane_bytes + 4 * first * self.shape[-1]

    def _read(self, index: tuple[int, ...], rows: slice) -> Floats:
        out = np.empty((rows.stop - rows.start, self.shape[-1]), np.float32)
        rest = out.data.cast("B") if out.size else memoryview(b"")
        with self._lock:
            self._file.seek(self._place(index, rows))
            while len(rest):
                count = self._file.readinto(rest)
                if not count:
                    raise OutputError(f"a temporary file in {self._folder} was cut off: run again, or with more memory")
                rest = rest[count:]
        return out

    def _write(self, index: tuple[int, ...], rows: slice, values: npt.NDArray[Any]) -> None:
        rest = np.ascontiguousarray(values, np.float32).data.cast("B") if values.size else memoryview(b"")
        try:
            with self._lock:
                self._file.seek(self._place(index, rows))
                while len(rest):
                    rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise OutputError(explain(self._folder / "a temporary file", error)) from None
