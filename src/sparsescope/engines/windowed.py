"""Image formation of objects that no memory holds: window after window, each with the reach of the PSF around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import Any, Protocol, runtime_checkable

import numpy as np

from . import Float32Array, Imaging, Read, Write
from .parts import Place, Stored, slabs

Fill = Callable[[Place, Float32Array], None]
"""Fill the array with what lies at the place."""

Take = Callable[[Place, Float32Array], None]
"""Take what lies at the place; the array is used again afterwards."""

Run = Callable[[Sequence[Callable[[], Any]]], None]
"""Runs independent jobs, several at once where there are threads."""


@runtime_checkable
class SlabBySlab(Protocol):
    """An operator that takes and gives slabs along the first axis, and needs nothing whole in memory."""

    def ahead(self, read: Read, take: Write, /) -> None:
        """Apply H."""

    def home(self, read: Read, take: Write, /) -> None:
        """Apply Hᵀ."""


@dataclass(frozen=True)
class Window:
    """One window, in pixels of the whole data and of the whole object.

    Attributes
    ----------
    data, object : tuple of slice
        What its operator works on.
    kept_data, kept_object : tuple of slice
        For which of it the operator knows everything that matters; those of all windows cover the whole once.
    """

    data: Place
    object: Place
    kept_data: Place
    kept_object: Place


class Windowed:
    """H by operators of windows along y and x: what they say of the middle of a window is what the whole one says.

    Data are cut into tiles, and each is looked at within a window that reaches beyond it as far as light travels, by
    one and the same operator; where a tile lies at a border so does its window. Seams are exact but for rounding:
    nothing is left out, and whatever is taken over all pixels (a sum, a step length) is taken over all pixels.

    Forward and adjoint are two passes over the windows with the data in between stored, so that a window needs the
    reach of the PSF once, not twice.

    Parameters
    ----------
    make : callable
        Returns the operator of data of a shape; its margins beyond the data must not depend on it.
    data_shape : tuple of int
        Of the whole data.
    tile : tuple of int
        Largest rows and columns of the data that are kept of one window.
    reach : tuple of int
        How far light travels along y and x, in data pixels.
    store : callable
        Returns a stored array of a shape, zero everywhere.
    run : callable
        Runs jobs on slabs of a window.
    factor : int
        Object pixels per data pixel along y and x.

    Attributes
    ----------
    object_shape, data_shape, field, gain, arithmetic
        As of :class:`sparsescope.engines.Imaging`.
    windows : list of Window
        In the order in which they are worked on.
    """

    def __init__(
        self,
        make: Callable[[tuple[int, ...]], Imaging],
        data_shape: tuple[int, ...],
        tile: tuple[int, int],
        reach: tuple[int, int],
        store: Callable[[tuple[int, ...]], Stored],
        run: Run,
        factor: int = 1,
    ) -> None:
        self.data_shape = tuple(data_shape)
        cuts = [list(cut(n, t, r)) for n, t, r in zip(data_shape[-2:], tile, reach, strict=True)]
        within = tuple(outer.stop - outer.start for outer, _ in (along[0] for along in cuts))
        self.operator = make((*data_shape[:-2], *within))
        self.gain, self.arithmetic = self.operator.gain, self.operator.arithmetic
        sizes = zip(self.operator.object_shape, self.operator.field, strict=True)
        before, after = zip(*((part.start, size - part.stop) for size, part in sizes), strict=True)
        fine = (*data_shape[:-2], *(n * factor for n in data_shape[-2:]))
        self.field = tuple(slice(b, b + n) for b, n in zip(before, fine, strict=True))
        self.object_shape = tuple(b + n + a for b, n, a in zip(before, fine, after, strict=True))
        margins = [b + a for b, a in zip(before, after, strict=True)][-2:]
        lines = [
            [_along(outer, kept, n, factor, margin, part.start) for outer, kept in along]
            for along, n, margin, part in zip(cuts, data_shape[-2:], margins, self.field[-2:], strict=True)
        ]
        deep = tuple(slice(0, n) for n in data_shape[:-2]), tuple(slice(0, n) for n in self.object_shape[:-2])
        self.windows = [_window(deep, y, x) for y, x in product(*lines)]
        self._store, self._run = store, run
        self._between: Stored | None = None

    def ahead(self, fill: Fill, take: Take) -> None:
        """Apply H: `fill` gives the object, `take` gets what it explains, each data pixel once."""
        for window in self.windows:
            if isinstance(self.operator, SlabBySlab):
                self.operator.ahead(_filling(window.object, fill), _taking(window.data, window.kept_data, take))
                continue
            x = self._filled(self.operator.object_shape, window.object, fill)
            self._taken(self.operator.forward(x), window.data, window.kept_data, take)
            del x

    def home(self, fill: Fill, take: Take) -> None:
        """Apply Hᵀ: `fill` gives data, `take` gets what comes back, each object pixel once."""
        for window in self.windows:
            if isinstance(self.operator, SlabBySlab):
                self.operator.home(_filling(window.data, fill), _taking(window.object, window.kept_object, take))
                continue
            residual = self._filled(self.operator.data_shape, window.data, fill)
            self._taken(self.operator.adjoint(residual), window.object, window.kept_object, take)
            del residual

    def sandwich(self, read: Fill, turn: Take, write: Take) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`."""
        between = self._between = self._store(self.data_shape) if self._between is None else self._between

        def turned(place: Place, expected: Float32Array) -> None:
            turn(place, expected)
            between[place] = expected

        def filled(place: Place, out: Float32Array) -> None:
            out[...] = between[place]

        self.ahead(read, turned)
        self.home(filled, write)

    def release(self) -> None:
        """Give back the memory that is kept between sandwiches."""
        self.operator.release()

    def _filled(self, shape: tuple[int, ...], place: Place, fill: Fill) -> Float32Array:
        window = np.empty(shape, np.float32)
        self._run([partial(fill, part, window[_within(part, place)]) for part in slabs(place)])
        return window

    def _taken(self, window: Float32Array, place: Place, kept: Place, take: Take) -> None:
        def one(part: Place) -> None:
            take(part, np.ascontiguousarray(window[_within(part, place)]))

        self._run([partial(one, part) for part in slabs(kept)])


