"""Run a plan: read, subtract, solve and restore the counts, block by block."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from ..engines import Engine, Float32Array, pick
from ..errors import InputError
from ..image import Image
from ..optics.measured_given import Spacing
from ..recipe import Recipe
from ..solvers.loop import Outcome
from .account import Account, total
from .bands import in_bands
from .blocks import Block, Index, Planes, halo_planes
from .continuity import Continuity, axes_at_most, continuity_of
from .needs import Portion, portion, still_to_load
from .plan import Plan, plan
from .provenance import provenance
from .result import Progress, Result
from .room import Array, Room
from .saturation import countable, full_scale
from .second_stage import Deconvolved, Mask, deconvolver, untouched
from .stack import Stack, Staged, nth
from .stages import Levels, estimate_background, finer, has_sparse_stage, sparse_stage, worst
from .told import told_image

Report = Callable[[Progress], None]

Item = TypeVar("Item")

NOTHING_LEFT = 1e-6
"""Part of the data's largest value below which what the background leaves is rounding, not signal."""


def deconvolve(  # noqa: PLR0913
    image: Image | Any,
    recipe: Recipe | Sequence[Recipe] | None = None,
    *,
    psf: Any = None,
    psf_spacing_um: Spacing | None = None,
    axes: str | None = None,
    pixel_size_um: float | None = None,
    z_step_um: float | None = None,
    interval_s: float | None = None,
    resolution_um: float | None = None,
    engine: str = "auto",
    threads: int | None = None,
    origins: Mapping[str, str] | None = None,
    scale: float | None = None,
    planned: Plan | None = None,
    max_memory_bytes: int | None = None,
    scratch_folder: Path | None = None,
    on_progress: Report | None = None,
) -> Result:
    """Deconvolve an image by two-stage sparse deconvolution, counts in and counts out.

    Parameters
    ----------
    image : Image or array
        What :func:`sparsescope.read` returns, or an array; an array of more than two axes needs `axes`. Never changed.
    recipe : Recipe or sequence of Recipe, optional
        Parameters; what is left out is chosen or takes its documented default. Several are one for each channel.
    psf : Psf or array, optional
        The PSF, shape (Y, X) or (Z, Y, X), on the voxels of the image unless `psf_spacing_um` says otherwise; with
        three axes, stacks are deconvolved in three dimensions. A list gives one to each channel.
    psf_spacing_um : float, sequence or mapping, optional
        Voxel sizes of the PSF in µm: one for all axes, one per axis in their order, or by letter.
    axes : str, optional
        Letters of the array's axes over ``TCZYX``; for arrays only.
    pixel_size_um, z_step_um, interval_s : float, optional
        Sizes in µm and the time between frames in s; they win over what the image says.
    resolution_um : float, optional
        Width (FWHM) of the PSF in µm; wins over the recipe and the image.
    engine : str
        ``"auto"``, ``"cpu"`` or ``"numpy"``.
    threads : int, optional
        Processor threads; all that the process may use when left out. The result does not depend on it.
    origins : mapping, optional
        Source to state for recipe values that were set (``"flag"`` or ``"recipe"``), by name.
    scale : float, optional
        Counts that are 1 to `fidelity` and `sparsity`; the largest value above the background when left out. For a
        part of an image give the value of the whole, so that the same recipe does the same to both.
    planned : Plan, optional
        What :func:`plan` returned for this image; then nothing is chosen again, and the recipe is taken from it.
    max_memory_bytes : int, optional
        What the process may have in memory; four fifths of what is free are planned with when left out. Where result
        and background do not fit, they are kept in a temporary file, ``result.image.data`` is then read from it when
        indexed, and ``numpy.asarray`` gives the whole.
    scratch_folder : path-like, optional
        Folder for that file; the system's for temporary files when left out.
    on_progress : callable, optional
        Called with a Progress now and then.

    Returns
    -------
    Result
        Image in counts (float32), recipe with every value, their sources, background, notes and measures.

    Raises
    ------
    InputError, RecipeError, EngineError, OutputError
        With what was given, what is allowed and what to do; also where memory or disk cannot hold what is needed.

    Notes
    -----
    Channels are treated one by one. The continuity prior acts along Z where there is a Z axis, else along T; with
    `continuity_t` movies of stacks are tied along both. Method: Zhao et al., Nature Biotechnology 40, 606–617 (2022),
    doi 10.1038/s41587-021-01092-2.

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.random.default_rng(0).poisson(20, (64, 64)).astype("uint16")
    >>> result = deconvolve(frame, Recipe(sparse_iterations=10), pixel_size_um=0.065, resolution_um=0.2)
    >>> result.image.data.dtype, result.image.axes, result.sources["fidelity"]
    (dtype('float32'), 'YX', 'auto')
    """
    started = time.perf_counter()
    image = told_image(image, axes, pixel_size_um, z_step_um, interval_s)
    compute = pick(engine, threads)
    report: Report = on_progress or (lambda _: None)
    known = recipe if isinstance(recipe, Recipe) else Recipe()
    if not compute.ready(axes_at_most(image, known if planned is None else planned.recipe)):
        report(Progress("compiling", 0, 1, "kernels"))
    if planned is None:
        planned = plan(
            image, recipe, psf=psf, psf_spacing_um=psf_spacing_um, resolution_um=resolution_um, origins=origins,
            engine=compute,
        )  # fmt: skip
    if scale is not None and not (math.isfinite(scale) and scale > 0):
        raise InputError(f"scale = {scale!r}: allowed is a positive number of counts, or None for the image's own")
    room = Room.of(max_memory_bytes, None if scratch_folder is None else Path(scratch_folder), still_to_load(compute))
    parts = portion(image, planned, compute.threads, room.allowed)
    room.settle(parts.need)
    run = _Run(image, planned, compute, report, room, parts, scale)
    for channel in range(image.sizes["C"]) if "C" in image.axes else [None]:
        run.channel(channel)
    return run.result(time.perf_counter() - started)


