"""Arrays of planes that are kept outside the memory: they index as NumPy's do, and read and write plane by plane."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import product
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Part: TypeAlias = int | slice | EllipsisType
Key: TypeAlias = tuple[Part, ...] | Part
Pixels: TypeAlias = npt.NDArray[Any]


class Planewise(ABC):
    """An array of at least two axes, the last two of which are a plane; indexed by whole numbers and slices.

    Parameters
    ----------
    shape : tuple of int
        Length of each axis.
    dtype : dtype
        Type of the numbers.
    """

    whole_planes = False
    """Whether only whole planes can be written."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = tuple(shape), dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @abstractmethod
    def _read(self, index: tuple[int, ...], rows: slice) -> Pixels:
        """Return rows of one plane, as an array of its own."""

    @abstractmethod
    def _write(self, index: tuple[int, ...], rows: slice, values: Pixels) -> None:
        """Put rows into one plane."""

    def __getitem__(self, key: Key) -> Pixels:
        lead, within, squeezed = self._parts(key)
        rows, kept = self._rows(within)
        if all(len(part) == 1 for part in lead):  # of one plane, what is read need not be copied
            plane = self._read(tuple(part[0] for part in lead), rows)[kept]
            alone: Pixels = plane.reshape((1,) * len(lead) + plane.shape)[squeezed]
            return alone
        sample = np.empty(self.shape[-2:], bool)[rows, :][kept]
        out = np.empty((*map(len, lead), *sample.shape), self.dtype)
        for at, index in _numbered(lead):
            out[at] = self._read(index, rows)[kept]
        found: Pixels = out[squeezed]
        return found

    def __setitem__(self, key: Key, value: Any) -> None:
        lead, within, squeezed = self._parts(key)
        rows, kept = self._rows(within)
        whole = np.empty(self.shape[-2:], bool)[rows, :][kept].shape
        values = np.asarray(value)
        numbers = [n for n, part in zip((*map(len, lead), *whole), squeezed, strict=True) if part != 0]
        values = np.broadcast_to(values, numbers).reshape(*map(len, lead), *whole)
        full = kept == (slice(0, whole[0], 1), slice(0, self.shape[-1], 1))
        if self.whole_planes and not (full and whole[0] == self.shape[-2]):
            raise IndexError("planes are written whole: index the axes before the last two only")
        for at, index in _numbered(lead):
            plane = values[at]
            if not full:
                plane = self._read(index, rows)
                plane[kept] = values[at]
            self._write(index, rows, plane)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        if copy is False:
            raise ValueError("an array in a file is read into memory, which makes a copy")
        whole = self[(slice(None),) * self.ndim]
        return whole if dtype is None else whole.astype(dtype, copy=False)

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


def _one(index: Any, length: int) -> range:
    at = int(range(length)[index])
    return range(at, at + 1)


def _slice(part: range) -> slice:
    """Return the slice that is this range, also where it runs backwards to the first element."""
    return slice(part.start, None if part.stop < 0 else part.stop, part.step)


def _numbered(lead: list[range]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield (place in the part, place in the array) over leading axes."""
    yield from zip(product(*(range(len(part)) for part in lead)), product(*lead), strict=True)
