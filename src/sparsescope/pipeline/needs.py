"""What a run needs: memory of planes, blocks and stacks at once, and how much is worked on at a time for it to fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from ..engines import Engine
from ..engines.imaging import extended_for
from ..image import Image
from ..recipe import Recipe
from . import blocks
from .continuity import continuity_of
from .plan import Plan
from .room import KERNEL_BYTES, Need
from .spread import Spread

PLANE_ARRAYS: Final = 16
"""Arrays of a plane that are in memory while it goes through all stages (measured: 13 to 16)."""

STACK_ARRAYS: Final = 8
"""Arrays of the extended stack that its deconvolution in three dimensions has in memory."""

BAND_BYTES: Final = 24
"""Beside the state, per voxel of a band: its data, the solution and copies of them."""

LEAST_BLOCK: Final = 1_000_000
"""Blocks are not made smaller than this many bytes of solver state: halos would be most of the work."""


STEP: Final = 1.25
"""Sizes of blocks are this factor apart."""


@dataclass(frozen=True)
class Portion:
    """How much is worked on at a time.

    Attributes
    ----------
    need : Need
        What that takes.
    block_bytes : int
        State of the sparse stage for one block; `blocks.BLOCK_BYTES` unless memory is short.
    spare_bytes : int
        Largest array of a block that is kept in memory.
    together : bool
        Whether planes are worked on several at once, one per thread.
    overlap : float
        How many times more is solved than is kept, for the halos of blocks.
    """

    need: Need
    block_bytes: int
    spare_bytes: int
    together: bool = True
    overlap: float = 1.0

    @property
    def note(self) -> str:
        """What the user should know, if anything."""
        if self.block_bytes == blocks.BLOCK_BYTES:
            return ""
        return (
            "memory is short, so the sparse stage works on smaller blocks than elsewhere: values may differ by up to "
            "1e-3 of the maximum from a run with more memory"
        )


def still_to_load(engine: Engine) -> int:
    """Return the bytes that loading an engine's kernels will take; 0 once they have been used."""
    if engine.name != "cpu":
        return 0
    from ..engines import kernels_plane, kernels_volume

    used = (kernels_plane.sweep, kernels_volume.duals)
    return 0 if any(kernel.signatures for kernel in used) else KERNEL_BYTES


def portion(image: Image, plan: Plan, threads: int, allowed: int) -> Portion:
    """Return how much is worked on at a time so that a run takes `allowed` bytes if that can be."""
    channels = range(image.sizes["C"]) if "C" in image.axes else [None]
    parts = [_of_channel(image, plan, channel, threads, allowed) for channel in channels]
    largest = max(parts, key=lambda part: part.need.solver)
    return Portion(
        largest.need, min(p.block_bytes for p in parts), min(p.spare_bytes for p in parts),
        all(p.together for p in parts), max(p.overlap for p in parts),
    )  # fmt: skip


