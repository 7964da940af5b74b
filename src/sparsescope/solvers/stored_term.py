"""The data term of an object that no memory holds: the same numbers, every array stored and passed through in parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engines import Float32Array
from ..engines.parts import Place, Stored, slabs, whole_place
from ..engines.windowed import Windowed
from .data_term import DataTerm, step_weights


class StoredTerm(DataTerm):
    """Data on a field, compared with the image of an object on a larger domain; see :class:`DataTerm`.

    Parameters
    ----------
    imaging : Windowed
        H.
    store : callable
        Returns a stored array of a shape, zero everywhere.
    mask : stored array, shape of the data, optional
        1 where data count and 0 elsewhere.

    Examples
    --------
    >>> from sparsescope.engines import pick
    >>> line, engine = np.array([0.25, 0.5, 0.25], np.float32), pick("numpy")
    >>> def make(shape):
    ...     return engine.imaging((line, line), shape)
    >>> def run(jobs):
    ...     return [job() for job in jobs]
    >>> term = StoredTerm(Windowed(make, (5, 7), (2, 3), (1, 1), np.zeros, run), np.zeros)
    >>> bool(np.abs(term.weights - DataTerm(make((5, 7))).weights).max() < 1e-5)
    True
    """

    def __init__(
        self, imaging: Windowed, store: Callable[[tuple[int, ...]], Stored], mask: Stored | None = None
    ) -> None:
        self.imaging: Windowed = imaging
        self.mask, self._store = mask, store
        self.weights = weights = store(imaging.object_shape)

        def counted(place: Place, out: Float32Array) -> None:
            out[...] = 1 if mask is None else mask[place]

        def keep(place: Place, seen: Float32Array) -> None:
            weights[place] = step_weights(seen, imaging.gain)

        imaging.home(counted, keep)

    def start(self, data: Stored, background: Stored | None, given: Stored | None, least: float) -> Stored:
        """Return what iterations start from; what is given lies on the field's grid."""
        x = self._store(self.imaging.object_shape)
        inside, behind = (data, background) if given is None else (given, None)
        for place in self.parts():
            index = [
                np.clip(np.arange(p.start, p.stop), f.start, f.stop - 1) - f.start
                for p, f in zip(place, self.imaging.field, strict=True)
            ]
            near = tuple(slice(int(i[0]), int(i[-1]) + 1) for i in index)
            values = np.asarray(inside[near]) if behind is None else np.asarray(inside[near]) - np.asarray(behind[near])
            x[place] = np.maximum(values[np.ix_(*(i - i[0] for i in index))], np.float32(least))
        return x

    def net(self, data: Stored, background: Stored | None) -> Stored:
        """Return the data less the background."""
        if background is None:
            return data
        net = self._store(data.shape)
        for part in slabs(whole_place((), data.shape)):
            net[part] = np.asarray(data[part]) - np.asarray(background[part])
        return net

    def zeros(self, shape: tuple[int, ...]) -> Stored:
        """Return an array for the state."""
        return self._store(shape)

    def apart(self, array: Stored) -> Any:
        """Return the array itself: the state is given up for the result."""
        return array

    def parts(self) -> Iterator[Place]:
        """Cut the object into slabs."""
        yield from slabs(whole_place((), self.imaging.object_shape))

    def explained(self, x: Stored) -> float:
        """Return the light of an object that falls on the pixels that count, Σ m H x, in float64."""
        sums: list[float] = []

        def read(place: Place, out: Float32Array) -> None:
            out[...] = x[place]

        def add(place: Place, expected: Float32Array) -> None:
            if self.mask is not None:
                expected *= self.mask[place]
            sums.append(float(expected.sum(dtype=np.float64)))

        self.imaging.ahead(read, add)
        return math.fsum(sums)
