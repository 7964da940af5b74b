"""The second stage of a plane or a stack that no memory holds: tile by tile, every array in a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines import Engine, Float32Array
from ..engines.parts import Place, Stored, slabs, whole_place
from ..engines.windowed import Windowed
from ..preprocess.upsample import upsample
from ..solvers.loop import solve
from ..solvers.stored_term import StoredTerm
from .second_stage import Deconvolved, Deconvolver, OnStep, check_size
from .tiles import Cut, Tile

Store = Callable[[tuple[int, ...]], Stored]
"""Returns an array of a shape, zero everywhere."""


class Late:
    """Part of a stored array, multiplied with numbers when it is read.

    Parameters
    ----------
    whole : stored array
        Where it is taken from.
    field : tuple of slice
        What of it is meant.
    times : tuple of float32
        What it is multiplied with, one after the other.

    Examples
    --------
    >>> late = Late(np.arange(12, dtype=np.float32).reshape(3, 4), (slice(1, 3), slice(0, 2))) * np.float32(2)
    >>> late.shape, late[1].tolist(), float(late.sum())
    ((2, 2), [16.0, 18.0], 52.0)
    """

    def __init__(self, whole: Stored, field: Place, times: tuple[np.float32, ...] = ()) -> None:
        self.whole, self.field, self.times = whole, field, times
        self.shape = tuple(part.stop - part.start for part in field)
        self.ndim = len(self.shape)

    def __getitem__(self, part: int | Place) -> Float32Array:
        given: tuple[int | slice, ...] = (part,) if isinstance(part, int) else part
        place = [p + f.start if isinstance(p, int) else slice(p.start + f.start, p.stop + f.start)
                 for p, f in zip(given, self.field, strict=False)]  # fmt: skip
        found: Float32Array = np.array(self.whole[(*place, *self.field[len(place) :])])
        for number in self.times:
            found *= number
        return found

    def __mul__(self, number: np.float32) -> Late:
        return Late(self.whole, self.field, (*self.times, number))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("what is stored elsewhere is read into memory, which makes a copy")
        whole = self[whole_place((), self.shape)]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def sum(self, axis: None = None, dtype: Any = None, out: None = None) -> float:  # noqa: ARG002
        """Return the sum of all in float64, as numpy.sum asks for it."""
        return math.fsum(float(self[part].sum(dtype=np.float64)) for part in slabs(whole_place((), self.shape)))


@dataclass(frozen=True)
class InFiles:
    """A second stage with its tiles.

    Attributes
    ----------
    second : Deconvolver
        What is done; the result is the same but for rounding.
    tile : tuple of int
        Most rows and columns of the data whose object is computed at once.
    store : callable
        Returns an array in a file.
    """

    second: Deconvolver
    tile: Tile
    store: Store

    def __call__(
        self,
        data: Stored,
        behind: Stored | None,
        engine: Engine,
        mask: Stored | None = None,
        on_step: OnStep | None = None,
    ) -> Deconvolved:
        """Deconvolve a plane or a volume; see :class:`Deconvolver`.

        Parameters
        ----------
        data : stored array, shape (Y, X) or (Z, Y, X)
            Its maximum is about 1.
        behind : stored array, same shape, optional
            What the blurred object is added to.
        engine : Engine
            What computes.
        mask : stored array, same shape, optional
            1 where data count, else 0.
        on_step : callable, optional
            Called with (iterations done, limit) now and then.

        Returns
        -------
        Deconvolved
            Its value is to be read plane by plane.
        """
        second = self.second
        term = self._term(data.shape, engine, mask)
        start = None if second.factor == 1 else self._fine(data, behind)
        solution = solve(second.solver(term, behind, start), data, on_step)  # type: ignore[arg-type]
        if not solution.outcome.ok:
            fine = data if second.factor == 1 else self._fine(data, None)
            return Deconvolved(Late(fine, whole_place((), fine.shape)), solution.outcome, 0.0, 0.0)
        light = list(_light(data, behind, mask))
        measured, aim = math.fsum(one[0] for one in light), math.fsum(one[1] for one in light)
        explained, value = term.explained(solution.value), Late(solution.value, term.imaging.field)
        if behind is None and explained > 0:
            value, explained = value * np.float32(aim / explained), aim
        return Deconvolved(value, solution.outcome, measured, explained, sum(one[2] for one in light))

    def _term(self, shape: tuple[int, ...], engine: Engine, mask: Stored | None) -> StoredTerm:
        second, cut = self.second, Cut.of(self.second, shape)
        assert cut is not None
        if second.must_fit and not isinstance(second.psf, tuple):
            check_size(second.psf, shape, second.factor)
        imaging = Windowed(
            lambda within: engine.imaging(second.psf, within, second.factor), shape, self.tile, cut.reach, self.store,
            lambda jobs: engine.each(lambda _, job: job(), jobs), second.factor,
        )  # fmt: skip
        return StoredTerm(imaging, self.store, mask)

    def _fine(self, data: Stored, behind: Stored | None) -> Stored:
        """Return data less background, plane by plane on the object's grid."""
        *lead, height, width = data.shape
        factor = self.second.factor
        fine = self.store((*lead, height * factor, width * factor))
        for index in np.ndindex(*lead):
            plane = np.asarray(data[(*index, ...)])
            fine[(*index, ...)] = upsample(plane if behind is None else plane - behind[(*index, ...)], factor)
        return fine


def _light(data: Stored, behind: Stored | None, mask: Stored | None) -> Iterator[tuple[float, float, int]]:
    """Yield by slab the sum of data that count less a background, that of what is above zero, and how many do not."""
    for part in slabs(whole_place((), data.shape)):
        net = np.asarray(data[part]) if behind is None else np.asarray(data[part]) - np.asarray(behind[part])
        hidden = 0
        if mask is not None:
            counts = np.asarray(mask[part]) != 0
            hidden, net = counts.size - int(counts.sum()), net[counts]
        yield float(net.sum(dtype=np.float64)), float(np.maximum(net, 0).sum(dtype=np.float64)), hidden
