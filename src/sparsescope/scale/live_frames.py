"""Frames of a recording, solved as they come by the pieces of an ordinary run, so that planes come out the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..engines import Engine, Float32Array
from ..errors import InputError
from ..image import Image
from ..pipeline import Plan
from ..pipeline.account import Account
from ..pipeline.blocks import Index, Planes, halo_planes
from ..pipeline.context import Context
from ..pipeline.continuity import MIN_STACK, continuity_of
from ..pipeline.crew import Here
from ..pipeline.needs import portion
from ..pipeline.pieces import Piece, channels_of, pieces
from ..pipeline.piecework import PieceDone, Solve
from ..pipeline.room import Room
from ..pipeline.stages import Levels, worst
from ..pipeline.survey import Behind, Ground, Look
from ..solvers.loop import Outcome

SHARE: Final = 16
"""Frames are worked on several at once only where one, with its result, takes less than this part of the memory."""

WAITING: Final = 2
"""Frames that are read, and results that wait to be written, beside those that are worked on."""


class Now:
    """The frames that are worked on at present, as the data of an image whose T has as many."""

    def __init__(self, data: npt.NDArray[Any]) -> None:
        self.data = data

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis now."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    def __getitem__(self, key: Any) -> Any:
        return self.data[key]


class Remembered(Planes):
    """Planes that are read and cleaned once, though they are looked at, have a background and are solved."""

    def __init__(self, image: Image, channel: int | None, hot_pixels: str) -> None:
        super().__init__(image, channel, hot_pixels)
        self._of: object = None
        self._planes: dict[tuple[int | None, ...], tuple[Float32Array, int]] = {}

    def read(self, index: Index) -> tuple[Float32Array, int]:
        """Return one plane, and the number of hot pixels replaced in it."""
        assert isinstance(self.image.data, Now)
        if self._of is not self.image.data.data:
            self._of, self._planes = self.image.data.data, {}
        key = index.get("T"), index.get("Z")
        if key not in self._planes:
            self._planes[key] = super().read(index)
        return self._planes[key]


@dataclass(frozen=True)
class Windows:
    """How many frames are solved together: `kept` of them, and `halo` on both sides that is solved and left out."""

    kept: int = 1
    halo: int = 0

    @classmethod
    def of(cls, image: Image, plan: Plan) -> Windows:
        """Return frames one by one, unless the priors tie them along t."""
        long = of_length(image, MIN_STACK)
        recipes = [plan.of(channel) for channel in channels_of(image)]
        tied = [(continuity_of(long, recipe).t, float(recipe.fidelity)) for recipe in recipes]
        halo = max((halo_planes(weight, fidelity) for weight, fidelity in tied if weight > 0), default=0)
        return cls(2 * halo or 1, halo)

    @property
    def length(self) -> int:
        """How many frames are solved together."""
        return self.kept + 2 * self.halo

    @property
    def waits(self) -> int:
        """How many further frames must be there before a frame is worked on, at most."""
        return self.kept - 1 + self.halo


@dataclass
class Frames:
    """Solves frames by one plan; levels and scale are decided on the first.

    Parameters
    ----------
    first : Image
        Frames that all is decided on, in memory; T is its first axis.
    plan : Plan
        Resolved.
    engine : Engine
        What computes.
    room : Room
        What memory there is.

    Attributes
    ----------
    windows : Windows
        Which frames depend on each other.
    at_once : int
        How many frames are best given at once where they are there: one for each thread, or a window.
    shape : tuple of int
        Of one result.

    Raises
    ------
    InputError
        If a channel of the first frames is empty, so that it has no scale, or memory is too short.
    """

    first: Image
    plan: Plan
    engine: Engine
    room: Room
    account: Account = field(default_factory=Account)
    outcome: Outcome = Outcome.COMPLETED

    def __post_init__(self) -> None:
        factor = self.plan.recipe.upsample
        self.shape = (*self.first.shape[1:-2], *(n * factor for n in self.first.shape[-2:]))
        self.windows = Windows.of(self.first, self.plan)
        frame = math.prod(self.first.shape[1:]) * (self.first.dtype.itemsize + 4) + 4 * math.prod(self.shape)
        fitting = max(1, self.room.allowed // (SHARE * frame))
        self.at_once = self.windows.length if self.windows.halo else min(max(1, self.engine.threads), fitting)
        flying = 2 * (self.at_once + WAITING) * frame
        longest = of_length(self.first, self.at_once)
        self._parts = portion(longest, self.plan, self.engine.threads, self.room.allowed - flying)
        need = self._parts.need.without_arrays()
        self.room.settle(replace(need, solver=need.solver + flying))
        self._now = Now(np.asarray(self.first.data))
        self._image = self.first.replace(data=self._now)
        self._behind = any(r.background != "none" for r in (self.plan.recipe, *self.plan.channels))
        self._contexts = {long: self._new_context() for long in (False, True)}
        self._grounds = {channel: self._ground(channel) for channel in channels_of(self._image)}

    @property
    def levels(self) -> list[Levels]:
        """What each channel's frames refer to."""
        return [ground.levels for ground in self._grounds.values()]

    @property
    def note(self) -> str:
        """What the user should know of how much is worked on at a time, if anything."""
        return self._parts.note

    def solve(self, frames: Sequence[npt.NDArray[Any]], kept: slice) -> Float32Array:
        """Return the results of some frames.

        Parameters
        ----------
        frames : sequence of array
            Frames that follow each other and are solved together.
        kept : slice
            Which of them come out.

        Returns
        -------
        array of float32
            Shape (frames kept, …).
        """
        self._take(np.stack(frames))
        for channel, ground in self._grounds.items():
            seen = self._all(Look(self._context, channel), channel)
            planes = self._context.channel(channel).planes.all()
            ours = Ground.of([one for one, index in zip(seen, planes, strict=True) if _in(index["T"], kept)])
            self.account.hot += ours.hot
            self.account.minimum = min(self.account.minimum, ours.least)
            if self._context.background is not None:
                self._all(Behind(self._context, channel, ground.levels), channel)
        todo = list(within(pieces(self._image, self.plan, self._parts.block_bytes), kept))
        solve = Solve(self._context, self._grounds)

        def found(_: Piece, done: PieceDone) -> None:
            self.account.add(done.account)
            self.outcome = worst([self.outcome, done.outcome])

        for alone in (True, False):
            some = [piece for piece in todo if piece.alone == alone]
            Here(self.engine).each(solve, some, found, together=alone and self._together(len(some)))
        out: Float32Array = self._context.out[kept]
        return out

    def _take(self, data: npt.NDArray[Any]) -> None:
        """Make frames those that are worked on; as few as are never tied are prepared for themselves."""
        self._now.data = data
        self._context = self._contexts[len(data) >= MIN_STACK]
        self._context.out = np.empty((len(data), *self.shape), np.float32)
        self._context.background = np.zeros(data.shape, np.float32) if self._behind else None

    def _new_context(self) -> Context:
        empty = np.empty((0, *self.shape), np.float32)
        return Context(self._image, self.plan, self._parts, self.room, empty, None, Remembered)

    def _all(self, job: Look | Behind, channel: int | None) -> list[Any]:
        """Return what a job finds on each plane of a channel."""
        indices = self._context.channel(channel).planes.all()
        found: dict[tuple[int, ...], Any] = {}

        def keep(index: Index, one: Any) -> None:
            found[tuple(index.values())] = one

        Here(self.engine).each(job, indices, keep, together=self._together(len(indices)))
        return [found[tuple(index.values())] for index in indices]

    def _together(self, items: int) -> bool:
        """Whether to work on planes several at once: few of them are sooner done one by one with all threads."""
        return self._parts.together and items >= self.engine.threads

    def _ground(self, channel: int | None) -> Ground:
        """Decide the levels of a channel."""
        self._take(self._now.data)
        ground = Ground.of(self._all(Look(self._context, channel), channel))
        if self._context.background is not None and ground.levels.maximum > 0:
            ground = ground.above(self._all(Behind(self._context, channel, ground.levels), channel))
        if ground.levels.scale <= 0:
            which = "" if channel is None else f" of channel {channel}"
            raise InputError(
                f"nothing stands above the background in the first {len(self._now.data)} frames{which}, so that their "
                "scale cannot be decided: begin when there is light, or decide on more frames (--first 50)"
            )
        return ground


def of_length(image: Image, frames: int) -> Image:
    """Return an image of so many frames that takes no memory; only its axes and sizes count."""
    frame = np.broadcast_to(np.zeros((), image.dtype), (frames, *image.shape[1:]))
    return image.replace(data=frame)


def within(every: Sequence[Piece], kept: slice) -> Iterator[Piece]:
    """Yield pieces of which only planes of some frames are kept; those of which nothing is left are left out.

    Examples
    --------
    >>> from sparsescope.pipeline.blocks import Block
    >>> block = Block(tuple({"T": t} for t in range(5)), slice(0, 5), (5,))
    >>> [piece.kept for piece in within([Piece(0, None, (block,))], slice(1, 3))]
    [({'T': 1}, {'T': 2})]
    """
    for piece in every:
        blocks = []
        for block in piece.blocks:
            left = [i for i in range(*block.kept.indices(len(block.planes))) if _in(block.planes[i]["T"], kept)]
            if left:
                blocks.append(replace(block, kept=slice(left[0], left[-1] + 1)))
        if blocks:
            yield replace(piece, blocks=tuple(blocks))


def _in(number: int, kept: slice) -> bool:
    return bool(kept.start <= number < kept.stop)
