"""Recordings that are still being written: how many frames are complete now, and what is in them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Image
from .facts import Facts

POLL_S = 0.005
"""Time between two looks at a file: what a frame waits for at most, and no more than one look at its size costs."""

SETTLE_S = 0.01
"""A last part counts when its file has not changed for this long: writers may fill in what they have reserved."""

SETTLE_LONG_S = 1.0
"""The same for a file that holds several frames and is written again for each."""

LATE_S = 2.0
"""How long a frame that cannot be read is tried again before it is taken for damaged."""


@dataclass(frozen=True)
class Nature:
    """What all frames of a recording have in common.

    Attributes
    ----------
    axes : str
        ``T`` and the axes of one time point, in the order ``TCZYX``.
    shape : tuple of int
        Of one time point: the axes without ``T``.
    dtype : dtype
        Type of the numbers.
    facts : Facts
        Sizes, channels, notes.
    kind : str
        Name of the format.
    declared : int or None
        How many frames there will be, where the source says so.
    unsaid : str or None
        Axes that the source does not say, so that who reads it when it is complete must be told.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    facts: Facts
    kind: str
    declared: int | None = None
    unsaid: str | None = None


class Growing(ABC):
    """A recording that grows along T.

    Attributes
    ----------
    path : Path
        File, folder or pattern.
    nature : Nature
        What all frames have in common.
    """

    path: Path
    nature: Nature

    @abstractmethod
    def count(self) -> int:
        """Return how many frames, from the first on without a gap, are complete; it never becomes less."""

    @abstractmethod
    def frame(self, number: int) -> npt.NDArray[Any]:
        """Return one time point; raise InputError where it cannot be read, which may be only for now."""

    def unfinished(self) -> str:
        """Say what is there beyond the complete frames, if anything."""
        return ""

    def image(self, frames: int) -> Image:
        """Return the first frames as an image in memory."""
        return self.described(np.stack([self.frame(number) for number in range(frames)]))

    def described(self, data: Any) -> Image:
        """Return pixels of shape (T, …) as an image of this recording."""
        image = self.nature.facts.image(data, self.nature.axes)
        return image.replace(meta={**image.meta, "format": self.nature.kind, "path": str(self.path)})


class Still:
    """Tells whether something has stopped changing, by our own clock: that of a server may differ."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._seen, self._since = clock, object(), 0.0

    def unchanged(self, state: object, seconds: float) -> bool:
        """Whether the state has been this one for so long."""
        now = self._clock()
        if state != self._seen:
            self._seen, self._since = state, now
        return now - self._since >= seconds


def frame_axes(name: str, given: str | None, counts: dict[str, int]) -> dict[str, int]:
    """Return the lengths along C and Z of one frame: those declared, unless the user says what the axes are.

    Raises
    ------
    InputError
        If the user names axes whose lengths nobody says.
    """
    within = {axis: n for axis in "CZ" if (n := counts.get(axis, 1)) > 1}
    if given is None:
        return within
    letters = given.upper()
    wanted = set(letters) - set("TYX")
    if "T" not in letters or not set("YX") <= set(letters) or wanted - set(within):
        lengths = ", ".join(f"{axis} {n}" for axis, n in within.items()) or "one plane in each frame"
        raise InputError(
            f"axes {given!r} do not fit {name}, which is followed along T and declares {lengths}: allowed are "
            f"T{''.join(within)}YX, or TYX to take every plane for a frame"
        )
    return {axis: n for axis, n in within.items() if axis in wanted}
