"""A block whose sparse stage would not fit in memory is solved in bands along y, as long movies are in blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..engines import Float32Array
from ..solvers.loop import Solution
from .blocks import BYTES_PER_VOXEL, BYTES_PER_VOXEL_4D, halo_planes, spans
from .stages import worst

Step = Callable[[int, int], None]


def in_bands(
    solve: Callable[[Float32Array, Step], Solution], block: Float32Array, fidelity: float, on_step: Step
) -> Solution:
    """Solve a block whole where its state fits `blocks.BLOCK_BYTES`, else band by band with halos that are thrown away.

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
    """
    rows = block.shape[-2]
    bytes_per_voxel = BYTES_PER_VOXEL_4D if block.ndim > 3 else BYTES_PER_VOXEL
    cut = list(spans(rows, block.size // rows, halo_planes(1.0, fidelity), bytes_per_voxel))
    if len(cut) == 1:
        return solve(block, on_step)
    value = np.empty_like(block)
    found: list[Solution] = []

    def told(before: int, done: int, limit: int) -> None:
        on_step(before * limit + done, len(cut) * limit)

    for outer, kept in cut:
        part = solve(np.ascontiguousarray(block[..., outer, :]), partial(told, len(found)))
        value[..., outer.start + kept.start : outer.start + kept.stop, :] = part.value[..., kept, :]
        found.append(part)
    outcome = worst([part.outcome for part in found])
    return Solution(value, max(part.iterations for part in found), outcome, sum(part.seconds for part in found))
