"""What a run will take, said before it starts: memory, what is kept in files, and time measured on a part."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..engines import Engine, pick
from ..engines.imaging import extended_for
from ..errors import SparsescopeError
from ..image import Image
from .continuity import continuity_of
from .needs import Portion, portion, still_to_load
from .plan import Plan
from .room import Room, free_bytes, resident_bytes
from .run import deconvolve

SIDE: Final = 512
"""Longest side of the part whose time is taken; half of it where planes are tied or deconvolved together."""

WORTH: Final = 20
"""A part is run, twice, only where the whole takes so many times as long."""

PLANES: Final = 16
"""Planes of that part where they are tied, and at least where stacks are deconvolved in three dimensions."""


IN_FILES: Final = 1.3
"""How many times as long work takes whose arrays are in files (measured: 1.2 to 1.4)."""


@dataclass(frozen=True)
class Outlook:
    """Memory and time of a run, beforehand.

    Attributes
    ----------
    room : Room
        What is kept where.
    portion : Portion
        How much is worked on at once.
    resident_bytes : int
        What the process holds already, the input included where it has been read.
    free_bytes : int
        Memory that is free.
    input_bytes : int
        Of the input in memory; 0 where planes are read when they are needed.
    seconds : float or None
        About how long it takes, from a part that was run with the final parameters; None where that was not tried.
    """

    room: Room
    portion: Portion
    resident_bytes: int
    free_bytes: int
    input_bytes: int
    seconds: float | None

    @property
    def memory_bytes(self) -> int:
        """What the process will have in memory at most."""
        return self.resident_bytes + self.room.in_memory_bytes


def outlook(
    image: Image,
    planned: Plan,
    *,
    threads: int | None = None,
    max_memory_bytes: int | None = None,
    scratch_folder: Path | None = None,
    timed: bool | None = None,
    lasting: bool = False,
) -> Outlook:
    """Say what a run will take.

    Parameters
    ----------
    image, planned, threads, max_memory_bytes, scratch_folder
        As for :func:`deconvolve`.
    timed : bool, optional
        Whether a part is run to measure its time; when left out, where the image is large enough for it to matter.
    lasting : bool
        Whether the arrays of the whole image are kept by another, in files.

    Raises
    ------
    InputError, OutputError
        If memory or disk cannot hold what is needed.
    """
    engine = pick("auto", threads)

    def planning() -> tuple[int, Room, Portion]:
        coming = still_to_load(engine)
        held, room = resident_bytes() + coming, Room.of(max_memory_bytes, scratch_folder, coming)
        parts = portion(image, planned, engine.threads, room.allowed)
        room.settle(parts.need.without_arrays() if lasting else parts.need)
        return held, room, parts

    held, room, parts = planning()
    kept = image.data.nbytes if isinstance(image.data, np.ndarray) else 0
    part, times = _part(image, planned, engine, parts)
    wanted = times >= WORTH if timed is None else timed
    seconds = _measured(part, planned, engine, max_memory_bytes) if wanted else None
    if wanted:
        held, room, parts = planning()  # kernels have been loaded, as they will be for the run
    return Outlook(room, parts, held, free_bytes(), kept, None if seconds is None else seconds * times)


def _part(image: Image, planned: Plan, engine: Engine, parts: Portion) -> tuple[Image, float]:
    """Return a part from the middle, and how many times as long the whole takes."""
    sizes, recipe, spread = image.sizes, planned.of(0), planned.spread(0)
    tied = continuity_of(image, recipe).axes
    deep = spread is not None and spread.deep
    side = SIDE // 2 if tied or deep else SIDE
    whole = {"Y": side, "X": side, "C": 1}
    for axis in "TZ":
        whole[axis] = sizes.get(axis, 1) if deep and axis == "Z" else (PLANES if axis in tied else 1)
    if not tied and not deep and parts.together:
        first = next((axis for axis in "TZ" if sizes.get(axis, 1) >= engine.threads), None)
        whole |= {first: engine.threads} if first else {}
    taken = {axis: min(n, whole[axis]) for axis, n in sizes.items()}
    middle = {axis: slice((n - taken[axis]) // 2, (n - taken[axis]) // 2 + taken[axis]) for axis, n in sizes.items()}
    times = parts.overlap * math.prod(n / taken[axis] for axis, n in sizes.items())
    if deep and spread is not None and spread.psf is not None:
        psf = spread.psf.data
        large, small = ([at[a] * (1 if a == "Z" else recipe.upsample) for a in "ZYX"] for at in (sizes, taken))
        ratio = math.prod(extended_for(large, psf).object_shape) / math.prod(extended_for(small, psf).object_shape)
        times = ratio * math.prod(n / taken[axis] for axis, n in sizes.items() if axis in "TC")
    if parts.tile is not None:
        times *= IN_FILES * parts.tile_work
    channels = image.channels[:1] if "C" in sizes else image.channels
    cut: Any = image.block(**middle)
    return image.replace(data=cut, channels=channels, meta={}), times


def _measured(part: Image, planned: Plan, engine: Engine, most: int | None) -> float | None:
    """Return the seconds of a part, the kernels loaded before; None where the PSF is larger than the part."""
    try:
        deconvolve(part, planned=planned, threads=engine.threads, max_memory_bytes=most)
        started = time.perf_counter()
        deconvolve(part, planned=planned, threads=engine.threads, max_memory_bytes=most)
    except SparsescopeError:
        return None
    return time.perf_counter() - started
