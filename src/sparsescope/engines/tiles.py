"""Cut a plane into tiles whose rows fit a core's cache, and keep their halos fresh (NumPy only)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .kernels_plane import FIELDS, PAD, lag_rows, ring_rows

Float32Array = npt.NDArray[np.float32]
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

LINE = 16
"""Floats in a cache line."""

BEST_WIDTH = 640
"""Columns of a tile: longer rows fall out of the first-level cache, shorter ones waste time between rows."""


def aligned_zeros(size: int) -> Float32Array:
    """Flat float32 zeros whose first element lies on a cache line."""
    raw = np.zeros(size + LINE, np.float32)
    start = (-raw.ctypes.data % (4 * LINE)) // 4
    return raw[start : start + size]


def padded(width: int) -> int:
    """Floats from one row to the next: padding on both sides, whole cache lines, and no 4096-byte aliasing."""
    stride = -(-(width + 2 * PAD) // LINE) * LINE
    return stride + LINE if (stride * FIELDS * 4) % 4096 < 4 * LINE * FIELDS else stride


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: its buffer, where it lies in the plane (with halo), and which part of it is its own."""

    memory: Float32Array
    state: Float32Array
    outer: tuple[slice, slice]
    first: int
    last: int
    stride: int

    @property
    def rows(self) -> int:
        return int(self.state.shape[1])

    @property
    def width(self) -> int:
        return int(self.outer[1].stop - self.outer[1].start)


def cut(length: int, pieces: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Yield (own part, part with halo) of each of `pieces` nearly equal pieces of an axis."""
    edges = [length * i // pieces for i in range(pieces + 1)]
    for start, stop in pairwise(edges):
        yield slice(start, stop), slice(max(0, start - halo), min(length, stop + halo))


class Tiling:
    """The tiles of one plane, filled with the data, and the copies that refresh their halos.

    Parameters
    ----------
    data : array, shape (Y, X), float32
        Image whose maximum is about 1; it is the first estimate as well.
    fidelity : float
        Weight F of the data.
    degree, steps : int
        Degree of the solving polynomial and iterations per sweep: together they set the halo.
    pieces : int
        Least number of tiles wanted (threads).
    each : callable
        ``map``, or one that works on several items at once: most of the time goes into fresh memory.
    """

    def __init__(
        self, data: Float32Array, fidelity: float, degree: int, steps: int, pieces: int, each: Each = map
    ) -> None:
        rows, columns = data.shape
        halo = lag_rows(degree) * steps
        down = min(pieces, max(1, rows // (2 * halo))) if pieces > 1 else 1
        across = max(1, round(columns / BEST_WIDTH))
        places = [(y, x) for y in cut(rows, down, halo) for x in cut(columns, across, halo)]
        self.own = [(y[0], x[0]) for y, x in places]
        scratch = steps * ring_rows(degree)[1]
        self.tiles: list[Tile] = list(
            each(lambda place: _filled(data, fidelity, (place[0][1], place[1][1]), place[0][0], scratch), places)
        )
        self._copies = list(self._overlaps())

    def _overlaps(self) -> Iterator[tuple[Float32Array, Float32Array]]:
        columns = max(own[1].stop for own in self.own)
        for i, tile in enumerate(self.tiles):
            for j, other in enumerate(self.tiles):
                shared = [_intersection(a, b) for a, b in zip(tile.outer, self.own[j], strict=True)]
                if i != j and all(s.start < s.stop for s in shared):
                    shared[1] = _with_mirror(shared[1], columns)
                    yield _window(tile, shared), _window(other, shared)

    def refresh(self) -> None:
        """Copy every tile's own values into its neighbours' halos."""
        for target, source in self._copies:
            np.copyto(target, source)

    def gather(self, field: int) -> Float32Array:
        """Return one field of the whole plane."""
        shape = [max(own[axis].stop for own in self.own) for axis in (0, 1)]
        out = np.empty(shape, np.float32)
        for tile, own in zip(self.tiles, self.own, strict=True):
            out[own] = _window(tile, list(own), first=0)[field]
        return out


def _intersection(a: slice, b: slice) -> slice:
    return slice(max(a.start, b.start), min(a.stop, b.stop))


def _with_mirror(x: slice, columns: int) -> slice:
    """Widen a range of columns by the mirrored neighbour that each row keeps beyond the edges of the plane."""
    return slice(x.start - (x.start == 0), x.stop + (x.stop == columns))


def _window(tile: Tile, part: list[slice], first: int = 1) -> Float32Array:
    y, x = (slice(p.start - o.start, p.stop - o.start) for p, o in zip(part, tile.outer, strict=True))
    return tile.state[first:, y, PAD + x.start : PAD + x.stop]


def _filled(data: Float32Array, fidelity: float, outer: tuple[slice, slice], own: slice, scratch: int) -> Tile:
    part = data[outer]
    rows, width = part.shape
    stride = padded(width)
    memory = aligned_zeros((rows * FIELDS + scratch + 1) * stride)
    state = memory[: rows * FIELDS * stride].reshape(rows, FIELDS, stride).transpose(1, 0, 2)
    with np.errstate(over="ignore"):  # told by the outcome; the caller's setting does not reach other threads
        np.multiply(part, np.float32(fidelity), out=state[0, :, PAD : PAD + width])
    state[1, :, PAD : PAD + width] = part
    state[1, :, PAD - 1] = part[:, 0]
    state[1, :, PAD + width] = part[:, -1]
    return Tile(memory, state, outer, own.start - outer[0].start, own.stop - outer[0].start, stride)
