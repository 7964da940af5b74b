"""Do one piece of a run: from its planes in the input to its planes in the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeAlias

import numpy as np

from ..engines import Engine, Float32Array
from ..solvers.loop import Outcome
from .account import Account
from .bands import in_bands
from .blocks import Block, Index
from .context import Context, Place, Prepared
from .crew import Meter
from .in_files import InFiles
from .pieces import Piece
from .room import Array
from .saturation import countable, full_scale
from .second_stage import Deconvolved, Mask, untouched
from .stack import Stack, Staged, nth
from .stages import has_sparse_stage, sparse_stage, worst
from .survey import Ground, checksum
from .tiles import Cut, Tile

_Seen: TypeAlias = tuple[Float32Array, "Float32Array | None", "Mask | None"]
"""A plane, its background, and where data count."""

DECONVOLUTION = "deconvolution"
"""Name of the stage that pieces are in."""


@dataclass(frozen=True)
class PieceDone:
    """What became of a piece, beside its planes.

    Attributes
    ----------
    number, channel : int
        Which piece, and of which channel.
    account : Account
        Its sums.
    outcome : Outcome
        How the solvers ended.
    checks : tuple of int
        Checksum of each of its planes in the order of `Piece.kept`, where they were asked for.
    range : tuple of float
        Smallest and largest value of them, likewise.
    """

    number: int
    channel: int
    account: Account
    outcome: Outcome
    checks: tuple[int, ...] = ()
    range: tuple[float, ...] = ()


@dataclass(frozen=True)
class Solve:
    """Work on pieces.

    Attributes
    ----------
    context : Context
        The run.
    grounds : mapping
        What each channel rests on.
    meter : Meter, optional
        Told how far a piece is while it is worked on.
    checked : bool
        Whether planes get checksums.
    """

    context: Context
    grounds: Mapping[int | None, Ground]
    meter: Meter | None = None
    checked: bool = False

    def __call__(self, engine: Engine, piece: Piece) -> PieceDone:
        """Put the planes of a piece into the result."""
        work = self.steps(engine, piece)
        work.work()
        return work.done()

    def steps(self, engine: Engine, piece: Piece) -> Piecework:
        """Return a piece to be read, worked on and ended: of single planes, one may be in each of these steps."""
        return Piecework(self, engine, piece)


class Piecework:
    """One piece in progress: `read`, which may be left out, `work` and `done`."""

    def __init__(self, solve: Solve, engine: Engine, piece: Piece) -> None:
        self.context, self.engine, self.piece = solve.context, engine, piece
        self.channel: Prepared = solve.context.channel(piece.channel)
        self.levels = solve.grounds[piece.channel].levels
        self.top = full_scale(self.context.image, self.levels.maximum)
        self.meter, self.planes, self.checked = solve.meter, 0.0, solve.checked
        self.checks: dict[frozenset[tuple[str, int]], int] = {}
        self.range: tuple[float, ...] = ()
        self.left: list[tuple[Index, Float32Array]] = []
        self.apart = piece.alone and self.context.parts.behind
        self.seen: _Seen | None = None
        deep = self.channel.spread is not None and self.channel.spread.deep
        second, tile = self.channel.second, self.context.parts.tile
        apart = second is not None and Cut.of(second, (1, 1, 1) if deep else (1, 1)) is not None
        self.tile: Tile | None = (tile[0], tile[1]) if apart and tile is not None else None
        self.account, self.lock = Account(), Lock()
        self.outcomes: list[Outcome] = []
        zeros = self.context.early**2 if self.channel.recipe.upsample_method == "zeros" else 1
        self.scale = np.float32(self.levels.scale * zeros)

    def read(self) -> None:
        """Read a single plane before it is its turn."""
        if self.apart and self.levels.scale > 0:
            self.seen = self._prepare(self.piece.blocks[0].planes[0])

    def work(self) -> None:
        """Do all of it, but for a plane that is written while the next is worked on."""
        if self.levels.scale <= 0:
            for index in self.piece.kept:
                self._put(index, np.zeros(self.context.out.shape[-2:], np.float32))
                self._advance(1)
        elif self.channel.spread is not None and self.channel.spread.deep:
            self._stacks()
        else:
            for block in self.piece.blocks:
                self._block(block)

    def done(self) -> PieceDone:
        """Write what is left to write, and say what became of the piece."""
        for index, value in self.left:
            self._write(index, value)
        checks = [self.checks[frozenset(index.items())] for index in self.piece.kept] if self.checked else []
        return PieceDone(
            self.piece.number, self.piece.channel or 0, self.account, worst(self.outcomes), tuple(checks), self.range
        )

    def _block(self, block: Block) -> None:
        """Solve the planes of one block and put those that are kept into the result."""
        staged = self._first(block, self.engine)
        for i in range(block.kept.start, block.kept.stop):
            found = self._second_stage(staged.plane(i), staged.behind, staged.masks[i])
            self._keep(block.planes[i], found)
            self._advance(0.5 if self.channel.tied.axes else 1)

    def _stacks(self) -> None:
        """Solve blocks of planes, and deconvolve each stack in three dimensions as soon as all its planes are there."""
        waiting: dict[int | None, Stack] = {}
        depth, tied = self.context.image.sizes["Z"], bool(self.channel.tied.axes)

        def stage(engine: Engine, block: Block) -> None:
            staged = self._first(block, engine)
            for i in range(block.kept.start, block.kept.stop):
                index = block.planes[i]
                plane = staged.plane(i)
                with self.lock:
                    if index.get("T") not in waiting:
                        waiting[index.get("T")] = Stack(depth, plane.shape, self._array)
                    stack, behind = waiting[index.get("T")], staged.behind
                    behind = None if behind is None else behind / self.scale
                    stack.put(index["Z"], plane / self.scale, behind, staged.masks[i])
                if not tied:
                    self._advance(0.5)
                elif stack.missing == 0:
                    self._stack(index.get("T"), waiting.pop(index.get("T")), depth)

        if tied or not self.context.parts.together:
            for block in self.piece.blocks:
                stage(self.engine, block)
        else:
            self.engine.each(stage, self.piece.blocks)
        for at in list(waiting):
            self._stack(at, waiting.pop(at), depth)

    def _stack(self, at: int | None, stack: Stack, depth: int) -> None:
        """Deconvolve a stack whose planes are all there."""
        before = self.planes
        found = self._deconvolved(stack.sparse, stack.behind, stack.mask, depth / 2)
        self._keep({} if at is None else {"T": at}, found)
        self._at(before + depth / 2)

    def _first(self, block: Block, engine: Engine) -> Staged:
        """Take the planes of one block through the sparse stage: together where they are tied, else the only one."""
        recipe = self.channel.recipe
        if self.channel.tied.axes:
            return self._tied_block(block)
        data, behind, mask = self.seen or self._prepare(block.planes[0])
        self.seen = None
        with self.lock:
            self.account.add_data(data, behind, self.context.early)
        if not has_sparse_stage(recipe):
            with self.lock:
                self.account.add_sparse(data, behind, self.context.early)
            return Staged(partial(_only, data), behind, [mask])
        net = [(data if behind is None else data - behind) / self.scale]
        del data, behind
        sparse = self._alone(engine, net)
        with self.lock:
            self.account.add_sparse(sparse, None, self.context.early)
        return Staged(partial(_only, sparse), None, [mask])

    def _alone(self, engine: Engine, net: list[Float32Array]) -> Float32Array:
        """Take a plane of its own through the sparse stage, in bands where memory is short; the list is emptied."""
        recipe, tied, context = self.channel.recipe, self.channel.tied, self.context
        if context.parts.banded:
            one, fidelity = partial(sparse_stage, recipe, tied, engine), float(recipe.fidelity)
            kept = self._stored(net.pop())
            found = in_bands(one, kept, fidelity, _untold, context.parts.block_bytes, context.spare)
            value, outcome = np.asarray(found.value), found.outcome
            value *= self.scale
        else:
            solution = sparse_stage(recipe, tied, engine, net.pop(), _untold)
            value, outcome = solution.value * self.scale, solution.outcome
        with self.lock:
            self.outcomes.append(outcome)
        return value

    def _tied_block(self, block: Block) -> Staged:
        """Solve tied planes together; nothing of them but their state need be in memory."""
        context = self.context
        masks: list[Mask | None] = []
        net: Array | None = None
        for i, index in enumerate(block.planes):
            data, behind, mask = self._prepare(index)
            net = context.spare((*block.shape, *data.shape)) if net is None else net
            net[nth(i, block.shape)] = (data if behind is None else data - behind) / self.scale
            masks.append(mask)
            if block.kept.start <= i < block.kept.stop:
                self.account.add_data(data, behind, context.early)
        assert net is not None
        kept, before = (block.kept.stop - block.kept.start) / 2, self.planes

        def inside(done: int, limit: int) -> None:
            self._at(before + kept * done / limit)

        one = partial(sparse_stage, self.channel.recipe, self.channel.tied, self.engine)
        fidelity = float(self.channel.recipe.fidelity)
        found = in_bands(one, net, fidelity, inside, context.parts.block_bytes, context.spare)
        self.outcomes.append(found.outcome)
        self._at(before + kept)

        def plane(i: int) -> Float32Array:
            sparse: Float32Array = found.value[nth(i, block.shape)] * self.scale
            self.account.add_sparse(sparse, None, context.early)
            return sparse

        return Staged(plane, None, masks)

    def _prepare(self, index: Index) -> _Seen:
        """Read a plane and its background, in counts on the sparse stage's grid, and where data count."""
        context = self.context
        raw = self.channel.planes.read(index)[0]
        mask = countable(raw, self.top)
        if mask is not None:
            mask = mask.repeat(context.early, 0).repeat(context.early, 1)
        if context.background is None or self.channel.recipe.background == "none":
            return context.finer(raw), None, mask
        return context.finer(raw), context.finer(context.background[self._place(index)]), mask

    def _second_stage(self, plane: Float32Array, behind: Float32Array | None, mask: Mask | None) -> Deconvolved:
        """Deconvolve one plane in counts; with no second stage, take its background away."""
        if self.channel.second is None:
            return untouched(plane if behind is None else plane - behind)
        return self._deconvolved(plane / self.scale, None if behind is None else behind / self.scale, mask)

    def _deconvolved(self, data: Any, behind: Any, mask: Any, planes: float = 0) -> Deconvolved:
        """Deconvolve one plane or stack whose maximum is about 1, and which counts for so many planes."""
        second, before = self.channel.second, self.planes
        assert second is not None
        if self.tile is None:
            return second(data, behind, self.engine, mask).in_counts(self.scale)
        data, behind, mask = self._stored(data), self._stored(behind), self._stored(mask)

        def inside(done: int, limit: int) -> None:
            self._at(before + planes * done / limit)

        work = InFiles(second, self.tile, self.context.spare)
        return work(data, behind, self.engine, mask, inside).in_counts(self.scale)

    def _array(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape, np.float32) if self.tile is None else self.context.spare(shape)

    def _stored(self, array: Any) -> Any:
        """Return an array as one in a file."""
        if not isinstance(array, np.ndarray):
            return array
        kept = self.context.spare(array.shape)
        kept[...] = array.astype(np.float32, copy=False)
        return kept

    def _keep(self, index: Index, found: Deconvolved) -> None:
        value, depth = found.value, found.value.shape[0]
        if isinstance(value, np.ndarray):
            self._put(index, value)
        else:
            for z in range(depth) if value.ndim > 2 else [None]:
                self._put(index if z is None else {**index, "Z": z}, np.asarray(value) if z is None else value[z])
        self.account.add_second(found, (self.context.early, self.context.factor))
        self.outcomes.append(found.outcome)

    def _put(self, index: Index, value: Float32Array) -> None:
        """Put a plane, or a whole stack, into the result: at once, or at the end of the piece."""
        if self.apart:
            self.left.append((index, value))
        else:
            self._write(index, value)

    def _write(self, index: Index, value: Float32Array) -> None:
        self.context.out[self._place(index)] = value
        if not self.checked:
            return
        low, high = float(value.min()) + 0.0, float(value.max()) + 0.0
        self.range = (min(low, *self.range[:1]), max(high, *self.range[1:])) if self.range else (low, high)
        stack = [(index, value)] if value.ndim == 2 else [({**index, "Z": z}, one) for z, one in enumerate(value)]
        for where, plane in stack:
            self.checks[frozenset(where.items())] = checksum(plane)

    def _place(self, index: Index) -> Place:
        return self.context.place(index, self.channel.planes)

    def _advance(self, planes: float) -> None:
        with self.lock:
            self._at(self.planes + planes)

    def _at(self, planes: float) -> None:
        self.planes = planes
        if self.meter is not None:
            self.meter.at(DECONVOLUTION, self.piece.number, planes)


def _untold(done: int, limit: int) -> None:
    """Tell nobody: a plane of its own is soon done."""


def _only(plane: Float32Array, number: int) -> Float32Array:  # noqa: ARG001
    """Return the only plane of a block."""
    return plane