def _of_channel(image: Image, plan: Plan, channel: int | None, threads: int, allowed: int) -> Portion:
    recipe, sizes = plan.of(channel), image.sizes
    plane = 4 * PLANE_ARRAYS * sizes["Y"] * sizes["X"] * recipe.upsample**2
    waiting, deconvolving = _stack_bytes(image, recipe, plan.spread(channel))
    at_once = min(threads, math.prod(n for a, n in sizes.items() if a in "TZ"))
    together = waiting + at_once * plane <= allowed
    block_bytes, spare, first = blocks.BLOCK_BYTES, allowed // 8, plane * (at_once if together else 1)
    tied, overlap = continuity_of(image, recipe), 1.0
    if tied.axes:
        early = 1 if recipe.upsample_method == "model" and plan.fwhm_yx_px is not None else recipe.upsample
        block = _Block(sizes, tied.axes, early, float(recipe.fidelity), tied.t or tied.z)
        for share, spare in product((2, 4, 8, allowed + 1), (allowed // 8, 0)):
            block_bytes = block.largest((allowed - waiting - plane) // share)
            state, held = block.bytes(block_bytes)
            first = plane + state + (2 * held if held <= spare else 0)
            if waiting + first <= allowed:
                break
        overlap = block.overlap(block_bytes)
    behind = any(r.background != "none" for r in (plan.recipe, *plan.channels))
    need = Need(
        waiting + max(first, deconvolving),
        4 * math.prod(image.shape) * plan.recipe.upsample**2,
        4 * math.prod(image.shape) if behind else 0,
        "crop the stack, or use --dimensions 2d" if deconvolving > first else "crop the image",
    )
    return Portion(need, block_bytes, spare, together or bool(tied.axes), overlap)


def _stack_bytes(image: Image, recipe: Recipe, spread: Spread | None) -> tuple[int, int]:
    """Bytes of a stack that waits for its planes, and of its deconvolution in three dimensions; zeros without one."""
    if spread is None or spread.psf is None or not spread.deep:
        return 0, 0
    shape = [image.sizes[a] * (recipe.upsample if a != "Z" else 1) for a in "ZYX"]
    extended = math.prod(extended_for(shape, spread.psf.data).object_shape)
    return 2 * 4 * math.prod(shape), STACK_ARRAYS * 4 * extended


@dataclass(frozen=True)
class _Block:
    """The largest block of a channel whose planes are tied."""

    sizes: Mapping[str, int]
    axes: str
    early: int
    fidelity: float
    weight: float

    @property
    def per_voxel(self) -> int:
        return blocks.BYTES_PER_VOXEL_4D if self.axes == "TZ" else blocks.BYTES_PER_VOXEL

    def cut(self, block_bytes: int) -> tuple[int, int]:
        """Return the most planes of a block and the most rows of a band."""
        along, down = self._lengths(block_bytes)
        return max(along) * (self.sizes["Z"] if self.axes == "TZ" else 1), max(down)

    def overlap(self, block_bytes: int) -> float:
        """Return how many times more planes and rows are solved than are kept."""
        along, down = self._lengths(block_bytes)
        return sum(along) / self.sizes[self.axes[0]] * sum(down) / (self.sizes["Y"] * self.early)

    def _lengths(self, block_bytes: int) -> tuple[list[int], list[int]]:
        """Return how many planes (time points of a movie of stacks) each block has, and how many rows each band."""
        depth = self.sizes["Z"] if self.axes == "TZ" else 1
        rows, columns = self.sizes["Y"] * self.early, self.sizes["X"] * self.early
        halo = blocks.halo_planes(self.weight, self.fidelity)
        along = _lengths(self.sizes[self.axes[0]], depth * rows * columns, halo, self.per_voxel, block_bytes)
        halo = blocks.halo_planes(1.0, self.fidelity)
        return along, _lengths(rows, depth * max(along) * columns, halo, self.per_voxel, block_bytes)

    def bytes(self, block_bytes: int) -> tuple[int, int]:
        """Bytes of the state on one band with what goes in and comes out, and of one array of the whole block."""
        planes, rows = self.cut(block_bytes)
        columns = self.sizes["X"] * self.early
        return (self.per_voxel + BAND_BYTES) * planes * rows * columns, 4 * planes * self.sizes[
            "Y"
        ] * self.early * columns

    def largest(self, left: int) -> int:
        """Return the bytes of state that fit, the usual ones where they cut the image no differently."""
        fitting = min(blocks.BLOCK_BYTES, max(LEAST_BLOCK, stepwise(left)))
        return blocks.BLOCK_BYTES if self.cut(fitting) == self.cut(blocks.BLOCK_BYTES) else fitting


def stepwise(left: int) -> int:
    """Return the next smaller of a few sizes, so that what happens to be free does not decide about values.

    Examples
    --------
    >>> stepwise(123_000_000) == stepwise(120_000_000), stepwise(123_000_000) < 123_000_000
    (True, True)
    """
    if left < 1:
        return 0
    return int(blocks.BLOCK_BYTES * STEP ** math.floor(math.log(left / blocks.BLOCK_BYTES, STEP)))


def _lengths(*cut: int) -> list[int]:
    return [outer.stop - outer.start for outer, _ in blocks.spans(*cut)]
