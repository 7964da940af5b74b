"""Where an object is larger than its image: the extended domain of a masked data term, and operators made of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from . import Arithmetic, Blur, Float32Array, Imaging, Read, Turn, Write

FAINT = 1e-4
"""Part of an object pixel's light on the data below which the pixel is left out of the domain."""

Line = npt.NDArray[np.float64]
AnyArray = TypeVar("AnyArray", bound=npt.NDArray[Any])


@dataclass(frozen=True)
class Domain:
    """The data's field and the margin around it from which light reaches the data.

    An object pixel `before + i` lies where data pixel i lies. Pixels beyond the domain are dark.

    Parameters
    ----------
    data_shape : tuple of int
        Shape of the data.
    before, after : tuple of int
        Object pixels before the first and after the last data pixel along each axis.
    """

    data_shape: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def object_shape(self) -> tuple[int, ...]:
        """Shape of the object."""
        return tuple(b + n + a for b, n, a in zip(self.before, self.data_shape, self.after, strict=True))

    @property
    def field(self) -> tuple[slice, ...]:
        """Where the data lie in the object."""
        return tuple(slice(b, b + n) for b, n in zip(self.before, self.data_shape, strict=True))


def extended(data_shape: Sequence[int], lines: Sequence[Line], most: Sequence[int] | None = None) -> Domain:
    """Return the domain of a PSF given by its sums along all axes but one, one line of odd length per axis.

    It ends where less than `FAINT` of a pixel's light reaches the data, or after `most` pixels. Leading axes of the
    data that have no line are stacks of separate images and are not extended.

    Examples
    --------
    >>> import numpy as np
    >>> extended((5, 8), [np.ones(1), np.array([5e-5, 0.1, 0.7999, 0.1, 5e-5])]).object_shape
    (5, 10)
    """
    alone = len(data_shape) - len(lines)
    before, after = [0] * alone, [0] * alone
    for line, limit in zip(lines, most or [max(map(len, lines))] * len(lines), strict=True):
        reach = len(line) // 2
        tail = np.cumsum(line[::-1])[::-1]  # light that lands k − reach pixels after its source, or farther
        head = np.cumsum(line)
        before.append(min(limit, int(np.count_nonzero(tail[reach + 1 :] >= FAINT))))
        after.append(min(limit, int(np.count_nonzero(head[:reach] >= FAINT))))
    return Domain(tuple(map(int, data_shape)), tuple(before), tuple(after))


def extended_for(data_shape: Sequence[int], psf: npt.NDArray[np.floating[Any]]) -> Domain:
    """Return the domain of a PSF given as an array.

    Out of focus the light of a volume's PSF has no end: its domain reaches as far as twice the full width at half
    maximum along each axis.
    """
    axes = range(psf.ndim)
    lines = [psf.sum(tuple(a for a in axes if a != axis), dtype=np.float64) for axis in axes]
    if psf.ndim < 3:
        return extended(data_shape, lines)
    peak = np.unravel_index(int(psf.argmax()), psf.shape)
    profiles = [psf[tuple(slice(None) if a == axis else peak[a] for a in axes)] for axis in axes]
    return extended(data_shape, lines, [2 * int(np.count_nonzero(2 * line >= line.max())) for line in profiles])


class Decimated:
    """H on an object grid `factor` times finer in y and x: each data pixel is the mean of its fine pixels.

    The mean is the integral over the camera's pixel in units in which a constant object gives a constant image of the
    same level, so sums on the fine grid are ``factor**2`` times those of the data. The adjoint gives every fine pixel
    its data pixel's value divided by ``factor**2``.

    Parameters
    ----------
    fine : Imaging
        Blur on the fine grid; its data shape is a multiple of `factor` along y and x, and so are its slabs where they
        are rows.
    factor : int
        Fine pixels per data pixel along y and x.
    """

    def __init__(self, fine: Imaging, factor: int) -> None:
        self.fine, self.factor = fine, factor
        self.arithmetic, self.object_shape, self.field = fine.arithmetic, fine.object_shape, fine.field
        *lead, height, width = fine.data_shape
        self.data_shape = (*lead, height // factor, width // factor)
        self.gain = fine.gain / factor**2

    def forward(self, x: Float32Array) -> Float32Array:
        """Return H x."""
        return self._pooled(self.fine.forward(x))

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r."""
        spread = np.empty(self.fine.data_shape, residual.dtype)
        self.arithmetic.spread(np.ascontiguousarray(residual), spread, self.factor)
        return self.fine.adjoint(spread)

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`."""
        rows = self.factor if len(self.data_shape) == 2 else 1

        def pooled(part: slice, expected: Float32Array) -> None:
            coarse = self._pooled(expected)
            turn(slice(part.start // rows, part.stop // rows), coarse)
            self.arithmetic.spread(coarse, expected, self.factor)

        self.fine.sandwich(read, pooled, write)

    def release(self) -> None:
        """Give back the memory that is kept between sandwiches."""
        self.fine.release()

    def _pooled(self, fine: Float32Array) -> Float32Array:
        *lead, height, width = fine.shape
        coarse = np.empty((*lead, height // self.factor, width // self.factor), fine.dtype)
        self.arithmetic.pool(fine, coarse, self.factor)
        return coarse


class SelfAdjoint:
    """A blur of planes that is its own adjoint, such as one on a mirror-symmetric plane: nothing lies beyond the data.

    Parameters
    ----------
    blur : callable
        The blur.
    shape : tuple of int
        Of the plane.
    arithmetic : Arithmetic
        Of the engine.
    """

    gain: float = 1.0

    def __init__(self, blur: Blur, shape: tuple[int, ...], arithmetic: Arithmetic) -> None:
        self.blur, self.object_shape, self.data_shape, self.arithmetic = blur, shape, shape, arithmetic
        self.field = tuple(slice(0, n) for n in shape)

    def forward(self, x: Float32Array) -> Float32Array:
        """Return H x."""
        return self.blur(x)

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r, which is H r."""
        return self.blur(residual)

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`."""
        whole = slice(0, self.object_shape[0])
        x = np.empty(self.object_shape, np.float32)
        read(whole, x)
        expected = self.forward(x)
        turn(whole, expected)
        write(whole, self.adjoint(expected))

    def release(self) -> None:
        """Give nothing back: nothing is kept."""


class Scratch(Generic[AnyArray]):
    """Arrays of one shape that are used again: fresh memory costs more than the arithmetic done in it."""

    def __init__(self, make: Callable[[], AnyArray]) -> None:
        self._make = make
        self._free: list[AnyArray] = []

    @contextmanager
    def lent(self) -> Iterator[AnyArray]:
        """Lend an array; its values are what was left in it."""
        try:
            array = self._free.pop()
        except IndexError:
            array = self._make()
        yield array
        self._free.append(array)

    def clear(self) -> None:
        """Forget the arrays that are not lent."""
        self._free.clear()
