"""Items that are worked on one by one: the next is read, and the last ended, while one is worked on."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

import pytest

from sparsescope.engines import Engine, pick
from sparsescope.pipeline.crew import Here


@dataclass
class Overlapping:
    """Work on an item waits for the next to be read and the last to end, and ends wait for the next to be worked on."""

    items: int
    broken: int | None = None
    read: dict[int, Event] = field(default_factory=dict)
    working: dict[int, Event] = field(default_factory=dict)
    ending: dict[int, Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.read = {i: Event() for i in range(self.items)}
        self.working = {i: Event() for i in range(self.items)}
        self.ending = {i: Event() for i in range(self.items)}

    def __call__(self, engine: Engine, item: int) -> int:
        raise AssertionError("items are taken in steps")

    def steps(self, engine: Engine, item: int) -> _Steps:
        return _Steps(self, item)


@dataclass
class _Steps:
    job: Overlapping
    item: int

    def read(self) -> None:
        self.job.read[self.item].set()

    def work(self) -> None:
        self.job.working[self.item].set()
        following = self.job.read.get(self.item + 1)
        assert following is None or following.wait(20)
        before = self.job.ending.get(self.item - 1)
        assert before is None or before.wait(20)

    def done(self) -> int:
        self.job.ending[self.item].set()
        following = self.job.working.get(self.item + 1)
        assert following is None or following.wait(20)
        if self.item == self.job.broken:
            raise OSError("the disk is full")
        return 10 * self.item


@pytest.mark.parametrize("items", [0, 1, 5])
def test_reading_and_ending_overlap_with_the_work_and_all_are_told_in_turn(items: int) -> None:
    told: list[tuple[int, int]] = []
    Here(pick("auto", 1)).each(
        Overlapping(items), list(range(items)), lambda *given: told.append(given), together=False
    )
    assert told == [(i, 10 * i) for i in range(items)]


@pytest.mark.parametrize("broken", [0, 2, 4])
def test_what_fails_at_its_end_is_raised_and_what_was_done_before_is_told(broken: int) -> None:
    told: list[int] = []
    with pytest.raises(OSError, match="disk is full"):
        Here(pick("auto", 1)).each(
            Overlapping(5, broken), list(range(5)), lambda item, _: told.append(item), together=False
        )
    assert told == list(range(broken))
