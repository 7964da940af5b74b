"""What a run needs: memory of planes, blocks and stacks at once, and how much is worked on at a time for it to fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

from ..engines import Engine
from ..engines.imaging import extended_for
from ..image import Image
from ..recipe import Recipe
from . import blocks
from .continuity import continuity_of
from .pieces import finer_early
from .plan import Plan
from .room import KERNEL_BYTES, Need
from .second_stage import deconvolver
from .spread import Spread
from .stages import has_sparse_stage
from .tiles import STORED_ARRAYS, Cut, Tile

PLANE_ARRAYS: Final = 16
"""Arrays of a plane that are in memory while it goes through all stages (measured: 13 to 16)."""

STACK_ARRAYS: Final = 8
"""Arrays of the extended stack that its deconvolution in three dimensions has in memory."""

BAND_BYTES: Final = 24
"""Beside the state, per voxel of a band: its data, the solution and copies of them."""

LEAST_BLOCK: Final = 1_000_000
"""Blocks are not made smaller than this many bytes of solver state: halos would be most of the work."""

READING_ARRAYS: Final = 4
"""Arrays of a plane that are in memory while it is read and what is behind it taken off."""

BACKGROUND_ARRAYS: Final = {"none": 0, "flat": 4, "smooth-16": 7, "smooth-8": 7}
"""Arrays of a plane that are in memory while its background is found (measured: 2 to 10 beside the plane)."""

MOST_ARRAYS: Final = 12
"""The same for other backgrounds, and for the search for hot pixels."""

WRITING_ARRAYS: Final = 2.5
"""Arrays of a plane of the result while it is taken from a file or made finer (measured: 2 to 2.3)."""

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
    tile : tuple of int or None
        Most rows and columns of the data whose second stage is worked on at once, every array in a file; None where
        planes and stacks are worked on as a whole, in memory.
    banded : bool
        Whether the sparse stage of single planes is cut into bands.
    tile_work : float
        How many times more the second stage computes than without tiles.
    surveyed : bool
        Whether planes are looked at several at once, and their backgrounds found.
    behind : bool
        Whether a plane is written and the next but one read while the next is worked on, where they are worked on one
        by one.
    """

    need: Need
    block_bytes: int
    spare_bytes: int
    together: bool = True
    overlap: float = 1.0
    tile: Tile | None = None
    banded: bool = False
    tile_work: float = 1.0
    surveyed: bool = True
    behind: bool = False

    @property
    def note(self) -> str:
        """What the user should know, if anything."""
        if self.block_bytes == blocks.BLOCK_BYTES:
            return ""
        return (
            "memory is short, so the sparse stage works on smaller blocks than elsewhere: values may differ by up to "
            "1e-3 of the maximum from a run with more memory"
        )

    def allows(self, begun: Mapping[str, Any]) -> bool:
        """Whether there is room to go on as a run was begun, of which the fields are given but `need`."""
        tile = begun.get("tile")
        if self.banded and not begun.get("banded"):
            return False
        if self.tile is not None and (tile is None or math.prod(tile) > STEP**2 * math.prod(self.tile)):
            return False
        return bool(begun.get("block_bytes", 0) <= STEP * self.block_bytes + 1)


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
    tiles = [p.tile for p in parts if p.tile is not None]
    return Portion(
        largest.need, min(p.block_bytes for p in parts), min(p.spare_bytes for p in parts),
        all(p.together for p in parts), max(p.overlap for p in parts),
        (min(t[0] for t in tiles), min(t[1] for t in tiles)) if tiles else None,
        any(p.banded for p in parts), max(p.tile_work for p in parts), all(p.surveyed for p in parts),
        all(p.behind for p in parts),
    )  # fmt: skip


def _of_channel(image: Image, plan: Plan, channel: int | None, threads: int, allowed: int) -> Portion:
    """Return the portion of one channel: in memory where that can be, in files where it takes less."""
    usual = _in_memory(image, plan, channel, threads, allowed)
    if usual.need.solver > allowed:
        short = _in_files(image, plan, channel, threads, allowed)
        usual = usual if short is None or short.need.solver >= usual.need.solver else short
    at_once = min(threads, math.prod(n for a, n in image.sizes.items() if a in "TZ"))
    return replace(usual, surveyed=at_once * _surveying(image, plan.of(channel)) <= allowed)


def _surveying(image: Image, recipe: Recipe) -> int:
    """Bytes of one plane while it is looked at, with its copies and those of its background."""
    return 4 * image.sizes["Y"] * image.sizes["X"] * (2 + _hungry(recipe))


def _hungry(recipe: Recipe) -> int:
    """Arrays of a plane that finding its background takes."""
    return MOST_ARRAYS if recipe.hot_pixels != "none" else BACKGROUND_ARRAYS.get(recipe.background, MOST_ARRAYS)