def cut(length: int, tile: int, reach: int) -> Iterator[tuple[slice, slice]]:
    """Cut an axis into tiles as even as can be: (window, tile), all windows of one length, none beyond the ends.

    Examples
    --------
    >>> [(outer.start, outer.stop, kept.start, kept.stop) for outer, kept in cut(20, 8, 2)]
    [(0, 11, 0, 6), (4, 15, 6, 13), (9, 20, 13, 20)]
    """
    count = -(-length // tile)
    edges = [length * i // count for i in range(count + 1)]
    wide = min(length, max(b - a for a, b in pairwise(edges)) + 2 * reach)
    for start, stop in pairwise(edges):
        first = min(max(0, start - reach), length - wide)
        yield slice(first, first + wide), slice(start, stop)


def _along(
    outer: slice, kept: slice, length: int, factor: int, margin: int, before: int
) -> tuple[slice, slice, slice, slice]:
    """Ranges of a window along one axis: data, object, kept data, kept object."""
    first = 0 if kept.start == 0 else before + kept.start * factor
    last = length * factor + margin if kept.stop == length else before + kept.stop * factor
    return outer, slice(outer.start * factor, outer.stop * factor + margin), kept, slice(first, last)


def _window(deep: tuple[Place, Place], y: tuple[slice, ...], x: tuple[slice, ...]) -> Window:
    data, seen, kept_data, kept_seen = ((*deep[i % 2], y[i], x[i]) for i in range(4))
    return Window(data, seen, kept_data, kept_seen)


def _filling(place: Place, fill: Fill) -> Read:
    """Return what reads a slab of a window."""

    def read(part: slice, out: Float32Array) -> None:
        fill((slice(place[0].start + part.start, place[0].start + part.stop), *place[1:]), out)

    return read


def _taking(place: Place, kept: Place, take: Take) -> Write:
    """Return what takes a slab of a window, as far as it is kept."""

    def write(part: slice, values: Float32Array) -> None:
        first, last = place[0].start + part.start, place[0].start + part.stop
        inside = (slice(max(first, kept[0].start), min(last, kept[0].stop)), *kept[1:])
        if inside[0].start < inside[0].stop:
            slab = (slice(first, last), *place[1:])
            take(inside, np.ascontiguousarray(values[_within(inside, slab)]))

    return write


def _within(part: Place, whole: Place) -> Place:
    return tuple(slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, whole, strict=True))
