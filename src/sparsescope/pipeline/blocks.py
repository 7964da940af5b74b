"""How an image is cut into planes and into blocks along the axes of continuity; nothing larger is ever in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..engines import Float32Array
from ..errors import InputError
from ..image import Image
from ..preprocess.hot_pixels import replace_hot_pixels

LEAST_HALO, MOST_HALO = 8, 32
"""Planes beyond a block that are solved with it and thrown away, at least and at most."""

LARGEST = 1e30
"""Largest value of an image: a result in float32 may be brighter than its input by a factor of 1e8 at most."""

BLOCK_BYTES = 2_000_000_000
"""Memory of the sparse stage for one block, less only where memory is short: elsewhere results are the same."""

BYTES_PER_VOXEL = 13 * 4
"""State of the published iteration on a stack or a movie."""

BYTES_PER_VOXEL_4D = 17 * 4
"""State of the published iteration on a movie of stacks."""

Index = dict[str, int]


@dataclass(frozen=True)
class Block:
    """Planes that are solved together.

    Attributes
    ----------
    planes : tuple of dict
        Index of each plane, the last axis of `shape` running fastest.
    kept : slice
        Which of them are kept.
    shape : tuple of int
        How many there are along the axes that are tied: (), (Z,), (T,) or (T, Z).
    """

    planes: tuple[Index, ...]
    kept: slice
    shape: tuple[int, ...] = ()


class Planes:
    """One channel of an image as float32 planes, read when they are asked for.

    Parameters
    ----------
    image : Image
        In memory or read lazily.
    channel : int or None
        Index along C, or None where there is no C.
    hot_pixels : str
        ``"none"`` or ``"adaptive"``.
    """

    def __init__(self, image: Image, channel: int | None, hot_pixels: str) -> None:
        self.image, self.hot_pixels = image, hot_pixels
        self.fixed: Index = {} if channel is None else {"C": channel}
        self.axes = "".join(letter for letter in image.axes if letter in "TZ")

    def read(self, index: Index) -> tuple[Float32Array, int]:
        """Return one plane, shape (Y, X), and the number of hot pixels replaced in it."""
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is told below
            plane = np.array(self.image.block(**self.fixed, **index), dtype=np.float32)
        hot = 0
        if self.hot_pixels == "adaptive":
            plane, hot = replace_hot_pixels(plane)
        else:
            self._refuse_broken(plane, index)
        lowest, largest = float(plane.min()), float(plane.max())
        if max(largest, -lowest) > LARGEST:
            raise InputError(
                f"values from {lowest:.3g} to {largest:.3g}: allowed are magnitudes up to {LARGEST:g}, as results are "
                "32-bit floats and may be brighter than the input; divide the image by a constant first"
            )
        return plane, hot

    def _refuse_broken(self, plane: Float32Array, index: Index) -> None:
        broken = ~np.isfinite(plane)
        if broken.any():
            y, x = np.argwhere(broken)[0]
            where = ", ".join(f"{k} {v}" for k, v in {**self.fixed, **index, "Y": y, "X": x}.items())
            raise InputError(
                f"{int(broken.sum())} pixels are not finite (NaN, infinite or beyond float32), the first at {where}: "
                "--hot-pixels adaptive (hot_pixels='adaptive') replaces them by the median of their neighbours"
            )

    def all(self) -> list[Index]:
        """Return the index of every plane, in order."""
        sizes = self.image.sizes
        return [
            dict(zip(self.axes, map(int, position), strict=True))
            for position in np.ndindex(*(sizes[a] for a in self.axes))
        ]

    def blocks(
        self, axes: str, voxels_per_plane: int, halo: int = LEAST_HALO, block_bytes: int | None = None
    ) -> Iterator[Block]:
        """Yield every plane once as kept: alone, or in blocks along the first of `axes` with `halo` on both sides.

        `axes` are those that are tied: ``""``, ``"Z"``, ``"T"``, or ``"TZ"``, whose blocks are windows of whole stacks.
        """
        if not axes:
            yield from (Block((index,), slice(0, 1)) for index in self.all())
            return
        sizes = self.image.sizes
        axis, depth = axes[0], sizes["Z"] if axes == "TZ" else 1
        bytes_per_voxel = BYTES_PER_VOXEL_4D if axes == "TZ" else BYTES_PER_VOXEL
        others = [letter for letter in self.axes if letter not in axes]
        for position in np.ndindex(*(sizes[a] for a in others)):
            fixed = dict(zip(others, map(int, position), strict=True))
            for outer, kept in spans(sizes[axis], voxels_per_plane * depth, halo, bytes_per_voxel, block_bytes):
                along = range(outer.start, outer.stop)
                if axes == "TZ":
                    planes = tuple({**fixed, "T": t, "Z": z} for t in along for z in range(depth))
                    yield Block(planes, slice(kept.start * depth, kept.stop * depth), (len(along), depth))
                else:
                    yield Block(tuple({**fixed, axis: i} for i in along), kept, (len(along),))


def halo_planes(continuity: float, fidelity: float) -> int:
    """Return how many planes the priors reach along the axis of continuity.

    A fourth-order penalty of weight λ against data of weight F has the decay length (λ/F)^¼; 32 of them keep the seam
    between blocks of the sparse stage below 1e-3 of the maximum (tests/pipeline/test_streams.py).

    Examples
    --------
    >>> halo_planes(0.5, 150.0), halo_planes(1.0, 20.0)
    (8, 16)
    """
    return min(MOST_HALO, max(LEAST_HALO, math.ceil(32 * math.sqrt(math.sqrt(continuity / fidelity)))))


def spans(
    length: int,
    voxels_per_plane: int,
    halo: int = LEAST_HALO,
    bytes_per_voxel: int = BYTES_PER_VOXEL,
    block_bytes: int | None = None,
) -> Iterator[tuple[slice, slice]]:
    """Cut an axis into spans that fit `block_bytes`, else `BLOCK_BYTES`: (planes solved together, which are kept).

    Examples
    --------
    >>> list(spans(20, 512 * 512))
    [(slice(0, 20, None), slice(0, 20, None))]
    """
    most = max(2 * halo + 8, (block_bytes or BLOCK_BYTES) // (bytes_per_voxel * voxels_per_plane))
    if length <= most:
        yield slice(0, length), slice(0, length)
        return
    count = -(-length // (most - 2 * halo))
    edges = [length * i // count for i in range(count + 1)]
    for start, stop in pairwise(edges):
        outer = slice(max(0, start - halo), min(length, stop + halo))
        yield outer, slice(start - outer.start, stop - outer.start)