@dataclass
class _Run:
    """One run in progress: where results, sums and outcomes are gathered."""

    image: Image
    plan: Plan
    engine: Engine
    report: Report
    room: Room
    parts: Portion
    scale: float | None = None
    account: Account = field(default_factory=Account)
    outcomes: list[Outcome] = field(default_factory=list)
    done: float = 0
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        recipe, sizes = self.plan.recipe, self.image.sizes
        self.recipe, self.tied = recipe, Continuity()
        self.factor = recipe.upsample
        modelled = recipe.upsample_method == "model" and self.plan.fwhm_yx_px is not None
        self.early = 1 if modelled else self.factor
        finer_sizes = {a: n * (self.factor if a in "YX" else 1) for a, n in sizes.items()}
        self.out = self.room.array("result", tuple(finer_sizes.values()))
        wanted = any(r.background != "none" for r in (recipe, *self.plan.channels))
        self.background: Array | None = None
        if wanted:
            self.background = self.room.array("background", self.image.shape, zero=True)
        self.frames = int(np.prod([n for a, n in sizes.items() if a not in "YX"]))

    @property
    def unit(self) -> str:
        return "frames" if "T" in self.image.axes and "Z" not in self.image.axes else "planes"

    def channel(self, channel: int | None) -> None:
        """Process one channel from its levels to its result."""
        self.recipe = recipe = self.plan.of(channel)
        self.tied = continuity_of(self.image, recipe)
        late = self.factor // self.early
        self.spread = self.plan.spread(channel)
        self.second = None if self.spread is None else deconvolver(recipe, self.spread, self.factor, late)
        planes = Planes(self.image, channel, recipe.hot_pixels)
        levels = self._levels(planes)
        self.top = full_scale(self.image, levels.maximum)
        if levels.scale <= 0:
            which = "" if channel is None else f"channel {channel}: "
            self.account.empty.append(
                f"{which}nothing stands above the background (constant or empty): the result is zero"
            )
            self.out[self._place({}, planes)] = 0
            for _ in planes.all():
                self._advance("deconvolution")
            return
        if self.scale is not None:
            levels = replace(levels, scale=self.scale)
        sizes = self.image.sizes
        voxels = sizes["Y"] * sizes["X"] * self.early**2
        halo = halo_planes(self.tied.t or self.tied.z, float(recipe.fidelity))
        blocks = list(planes.blocks(self.tied.axes, voxels, halo, self.parts.block_bytes))
        if self.spread is not None and self.spread.deep:
            self._stacks(planes, levels, blocks)
        else:
            self._all(blocks, lambda engine, block: self._block(planes, levels, block, engine))

    def _all(self, blocks: Sequence[Block], work: Callable[[Engine, Block], None]) -> None:
        """Work on blocks: planes several at once where memory allows, larger blocks one by one with all threads."""
        if not self.tied.axes:
            self._each(work, blocks)
        else:
            for block in blocks:
                work(self.engine, block)

    def _each(self, work: Callable[[Engine, Item], None], items: Sequence[Item]) -> None:
        """Work on planes, several at once where memory allows."""
        if self.parts.together:
            self.engine.each(work, items)
        else:
            for item in items:
                work(self.engine, item)

    def _levels(self, planes: Planes) -> Levels:
        """Look at every plane once or twice: largest value and mean, background, and what stands above it."""
        indices = planes.all()
        found: list[tuple[float, float, float]] = []
        for index in indices:
            plane, hot = planes.read(index)
            found.append((float(plane.max()), total(plane) / plane.size, float(plane.min())))
            self.account.hot += hot
        largest, mean = max(f[0] for f in found), float(np.mean([f[1] for f in found]))
        self.account.minimum = min(self.account.minimum, *(f[2] for f in found))
        levels = Levels(largest, mean)
        if self.background is None or largest <= 0:
            return Levels(largest, mean, max(largest, 0.0))
        tops: dict[int, float] = {}
        width = None if self.spread is None else self.spread.fwhm_yx_px

        def look(engine: Engine, i: int) -> None:  # noqa: ARG001
            plane, _ = planes.read(indices[i])
            behind = estimate_background(plane, self.recipe, levels, width)
            assert self.background is not None
            if behind is None:
                behind = np.zeros_like(plane)
            self.background[self._place(indices[i], planes)] = behind
            tops[i] = float((plane - behind).max())
            self._advance("background")

        finished = self.done
        self._each(look, range(len(indices)))
        self.done = finished
        top = max(tops.values())
        return Levels(largest, mean, top if top > NOTHING_LEFT * largest else 0.0)

    def _place(self, index: Index, planes: Planes) -> tuple[int | slice, ...]:
        where = {**planes.fixed, **index}
        return tuple(where.get(axis, slice(None)) for axis in self.image.axes)

    def _first(self, planes: Planes, levels: Levels, block: Block, engine: Engine) -> Staged:
        """Take the planes of one block through the sparse stage: together where they are tied, else the only one."""
        recipe = self.recipe
        scale = np.float32(levels.scale * (self.early**2 if recipe.upsample_method == "zeros" else 1))
        if self.tied.axes:
            return self._tied_block(planes, block, scale)
        data, behind, mask = self._prepare(planes, block.planes[0])
        if not has_sparse_stage(recipe):
            self._count(data, behind, data, modelled=behind)
            return Staged(lambda _: data, behind, [mask], scale)
        net = (data if behind is None else data - behind) / scale
        solution = sparse_stage(recipe, self.tied, engine, net, partial(self._inside, 1))
        sparse = solution.value * scale
        self._count(data, behind, sparse)
        with self.lock:
            self.outcomes.append(solution.outcome)
        return Staged(lambda _: sparse, None, [mask], scale)

    def _tied_block(self, planes: Planes, block: Block, scale: np.float32) -> Staged:
        """Solve tied planes together; nothing of them but their state need be in memory."""
        make = partial(self.room.spare, most_bytes=self.parts.spare_bytes)
        masks: list[Mask | None] = []
        net: Array | None = None
        for i, index in enumerate(block.planes):
            data, behind, mask = self._prepare(planes, index)
            net = make((*block.shape, *data.shape)) if net is None else net
            net[nth(i, block.shape)] = (data if behind is None else data - behind) / scale
            masks.append(mask)
            if block.kept.start <= i < block.kept.stop:
                self.account.add_data(data, behind, self.early)
        assert net is not None
        one = partial(sparse_stage, self.recipe, self.tied, self.engine)
        inside = partial(self._inside, int(block.kept.stop - block.kept.start))
        found = in_bands(one, net, float(self.recipe.fidelity), inside, self.parts.block_bytes, make)
        self.outcomes.append(found.outcome)

        def plane(i: int) -> Float32Array:
            sparse: Float32Array = found.value[nth(i, block.shape)] * scale
            self.account.add_sparse(sparse, None, self.early)
            return sparse

        return Staged(plane, None, masks, scale)

    def _count(
        self, data: Float32Array, behind: Float32Array | None, sparse: Float32Array,
        modelled: Float32Array | None = None,
    ) -> None:  # fmt: skip
        with self.lock:
            self.account.add_data(data, behind, self.early)
            self.account.add_sparse(sparse, modelled, self.early)

    def _block(self, planes: Planes, levels: Levels, block: Block, engine: Engine) -> None:
        """Solve the planes of one block and put those that are kept into the result."""
        staged = self._first(planes, levels, block, engine)
        if self.tied.axes:
            self.done += (block.kept.stop - block.kept.start) / 2
        for i in range(block.kept.start, block.kept.stop):
            found = self._second_stage(staged.plane(i), staged.behind, staged.scale, staged.masks[i], engine)
            self._keep(self._place(block.planes[i], planes), found)
            self._advance("deconvolution", 0.5 if self.tied.axes else 1)

    def _keep(self, place: tuple[int | slice, ...], found: Deconvolved) -> None:
        self.out[place] = found.value
        with self.lock:
            self.account.add_second(found, (self.early, self.factor))
            self.outcomes.append(found.outcome)

    def _stacks(self, planes: Planes, levels: Levels, blocks: list[Block]) -> None:
        """Solve blocks of planes, and deconvolve each stack in three dimensions as soon as all its planes are there."""
        waiting: dict[int | None, Stack] = {}
        depth = self.image.sizes["Z"]

        def stage(engine: Engine, block: Block) -> None:
            staged = self._first(planes, levels, block, engine)
            for i in range(block.kept.start, block.kept.stop):
                index = block.planes[i]
                plane = staged.plane(i)
                with self.lock:
                    if index.get("T") not in waiting:
                        waiting[index.get("T")] = Stack(depth, plane.shape, staged.scale)
                    stack = waiting[index.get("T")]
                    stack.put(index["Z"], plane, staged.behind, staged.masks[i])
                self._advance("deconvolution", 0.5)

        for _, group in groupby(blocks, lambda block: block.planes[0].get("T")):
            self._all(list(group), stage)
            for at in [t for t, stack in waiting.items() if stack.missing == 0]:
                stack = waiting.pop(at)
                found = self._second_stage(stack.sparse, stack.behind, stack.scale, stack.mask, self.engine)
                self._keep(self._place({} if at is None else {"T": at}, planes), found)
                self._advance("deconvolution", depth / 2)

    def _prepare(self, planes: Planes, index: Index) -> tuple[Float32Array, Float32Array | None, Mask | None]:
        """Read a plane and its background, in counts on the sparse stage's grid, and where data count."""
        raw = planes.read(index)[0]
        mask = countable(raw, self.top)
        if mask is not None:
            mask = mask.repeat(self.early, 0).repeat(self.early, 1)
        if self.background is None or self.recipe.background == "none":
            return self._finer(raw), None, mask
        return self._finer(raw), self._finer(self.background[self._place(index, planes)]), mask

    def _finer(self, plane: Float32Array) -> Float32Array:
        return finer(plane, self.early, self.recipe.upsample_method)

    def _second_stage(
        self, plane: Float32Array, behind: Float32Array | None, scale: np.float32, mask: Mask | None, engine: Engine
    ) -> Deconvolved:
        """Deconvolve one plane or stack in counts; with no second stage, take its background away."""
        if self.second is None:
            return untouched(plane if behind is None else plane - behind)
        return self.second(plane / scale, None if behind is None else behind / scale, engine, mask).in_counts(scale)

    def _inside(self, planes: int, done: int, limit: int) -> None:
        """Report from within a block that is solved as a whole: its first stage counts for half of its planes."""
        if self.tied.axes:
            part = int(self.done + planes / 2 * done / limit)
            self.report(Progress("deconvolution", part, self.frames, self.unit))

    def _advance(self, stage: str, planes: float = 1) -> None:
        with self.lock:
            self.done += planes
            self.report(Progress(stage, int(self.done), self.frames, self.unit))

    def result(self, seconds: float) -> Result:
        """Gather what has been computed."""
        image, recipe = self.image, self.plan.recipe
        spacing = {a: size / (self.factor if a in "xy" else 1) for a, size in image.spacing_um.items()}
        outcome = worst(self.outcomes)
        notes = (*self.plan.notes, *self.account.notes(recipe), *([] if outcome.ok else [outcome.value]))
        notes += (self.parts.note,) if self.parts.note else ()
        made = provenance(image, self.plan, self.engine.describe(), notes, self.scale)
        behind = None if self.background is None else image.replace(data=self.background)
        return Result(
            image.replace(data=self.out, spacing_um=spacing, meta={**image.meta, "provenance": made}),
            recipe, self.plan.sources, behind, self.engine.describe(), seconds, outcome.value, notes,
            self.account.measures(), self.plan.tuning, self.plan.cameras, self.plan.channels,
            tuple(None if spread is None else spread.psf for spread in self.plan.spreads),
        )  # fmt: skip
