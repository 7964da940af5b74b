"""Arrays in a file without a name: planes are read and written one by one, so that nothing large is resident."""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from threading import Lock
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..io.atomic import explain

Part: TypeAlias = int | slice | EllipsisType
Key: TypeAlias = tuple[Part, ...] | Part
Floats: TypeAlias = npt.NDArray[np.float32]


class Shelf:
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
        self.shape, self.dtype, self.ndim = tuple(shape), np.dtype(np.float32), len(shape)
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

    def __getitem__(self, key: Key) -> Floats:
        lead, within, squeezed = self._parts(key)
        rows, kept = self._rows(within)
        sample = np.empty(self.shape[-2:], bool)[rows, :][kept]
        out = np.empty((*map(len, lead), *sample.shape), np.float32)
        for at, index in _numbered(lead):
            out[at] = self._read(index, rows)[kept]
        found: Floats = out[squeezed]
        return found

    def __setitem__(self, key: Key, value: Any) -> None:
        lead, within, squeezed = self._parts(key)
        rows, kept = self._rows(within)
        whole = np.empty(self.shape[-2:], bool)[rows, :][kept].shape
        values = np.asarray(value, np.float32)
        numbers = [n for n, part in zip((*map(len, lead), *whole), squeezed, strict=True) if part != 0]
        values = np.broadcast_to(values, numbers).reshape(*map(len, lead), *whole)
        full = whole == (rows.stop - rows.start, self.shape[-1])
        for at, index in _numbered(lead):
            plane = values[at]
            if not full:
                plane = self._read(index, rows)
                plane[kept] = values[at]
            self._write(index, rows, plane)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("an array in a file is read into memory, which makes a copy")
        whole = self[(slice(None),) * self.ndim]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def close(self) -> None:
        """Give the file's space back; the array is lost."""
        self._end()

    def _parts(self, key: Key) -> tuple[list[range], tuple[slice, slice], tuple[Any, ...]]:
        """Return indices of leading axes, ranges within a plane, and what takes axes named by one number away."""
        given = key if isinstance(key, tuple) else (key,)
        if Ellipsis in given:
            at = given.index(Ellipsis)
            given = (*given[:at], *(slice(None),) * (self.ndim - len(given) + 1), *given[at + 1 :])
        if len(given) > self.ndim:
            raise IndexError(f"{len(given)} indices for {self.ndim} axes")
        ranges: list[range] = []
        squeezed: list[Any] = []
        for part, length in zip((*given, *(slice(None),) * (self.ndim - len(given))), self.shape, strict=True):
            whole = isinstance(part, slice)
            squeezed.append(slice(None) if whole else 0)
            ranges.append(range(length)[part] if isinstance(part, slice) else _one(part, length))
        down, across = (_slice(part) for part in ranges[-2:])
        return ranges[:-2], (down, across), tuple(squeezed)

    def _rows(self, within: tuple[slice, slice]) -> tuple[slice, tuple[slice, slice]]:
        """Return the rows of a plane that hold a part of it, and where the part lies in them."""
        down = range(self.shape[-2])[within[0]]
        if not len(down):
            return slice(0, 0), (slice(0, 0), within[1])
        first, last = min(down), max(down)
        return slice(first, last + 1), (_slice(range(down.start - first, down.stop - first, down.step)), within[1])

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

    def _write(self, index: tuple[int, ...], rows: slice, values: Floats) -> None:
        rest = np.ascontiguousarray(values).data.cast("B") if values.size else memoryview(b"")
        try:
            with self._lock:
                self._file.seek(self._place(index, rows))
                while len(rest):
                    rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise OutputError(explain(self._folder / "a temporary file", error)) from None


def _one(index: Any, length: int) -> range:
    at = int(range(length)[index])
    return range(at, at + 1)


def _slice(part: range) -> slice:
    """Return the slice that is this range, also where it runs backwards to the first element."""
    return slice(part.start, None if part.stop < 0 else part.stop, part.step)


def _numbered(lead: list[range]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield (place in the part, place in the array) over leading axes."""
    yield from zip(product(*(range(len(part)) for part in lead)), product(*lead), strict=True)
