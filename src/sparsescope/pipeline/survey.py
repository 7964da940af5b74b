"""What is decided once for a whole channel, so that every plane is treated alike: its levels and backgrounds."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..engines import Engine, Float32Array
from .account import total
from .blocks import Index
from .context import Context
from .stages import Levels, estimate_background

NOTHING_LEFT = 1e-6
"""Part of the data's largest value below which what the background leaves is rounding, not signal."""


@dataclass(frozen=True)
class Seen:
    """What one look at a plane tells: its largest, mean and least value in counts, and how many pixels were hot."""

    largest: float
    mean: float
    least: float
    hot: int


@dataclass(frozen=True)
class Top:
    """What a plane's background leaves: the largest value above it in counts, and the background's checksum."""

    above: float
    check: int


@dataclass(frozen=True)
class Ground:
    """What a channel's planes rest on.

    Attributes
    ----------
    levels : Levels
        Numbers that the stages refer to; a scale of 0 says that nothing stands above the background.
    least : float
        Smallest value of the input.
    hot : int
        Pixels replaced as hot, dead or not finite.
    checks : tuple of int
        Checksum of each plane's background, where there is one.
    """

    levels: Levels
    least: float
    hot: int
    checks: tuple[int, ...] = ()

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> Ground:
        """Put together what was seen of all planes, in their order; the scale is that without a background."""
        largest = max(one.largest for one in seen)
        levels = Levels(largest, float(np.mean([one.mean for one in seen])), max(largest, 0.0))
        return cls(levels, min(one.least for one in seen), sum(one.hot for one in seen))

    def above(self, behind: Sequence[Top]) -> Ground:
        """Take for the scale what stands above the background: the largest of all planes."""
        top = max(one.above for one in behind)
        scale = top if top > NOTHING_LEFT * self.levels.maximum else 0.0
        return replace(self, levels=replace(self.levels, scale=scale), checks=tuple(one.check for one in behind))

    def at(self, levels: Levels | None) -> Ground:
        """Take levels that were given."""
        return self if levels is None else replace(self, levels=levels)

    def scaled(self, scale: float | None) -> Ground:
        """Take a scale that was given, unless there is nothing to be scaled."""
        if scale is None or self.levels.scale <= 0:
            return self
        return replace(self, levels=replace(self.levels, scale=scale))


@dataclass(frozen=True)
class Look:
    """Look at planes of a channel, one by one."""

    context: Context
    channel: int | None

    def __call__(self, engine: Engine, index: Index) -> Seen:  # noqa: ARG002
        """Return what the plane at `index` tells."""
        plane, hot = self.context.channel(self.channel).planes.read(index)
        return Seen(float(plane.max()), total(plane) / plane.size, float(plane.min()), hot)


@dataclass(frozen=True)
class Behind:
    """Find the background of planes of a channel, one by one."""

    context: Context
    channel: int | None
    levels: Levels

    def __call__(self, engine: Engine, index: Index) -> Top:  # noqa: ARG002
        """Keep the background of the plane at `index`, and return what it leaves."""
        context, channel = self.context, self.context.channel(self.channel)
        assert context.background is not None
        plane, _ = channel.planes.read(index)
        width = None if channel.spread is None else channel.spread.fwhm_yx_px
        behind = estimate_background(plane, channel.recipe, self.levels, width)
        if behind is None:
            behind = np.zeros_like(plane)
        context.background[context.place(index, channel.planes)] = behind
        return Top(float((plane - behind).max()), checksum(behind))


def checksum(plane: Float32Array) -> int:
    """Return the CRC-32 of a plane, which tells whether it is still what was kept.

    Examples
    --------
    >>> checksum(np.zeros((2, 2), np.float32)), checksum(np.ones((2, 2), np.float32))
    (3971697493, 3899135062)
    """
    return zlib.crc32(np.ascontiguousarray(plane, dtype="<f4").data)
