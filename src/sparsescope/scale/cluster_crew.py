"""A crew of other processes and machines: they open the input, do pieces and write planes where they belong."""

from __future__ import annotations

import pickle
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from ..engines import Engine, pick
from ..errors import ClusterError
from ..pipeline.context import Context
from ..pipeline.crew import Job
from ..pipeline.piecework import Solve
from .cluster import Cluster

Item = TypeVar("Item")
Found = TypeVar("Found")

SOLVED_PIXELS: Final = 8_000_000
"""Most pixels of a task that is solved: a few seconds of one core, so that handing it out is nothing beside it."""

SEEN_PIXELS: Final = 100_000_000
"""Most pixels of a task whose planes are only looked at."""

MANY: Final = 100
"""Workers from which on tasks grow with their number: a scheduler hands out some hundred tasks in a second."""

ROUNDS: Final = 4
"""Where there are pieces enough, each worker gets so many tasks at least: all end at about the same time."""

APPEARING_S: Final = 15.0
"""Longest time until a folder made on one machine is seen on the others."""


@dataclass(frozen=True)
class ClusterCrew:
    """Whoever works for a cluster; see :class:`sparsescope.pipeline.crew.Crew`.

    Parameters
    ----------
    cluster : Cluster
        Open.
    threads : int
        Of each worker.

    Notes
    -----
    The input must be one that is read plane by plane (``read(path, lazy=True)``); its path, the result's and the
    background's must be the same for every worker.
    """

    cluster: Cluster
    threads: int

    def each(
        self, job: Job[Item, Found], items: Sequence[Item], found: Callable[[Item, Found], None], *, together: bool
    ) -> None:
        """Do a job on every item, small ones several in a task."""
        whole: Any = job
        sizes, workers = whole.context.image.sizes, max(1, len(self.cluster.workers()))
        pixels = (SOLVED_PIXELS if isinstance(job, Solve) else SEEN_PIXELS) * max(1, workers // MANY)
        most = pixels // (sizes["Y"] * sizes["X"]) if together else 1

        def done(batch: Sequence[Item], values: Sequence[Found]) -> None:
            for item, value in zip(batch, values, strict=True):
                found(item, value)

        self.cluster.each(
            work, batches(items, max(1, most), workers), done,
            shared=Sent.of(job, self.threads, together=together), name=type(job).__name__.lower(),
        )  # fmt: skip


def batches(items: Sequence[Item], most: int, workers: int) -> Iterator[Sequence[Item]]:
    """Cut items into tasks that become smaller towards the end, so that nobody has much to do when the others rest.

    Examples
    --------
    >>> [len(batch) for batch in batches(range(40), 4, 2)]
    [4, 4, 4, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    at = 0
    while at < len(items):
        count = max(1, min(most, (len(items) - at) // (ROUNDS * workers)))
        yield items[at : at + count]
        at += count


@dataclass(frozen=True)
class Sent:
    """A job as it goes to workers: plain values, and where its files are."""

    job: Any
    values: bytes
    files: tuple[Path, ...]
    threads: int
    together: bool

    @classmethod
    def of(cls, job: Any, threads: int, *, together: bool) -> Sent:
        """Take a job apart."""
        context: Context = job.context
        plan = replace(context.plan, tuning=(), cameras=(), sources={}, notes=())
        arrays = [array for array in (context.out, context.background) if array is not None]
        files = [array.folder for array in arrays if hasattr(array, "folder")]
        if len(files) < len(arrays) or isinstance(context.image.data, np.ndarray):
            raise TypeError("workers need an input read plane by plane, and result and background kept in files")
        values = (context.image, plan, context.parts, context.room, context.out, context.background)
        bare = replace(job, context=None, **({"meter": None} if isinstance(job, Solve) else {}))
        return cls(bare, pickle.dumps(values), tuple(files), threads, together)

    @cached_property
    def ready(self) -> tuple[Any, Engine]:
        """The job with its context, and the engine: made once in each worker's process."""
        for path in self.files:
            see(path)
        image, plan, parts, room, out, background = pickle.loads(self.values)
        arrays: list[Any] = [None if array is None else Standing(array) for array in (out, background)]
        context = Context(image, plan, parts, room, *arrays)
        return replace(self.job, context=context), pick("auto", self.threads)


class Standing:
    """An array of a run, written into only while the run's folder stands.

    A worker may go on with a piece when its run was given up or ended by others: it must not bring a folder back.
    """

    def __init__(self, array: Any) -> None:
        self.array, self.shape = array, array.shape

    def __getitem__(self, key: Any) -> Any:
        return self.array[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self.array.folder.exists():
            raise ClusterError(f"the run that writes {self.array.folder} has ended: nothing more is written")
        self.array[key] = value


def see(path: Path, wait_s: float = APPEARING_S) -> None:
    """Raise ClusterError where a worker does not see a path, also not after a while."""
    until = time.monotonic() + wait_s
    while not path.exists():
        if time.monotonic() > until:
            raise ClusterError(
                f"the worker on {platform.node()} does not see {path}: input and result must be on a disk that has the "
                "same path on every machine of the cluster"
            )
        time.sleep(0.2)


def work(sent: Sent, batch: Sequence[Any]) -> list[Any]:
    """Do a job on a few items, in a worker; return what was found, in their order."""
    job, engine = sent.ready
    found: dict[int, Any] = {}

    def one(engine: Engine, number: int) -> None:
        found[number] = job(engine, batch[number])

    try:
        if sent.together:
            engine.each(one, range(len(batch)))
        else:
            for number in range(len(batch)):
                one(engine, number)
    except MemoryError:
        raise ClusterError(
            f"the memory of the worker on {platform.node()} did not do: give each worker more (--max-memory), or let "
            "fewer share a machine"
        ) from None
    return [found[number] for number in range(len(batch))]
