"""Where a run keeps its planes and what is done of it, so that another process can go on where one was ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from .needs import Portion
from .piecework import PieceDone
from .room import Array, Room
from .survey import Ground


class Keeper(Protocol):
    """What a run tells as it goes on, and asks at its start."""

    @property
    def lasting(self) -> bool:
        """Whether planes are kept in files, with checksums, so that another process can go on."""

    def settle(self, parts: Portion) -> Portion:
        """Return how much is to be worked on at a time: what is planned, or what an earlier run began with."""

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return the array ``"result"`` or ``"background"``, with what an earlier run has put into it."""

    def ground(self, channel: int | None) -> Ground | None:
        """Return what a channel rests on, with its backgrounds kept, or None where that is not known yet."""

    def keep_ground(self, channel: int | None, ground: Ground) -> None:
        """Take over what a channel rests on; its backgrounds are in their array."""

    def done(self) -> list[PieceDone]:
        """Return the pieces that an earlier run has done, their planes in the result."""

    def keep(self, done: PieceDone) -> None:
        """Take over that a piece is done; its planes are in the result."""


@dataclass(frozen=True)
class Nowhere:
    """Nothing is kept beyond the run."""

    room: Room
    lasting: ClassVar[bool] = False

    def settle(self, parts: Portion) -> Portion:
        """Return what is planned."""
        return parts

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return a new array in memory or in a temporary file."""
        return self.room.array(name, shape, zero=name == "background")

    def ground(self, channel: int | None) -> Ground | None:  # noqa: ARG002
        """Return None: nothing is known."""
        return None

    def keep_ground(self, channel: int | None, ground: Ground) -> None:
        """Do nothing."""

    def done(self) -> list[PieceDone]:
        """Return nothing."""
        return []

    def keep(self, done: PieceDone) -> None:
        """Do nothing."""
