"""A block whose sparse stage would not fit in memory is solved in bands along y, as long movies are in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..engines import Float32Array
from ..solvers.loop import Outcome, Solution
from .blocks import BYTES_PER_VOXEL, BYTES_PER_VOXEL_4D, halo_planes, spans
from .room import Array
from .stages import worst

Step = Callable[[int, int], None]


@dataclass(frozen=True)
class Solved:
    """A block after the sparse stage, in memory or in a file, and how that ended."""

    value: Array
    outcome: Outcome


def in_bands(
    solve: Callable[[Float32Array, Step], Solution],
    block: Array,
    fidelity: float,
    on_step: Step,
    block_bytes: int | None = None,
    make: Callable[[tuple[int, ...]], Array] | None = None,
) -> Solved:
    """Solve a block whole where its state fits `block_bytes`, else band by band with halos that are thrown away.

    Parameters
    ----------
    solve : callable
        ``solve(part, on_step)`` of a part of the block.
    block : array, shape (Z, Y, X), (T, Y, X) or (T, Z, Y, X), float32
        Values whose maximum is about 1.
    fidelity : float
        Weight of the data: with it the reach of the priors along y, whose weight is 1, sets the halo.
    on_step : callable
        Told of (iterations done, limit) over all bands.
    block_bytes : int, optional
        ``blocks.BLOCK_BYTES`` when left out.
    make : callable
        Returns the array for the solution; one in memory when left out.
    """
    rows = block.shape[-2]
    bytes_per_voxel = BYTES_PER_VOXEL_4D if block.ndim > 3 else BYTES_PER_VOXEL
    cut = list(spans(rows, math.prod(block.shape) // rows, halo_planes(1.0, fidelity), bytes_per_voxel, block_bytes))
    if len(cut) == 1:
        whole = solve(np.asarray(block), on_step)
        return Solved(whole.value, whole.outcome)
    value = np.empty(block.shape, np.float32) if make is None else make(block.shape)
    outcomes: list[Outcome] = []

    def told(before: int, done: int, limit: int) -> None:
        on_step(before * limit + done, len(cut) * limit)

    for outer, kept in cut:
        part = solve(np.ascontiguousarray(block[..., outer, :]), partial(told, len(outcomes)))
        value[..., outer.start + kept.start : outer.start + kept.stop, :] = part.value[..., kept, :]
        outcomes.append(part.outcome)
    return Solved(value, worst(outcomes))
