"""Who works on the items of a run: this process with its threads, or others that keep to the same contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from threading import Lock
from typing import Any, Protocol, TypeVar

from ..engines import Engine
from .result import Progress

Report = Callable[[Progress], None]

Item = TypeVar("Item")
Found = TypeVar("Found")
Taken_contra = TypeVar("Taken_contra", contravariant=True)
Given_co = TypeVar("Given_co", covariant=True)


class Job(Protocol[Taken_contra, Given_co]):
    """One kind of work: `survey.Look`, `survey.Behind` or `piecework.Solve`; all but its `context` is plain values."""

    def __call__(self, engine: Engine, item: Taken_contra, /) -> Given_co: ...


class Steps(Protocol[Given_co]):
    """One item of a job whose reading and ending may overlap with the work on others."""

    def read(self) -> None: ...
    def work(self) -> None: ...
    def done(self) -> Given_co: ...


class Crew(Protocol):
    """Whoever does jobs."""

    def each(
        self, job: Job[Item, Found], items: Sequence[Item], found: Callable[[Item, Found], None], *, together: bool
    ) -> None:
        """Do a job on every item, in any order, and tell what was found, never twice at once.

        `together` says that items may be worked on several at once, each with one thread.
        """


@dataclass(frozen=True)
class Here:
    """Work in the process that asks for it."""

    engine: Engine

    def each(
        self, job: Job[Item, Found], items: Sequence[Item], found: Callable[[Item, Found], None], *, together: bool
    ) -> None:
        """Do a job on every item."""
        lock = Lock()

        def work(engine: Engine, item: Item) -> None:
            value = job(engine, item)
            with lock:
                found(item, value)

        if together:
            self.engine.each(work, items)
        elif hasattr(job, "steps"):
            self._in_turn(job.steps, items, found)
        else:
            for item in items:
                work(self.engine, item)

    def _in_turn(
        self, steps: Callable[[Engine, Item], Steps[Found]], items: Sequence[Item], found: Callable[[Item, Found], None]
    ) -> None:
        """Work on one item after the other with all threads; the next is read, and the last ended, at the same time."""

        def ahead(item: Item) -> Steps[Found]:
            one = steps(self.engine, item)
            one.read()
            return one

        def end(item: Item, one: Steps[Found]) -> None:
            found(item, one.done())

        with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(1) as ending:
            coming = [reading.submit(ahead, item) for item in items[:1]]
            last: Future[None] | None = None
            for item, then in zip_longest(items, items[1:]):
                one = coming.pop().result()
                if then is not None:
                    coming.append(reading.submit(ahead, then))
                one.work()
                if last is not None:
                    last.result()
                last = ending.submit(end, item, one)
            if last is not None:
                last.result()


@dataclass
class Meter:
    """How far a run is, over all that works on it.

    Attributes
    ----------
    report : callable
        Told now and then.
    planes : int
        In all.
    unit : str
        What a plane is called.
    """

    report: Report
    planes: int
    unit: str
    _items: dict[tuple[str, Any], float] = field(default_factory=dict)
    _done: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def at(self, stage: str, item: Any, planes: float, *, before: bool = False) -> None:
        """Say that so many planes of an item, known by any name, are through a stage; `before` this run began."""
        with self._lock:
            more = planes - self._items.get((stage, item), 0.0)
            self._items[stage, item] = planes
            self._done[stage] = self._done.get(stage, 0.0) + more
            if not before:
                self.report(Progress(stage, int(self._done[stage] + 1e-6), self.planes, self.unit))
