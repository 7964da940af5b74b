"""Parts of arrays that may lie in memory or in files: where they are, how they are taken and put back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final, Protocol

import numpy as np

from . import Float32Array

Place = tuple[slice, ...]
"""Where a part lies in a whole array: one range per axis."""

Part = slice | Place
"""The same, or a range along the first axis."""

SLAB_VOXELS: Final = 1 << 18
"""Voxels of a plane that are read and updated together: some rows of it."""


class Stored(Protocol):
    """A float32 array in memory or in a file; what is taken from it is a view or a copy."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    def __getitem__(self, place: Any, /) -> Any:
        """Return a part."""

    def __setitem__(self, place: Any, value: Any, /) -> None:
        """Store a part."""


def taken(array: Stored, part: Part) -> Float32Array:
    """Return a part of an array, C-contiguous: a view where it can be one.

    Examples
    --------
    >>> whole = np.zeros((2, 4, 6), np.float32)
    >>> [np.shares_memory(whole, taken(whole, part)) for part in (slice(1), (slice(1), slice(1, 3), slice(2)))]
    [True, False]
    """
    found: Float32Array = np.ascontiguousarray(array[part])
    return found


def put(array: Stored, part: Part, value: Float32Array) -> None:
    """Store what was taken from there and changed; nothing is done where it is a view."""
    if not (isinstance(array, np.ndarray) and np.may_share_memory(array, value)):
        array[part] = value


def whole_place(part: Part, shape: tuple[int, ...]) -> Place:
    """Return a part as one range per axis.

    Examples
    --------
    >>> whole_place(slice(1, 2), (4, 5))
    (slice(1, 2, None), slice(0, 5, None))
    """
    given = (part,) if isinstance(part, slice) else part
    return *given, *(slice(0, n) for n in shape[len(given) :])


def slabs(place: Place) -> Iterator[Place]:
    """Cut a place into rows of planes.

    Examples
    --------
    >>> [(part[0].start, part[1].stop) for part in slabs((slice(0, 2), slice(0, 5), slice(0, 100_000)))]
    [(0, 2), (0, 4), (0, 5), (1, 2), (1, 4), (1, 5)]
    """
    *deep, down, across = place
    rows = max(1, SLAB_VOXELS // max(1, across.stop - across.start))
    for index in product(*(range(part.start, part.stop) for part in deep)):
        for first in range(down.start, down.stop, rows):
            yield *(slice(i, i + 1) for i in index), slice(first, min(first + rows, down.stop)), across
