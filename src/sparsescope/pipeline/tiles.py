"""How a second stage that does not fit into memory is cut into tiles, and what one takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np

from ..engines import Float32Array
from ..engines.imaging import Domain, extended, extended_for
from ..engines.parts import SLAB_VOXELS
from ..engines.windowed import cut
from .second_stage import Deconvolver

Tile: TypeAlias = tuple[int, int]
"""Most rows and columns of the data whose object is computed at once."""

UNSEEN: Final = 1e-6
"""Part of a PSF's light on one side beyond which a window does not look."""

LEAST_TILE: Final = 64
"""Tiles have at least so many rows and columns, and at least half the reach of the PSF: else all work is overlap."""

WINDOW_ARRAYS: Final = 2.5
"""Arrays of a window where it is not worked on slab by slab (measured: 2 to 2.5)."""

SLAB_ARRAYS: Final = 10
"""Arrays of a slab that each thread has in memory (measured: 4 to 9)."""

SIDEWAYS: Final = 0.2
"""What one more column of tiles costs, as a part of all work: files are read in whole rows."""

STORED_ARRAYS: Final = 6
"""Arrays of the object or of the data that are kept in files: data, estimates, their change, weights, ratios."""


@dataclass(frozen=True)
class Cut:
    """A second stage for data of one shape, as far as it matters to tiles.

    Attributes
    ----------
    shape : tuple of int
        Of the data.
    psf : array or tuple of array
        Sampled, or one kernel per axis.
    factor : int
        Object pixels per data pixel along y and x.
    """

    shape: tuple[int, ...]
    psf: Float32Array | tuple[Float32Array, ...]
    factor: int = 1

    @classmethod
    def of(cls, second: Deconvolver, shape: tuple[int, ...]) -> Cut | None:
        """Return the cut of a second stage; None where it can only be done as a whole."""
        ndim = len(second.psf) if isinstance(second.psf, tuple) else second.psf.ndim
        if second.borders != "masked" or ndim != len(shape):
            return None
        return cls(tuple(shape), second.psf, second.factor)

    @cached_property
    def reach(self) -> tuple[int, int]:
        """How far light travels along y and x, in data pixels."""
        y, x = (_reach(line) for line in self._lines[-2:])
        return -(-y // self.factor), -(-x // self.factor)

    @property
    def least(self) -> Tile:
        """The smallest tile that makes sense."""
        y, x = (max(LEAST_TILE, reach // 2) for reach in self.reach)
        return min(y, self.shape[-2]), min(x, self.shape[-1])

    def bytes(self, tile: Tile, threads: int) -> int:
        """Return the memory that a tile takes with its window."""
        domain, lengths = self._window(tile)
        voxels = math.prod(domain.object_shape)
        slab = math.prod(domain.object_shape[1:]) if len(self.shape) > 2 else min(voxels, SLAB_VOXELS)
        whole = 0 if lengths and self.factor == 1 else WINDOW_ARRAYS * voxels
        arrays = whole + SLAB_ARRAYS * threads * slab + SLAB_ARRAYS * SLAB_VOXELS
        spectra = 0
        if lengths:
            rest = math.prod(lengths[1:-1]) * (lengths[-1] // 2 + 1)
            spectra = 8 * rest * (lengths[0] + domain.object_shape[0])
        return spectra + int(4 * arrays)

    def work(self, tile: Tile) -> float:
        """Return how many times more is computed than of the whole at once."""
        count = math.prod(-(-n // t) for n, t in zip(self.shape[-2:], tile, strict=True))
        return count * self._cost(tile) / self._cost(self.shape[-2:])

    def largest(self, left: int, threads: int) -> Tile:
        """Return the tile that fits into `left` bytes and makes the least work; the smallest one where none fits."""
        rows, columns = self.shape[-2:]
        fitting: list[tuple[float, int, Tile]] = []
        for times in range(1, columns + 1):
            across = -(-columns // times)
            if across < self.least[1]:
                break
            down = self._rows(across, left, threads)
            if down >= self.least[0]:
                tile = (-(-rows // -(-rows // down)), across)
                fitting.append((self.work(tile) * (1 + SIDEWAYS * (times - 1)), times, tile))
            if len(fitting) > 8:
                break
        return min(fitting)[2] if fitting else self.least

    def disk_bytes(self, arrays: int = STORED_ARRAYS) -> int:
        """Return what is kept in files while it is worked on."""
        return 4 * arrays * math.prod(self._domain(self.shape).object_shape)

    def _rows(self, across: int, left: int, threads: int) -> int:
        """Return the most rows of tiles so many columns wide that fit; 0 where none do."""
        low, high = 0, self.shape[-2]
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.bytes((middle, across), threads) <= left else (low, middle - 1)
        return low

    def _cost(self, tile: tuple[int, ...]) -> float:
        domain, lengths = self._window((tile[0], tile[1]))
        return float(math.prod(lengths or domain.object_shape))

    @cached_property
    def _lines(self) -> list[Any]:
        """The PSF's sums along all axes but one."""
        if isinstance(self.psf, tuple):
            return [np.asarray(kernel, np.float64) for kernel in self.psf]
        axes = range(self.psf.ndim)
        return [self.psf.sum(tuple(a for a in axes if a != axis), dtype=np.float64) for axis in axes]

    @cached_property
    def _margins(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        one = (1,) * len(self.shape)
        domain = extended(one, self._lines) if isinstance(self.psf, tuple) else extended_for(one, self.psf)
        return domain.before, domain.after

    def _domain(self, shape: tuple[int, ...]) -> Domain:
        fine = (*shape[:-2], *(n * self.factor for n in shape[-2:]))
        return Domain(fine, *self._margins)

    def _window(self, tile: Tile) -> tuple[Domain, tuple[int, ...]]:
        """Return the domain of a window and the lengths of its transforms; none where there are none."""
        sides = zip(self.shape[-2:], tile, self.reach, strict=True)
        outer = [next(cut(n, t, r))[0].stop for n, t, r in sides]
        domain = self._domain((*self.shape[:-2], *outer))
        if isinstance(self.psf, tuple):
            return domain, ()
        from ..engines.spectral import reachable, transform_lengths

        inside = reachable(domain, self.psf.shape)
        return domain, transform_lengths(domain, self.psf[inside].shape)


def _reach(line: Any) -> int:
    """Return the distance from the middle beyond which there is next to no light."""
    middle = len(line) // 2
    before, after = np.cumsum(line), np.cumsum(line[::-1])
    return middle - min(int((side <= UNSEEN).sum()) for side in (before, after))
