"""Carry out a plan: survey every channel, do every piece that is not done, and gather the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from ..image import Image
from ..solvers.loop import Outcome
from .account import Account
from .blocks import Index
from .context import Context
from .crew import Crew, Job, Meter, Report
from .keeping import Keeper
from .needs import Portion
from .pieces import Piece, channels_of, pieces
from .piecework import DECONVOLUTION, PieceDone, Solve
from .plan import Plan
from .provenance import provenance
from .result import Result
from .room import Array, Room
from .stages import Levels, worst
from .survey import Behind, Ground, Look, checksum

BACKGROUND = "background"
"""Name of the stage in which backgrounds are found."""

Given_co = TypeVar("Given_co", covariant=True)
Found = TypeVar("Found")


class PlaneJob(Job[Index, Given_co], Protocol[Given_co]):
    """A job on the planes of one channel."""

    @property
    def channel(self) -> int | None: ...


@dataclass
class Whole:
    """One run: its pieces, and where their sums and outcomes are gathered.

    Parameters
    ----------
    image, plan, parts, room
        See :class:`sparsescope.pipeline.context.Context`.
    report : callable
        Told how far it is.
    keeper : Keeper
        Where planes and what is done are kept.
    """

    image: Image
    plan: Plan
    parts: Portion
    room: Room
    report: Report
    keeper: Keeper
    account: Account = field(default_factory=Account)
    outcomes: list[Outcome] = field(default_factory=list)
    scale: float | None = None
    levels: Sequence[Levels] | None = None

    def __post_init__(self) -> None:
        sizes, factor = self.image.sizes, self.plan.recipe.upsample
        shape = tuple(n * (factor if axis in "YX" else 1) for axis, n in sizes.items())
        behind = any(r.background != "none" for r in (self.plan.recipe, *self.plan.channels))
        self.context = Context(
            self.image, self.plan, self.parts, self.room,
            self.keeper.array("result", shape),
            self.keeper.array("background", self.image.shape) if behind else None,
        )  # fmt: skip
        frames = int(np.prod([n for a, n in sizes.items() if a not in "YX"]))
        movie = "T" in self.image.axes and "Z" not in self.image.axes
        self.meter = Meter(self.report, frames, "frames" if movie else "planes")

    def carry_out(self, crew: Crew, scale: float | None = None, levels: Sequence[Levels] | None = None) -> None:
        """Do all that is not done yet; `scale` in counts, or `levels` of each channel, win over what they say."""
        self.scale, self.levels = scale, levels
        grounds = {channel: self._ground(channel, crew) for channel in channels_of(self.image)}
        for channel, ground in grounds.items():
            self._tell(channel, ground)
        todo = {piece.number: piece for piece in pieces(self.image, self.plan, self.parts.block_bytes)}
        for done in self.keeper.done():
            if done.number in todo and self._intact(todo[done.number], done):
                self._add(todo.pop(done.number), done, before=True)
        scaled = {channel: ground.scaled(scale) for channel, ground in grounds.items()}
        solve = Solve(self.context, scaled, self.meter, self.keeper.lasting)

        def found(piece: Piece, done: PieceDone) -> None:
            self.keeper.keep(done)
            self._add(piece, done)

        for together in (True, False):
            some = [piece for piece in todo.values() if (piece.alone and self.parts.together) == together]
            if some:
                crew.each(solve, some, found, together=together)

    def _ground(self, channel: int | None, crew: Crew) -> Ground:
        """Return what a channel rests on, from every one of its planes."""
        indices = self.context.channel(channel).planes.all()
        known = self.keeper.ground(channel)
        if known is not None and self._same(self.context.background, channel, indices, known.checks):
            return known
        given = None if self.levels is None else self.levels[channel or 0]
        ground = Ground.of(self._all(crew, Look(self.context, channel), indices)).at(given)
        if self.context.background is not None and ground.levels.maximum > 0:
            behind = self._all(crew, Behind(self.context, channel, ground.levels), indices, BACKGROUND)
            ground = ground.above(behind).at(given)
        self.keeper.keep_ground(channel, ground)
        return ground

    def _intact(self, piece: Piece, done: PieceDone) -> bool:
        return self._same(self.context.out, piece.channel, piece.kept, done.checks)

    def _same(self, array: Array | None, channel: int | None, indices: Sequence[Index], checks: Sequence[int]) -> bool:
        """Whether planes are what they were when they were kept."""
        if array is None or not checks:
            return True
        planes = self.context.channel(channel).planes
        pairs = zip(indices, checks, strict=True)
        try:
            return all(checksum(array[self.context.place(index, planes)]) == check for index, check in pairs)
        except (OSError, RuntimeError, ValueError):  # a file that was cut off cannot be unpacked
            return False

    def _all(self, crew: Crew, job: PlaneJob[Found], indices: Sequence[Index], stage: str = "") -> list[Found]:
        """Return what a job finds on every plane, in their order."""
        results: dict[tuple[int, ...], Found] = {}

        def found(index: Index, value: Found) -> None:
            results[tuple(index.values())] = value
            if stage:
                self.meter.at(stage, (job.channel, *index.values()), 1)

        crew.each(job, indices, found, together=self.parts.surveyed)
        return [results[tuple(index.values())] for index in indices]

    def _tell(self, channel: int | None, ground: Ground) -> None:
        self.account.hot += ground.hot
        self.account.minimum = min(self.account.minimum, ground.least)
        if ground.levels.scale <= 0:
            which = "" if channel is None else f"channel {channel}: "
            text = f"{which}nothing stands above the background (constant or empty): the result is zero"
            self.account.empty.append(text)

    def _add(self, piece: Piece, done: PieceDone, *, before: bool = False) -> None:
        self.account.add(done.account)
        self.outcomes.append(done.outcome)
        self.meter.at(DECONVOLUTION, piece.number, len(piece.kept), before=before)

    def result(self, engine: str, seconds: float) -> Result:
        """Gather what has been computed."""
        image, recipe, plan = self.image, self.plan.recipe, self.plan
        spacing = {a: size / (self.context.factor if a in "xy" else 1) for a, size in image.spacing_um.items()}
        outcome = worst(self.outcomes)
        notes = (*plan.notes, *self.account.notes(recipe), *([] if outcome.ok else [outcome.value]))
        notes += (self.parts.note,) if self.parts.note else ()
        made = provenance(image, plan, engine, notes, self.scale, self.levels)
        behind = self.context.background
        return Result(
            image.replace(data=self.context.out, spacing_um=spacing, meta={**image.meta, "provenance": made}),
            recipe, plan.sources, None if behind is None else image.replace(data=behind), engine, seconds,
            outcome.value, notes, self.account.measures(), plan.tuning, plan.cameras, plan.channels,
            tuple(None if spread is None else spread.psf for spread in plan.spreads),
        )  # fmt: skip