def _in_files(image: Image, plan: Plan, channel: int | None, threads: int, allowed: int) -> Portion | None:
    """Return the portion where the second stage is cut into tiles, and single planes into bands if need be."""
    recipe, sizes, spread = plan.of(channel), image.sizes, plan.spread(channel)
    early = finer_early(plan)
    deep = spread is not None and spread.deep
    shape = tuple(sizes[a] * (early if a != "Z" else 1) for a in ("ZYX" if deep else "YX"))
    second = None if spread is None else deconvolver(recipe, spread, recipe.upsample, recipe.upsample // early)
    cut = None if second is None else Cut.of(second, shape)
    if second is not None and cut is None:
        return None
    plane = 4 * sizes["Y"] * sizes["X"]
    held = plane * early**2
    reading = max(
        plane * max(_hungry(recipe), READING_ARRAYS * early**2), held + int(WRITING_ARRAYS * plane * recipe.upsample**2)
    )
    first = _first_in_files(image, plan, channel, threads, allowed, (held, reading))
    if cut is None:
        return first
    tile = cut.largest(stepwise(allowed - held), threads)
    need = max(first.need.solver, held + cut.bytes(tile, threads))
    arrays = STORED_ARRAYS + (2 if not has_sparse_stage(recipe) else 0) + (cut.factor > 1)
    remedy = "crop the stack, or use --dimensions 2d" if deep else "crop the image"
    return replace(
        first, need=replace(first.need, solver=need, files=first.need.files + cut.disk_bytes(arrays), remedy=remedy),
        tile=tile, tile_work=cut.work(tile), spare_bytes=0,
    )  # fmt: skip


def _first_in_files(
    image: Image, plan: Plan, channel: int | None, threads: int, allowed: int, bytes_: tuple[int, int]
) -> Portion:
    """Return the portion up to the sparse stage: planes as a whole where they fit, else in bands."""
    recipe, sizes, spread = plan.of(channel), image.sizes, plan.spread(channel)
    held, reading = bytes_
    tied, early = continuity_of(image, recipe), finer_early(plan)
    whole = 4 * PLANE_ARRAYS * sizes["Y"] * sizes["X"] * early**2
    empty = replace(_arrays(image, plan), remedy="crop the image")
    if not tied.axes and spread is not None and spread.deep:
        at_once = min(threads, sizes["Z"])
        for count in (at_once, 1):
            if count * whole <= allowed:
                return Portion(replace(empty, solver=count * whole), blocks.BLOCK_BYTES, 0, count > 1 or at_once == 1)
    if not tied.axes and not has_sparse_stage(recipe):
        return Portion(replace(empty, solver=reading), blocks.BLOCK_BYTES, 0, False, banded=True)
    block = _Block(sizes, tied.axes, early, float(recipe.fidelity), tied.t or tied.z)
    for share in (1, 2, 4, 8, allowed + 1):
        block_bytes = block.largest((allowed - held) // share)
        state, copies = block.bytes(block_bytes)
        solver = max(reading, held + state)
        if solver <= allowed:
            break
    banded = not tied.axes
    need = replace(empty, solver=solver, files=2 * copies)
    return Portion(need, block_bytes, 0, not banded, block.overlap(block_bytes), None, banded)


def _in_memory(image: Image, plan: Plan, channel: int | None, threads: int, allowed: int) -> Portion:
    recipe, sizes = plan.of(channel), image.sizes
    plane = 4 * PLANE_ARRAYS * sizes["Y"] * sizes["X"] * recipe.upsample**2
    waiting, deconvolving = _stack_bytes(image, recipe, plan.spread(channel))
    at_once = min(threads, math.prod(n for a, n in sizes.items() if a in "TZ"))
    together = waiting + at_once * plane <= allowed
    written = int((READING_ARRAYS + WRITING_ARRAYS) * 4 * sizes["Y"] * sizes["X"] * recipe.upsample**2)
    behind = not together and not waiting and plane + written <= allowed
    block_bytes, spare, first = blocks.BLOCK_BYTES, allowed // 8, plane * (at_once if together else 1)
    first += written if behind else 0
    tied, overlap = continuity_of(image, recipe), 1.0
    if tied.axes:
        behind = False
        block = _Block(sizes, tied.axes, finer_early(plan), float(recipe.fidelity), tied.t or tied.z)
        for share, spare in product((2, 4, 8, allowed + 1), (allowed // 8, 0)):
            block_bytes = block.largest((allowed - waiting - plane) // share)
            state, held = block.bytes(block_bytes)
            first = plane + state + (2 * held if held <= spare else 0)
            if waiting + first <= allowed:
                break
        overlap = block.overlap(block_bytes)
    remedy = "crop the stack, or use --dimensions 2d" if deconvolving > first else "crop the image"
    need = replace(_arrays(image, plan), solver=waiting + max(first, deconvolving), remedy=remedy)
    return Portion(need, block_bytes, spare, together or bool(tied.axes), overlap, behind=behind)


def _arrays(image: Image, plan: Plan) -> Need:
    """Return what the arrays of the whole image need."""
    behind = any(r.background != "none" for r in (plan.recipe, *plan.channels))
    size = 4 * math.prod(image.shape)
    return Need(0, size * plan.recipe.upsample**2, size if behind else 0)


def _stack_bytes(image: Image, recipe: Recipe, spread: Spread | None) -> tuple[int, int]:
    """Bytes of a stack that waits for its planes, and of its deconvolution in three dimensions; zeros without one."""
    if spread is None or spread.psf is None or not spread.deep:
        return 0, 0
    shape = [image.sizes[a] * (recipe.upsample if a != "Z" else 1) for a in "ZYX"]
    extended = math.prod(extended_for(shape, spread.psf.data).object_shape)
    return 2 * 4 * math.prod(shape), STACK_ARRAYS * 4 * extended


@dataclass(frozen=True)
class _Block:
    """The largest block of a channel: planes that are tied, or a single one."""

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
        planes = self.sizes[self.axes[0]] if self.axes else 1
        return sum(along) / planes * sum(down) / (self.sizes["Y"] * self.early)

    def _lengths(self, block_bytes: int) -> tuple[list[int], list[int]]:
        """Return how many planes (time points of a movie of stacks) each block has, and how many rows each band."""
        depth = self.sizes["Z"] if self.axes == "TZ" else 1
        rows, columns = self.sizes["Y"] * self.early, self.sizes["X"] * self.early
        halo = blocks.halo_planes(self.weight, self.fidelity)
        along = [1]
        if self.axes:
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
