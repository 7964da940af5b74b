"""Carry a plan out on a cluster: what each worker may have in memory, and one result from all of them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ..engines import pick
from ..errors import ClusterError, InputError
from ..image import Image
from ..pipeline import Plan, Result
from ..pipeline.crew import Report
from ..pipeline.keeping import Keeper
from ..pipeline.needs import Portion, portion
from ..pipeline.room import PART_OF_FREE, Room, free_bytes, say_bytes
from ..pipeline.whole import Whole
from .cluster import Cluster
from .cluster_crew import ClusterCrew

PART_OF_LIMIT: Final = 0.75
"""Part of a worker's memory that is planned with: from four fifths on, Dask hands it nothing new."""

WORKER_BYTES: Final = 400_000_000
"""What a worker's process holds without any image: libraries, kernels, what it says to others."""


def open_for(address: str, *, threads: int | None = None, max_memory_bytes: int | None = None) -> Cluster:
    """Open a cluster for runs: a worker started here has its share of threads and memory.

    Parameters
    ----------
    address : str
        See :meth:`Cluster.open`.
    threads : int, optional
        Of each worker; what this machine has, shared out evenly, when left out.
    max_memory_bytes : int, optional
        Of each worker; four fifths of what is free, shared out evenly, when left out.
    """
    from .cluster_address import local_workers

    count = local_workers(address)
    if count is None:
        return Cluster.open(address)
    return Cluster.open(
        address, threads_per_worker=threads or max(1, pick("auto").threads // count),
        memory_bytes_per_worker=max_memory_bytes or int(PART_OF_FREE * free_bytes() / count),
    )  # fmt: skip


def deconvolve_on(
    cluster: Cluster,
    image: Image,
    planned: Plan,
    keeper: Keeper,
    *,
    threads: int | None = None,
    max_memory_bytes: int | None = None,
    scratch_folder: Path,
    on_progress: Report | None = None,
) -> Result:
    """Deconvolve an image by the workers of a cluster; the result is that of one process, bit for bit.

    Parameters
    ----------
    cluster : Cluster
        Open.
    image : Image
        Read plane by plane (``read(path, lazy=True)``), from a path that every worker sees.
    planned : Plan
        What :func:`sparsescope.pipeline.plan` returned for it.
    keeper : Keeper
        Keeps the planes in files that every worker sees.
    threads, max_memory_bytes : int, optional
        Of each worker; all that it has when left out.
    scratch_folder : Path
        For parts of blocks that do not fit into memory.
    on_progress : callable, optional
        Called with a Progress now and then.

    Raises
    ------
    InputError
        If what is worked on at once does not fit into a worker.
    OutputError
        If the disk has no room for what is kept in files.
    ClusterError
        If workers are lost, or do not see the files.

    Notes
    -----
    The same as in one process as long as blocks are the same (`Portion.note`): only tied planes are cut into blocks,
    and those are smaller only where memory is short.
    """
    started = time.perf_counter()
    threads, room, parts = share(cluster, image, planned, threads, max_memory_bytes, scratch_folder)
    parts = keeper.settle(parts)
    whole = Whole(image, planned, parts, room, on_progress or (lambda _: None), keeper)
    whole.carry_out(ClusterCrew(cluster, threads))
    engine = f"{pick('auto', threads).describe()} in each worker of a cluster"
    return whole.result(engine, time.perf_counter() - started)


def share(
    cluster: Cluster, image: Image, planned: Plan, threads: int | None, max_memory_bytes: int | None, folder: Path
) -> tuple[int, Room, Portion]:
    """Return what each worker uses: threads, room, and how much it works on at a time."""
    workers = cluster.workers()
    if not workers:
        raise ClusterError("no worker is there any more: start some again, and go on with --resume")
    threads = min(threads or one.threads for one in workers)
    limit = min(_limits(cluster, max_memory_bytes))
    room = Room(int(PART_OF_LIMIT * limit) - WORKER_BYTES, folder, limit)
    parts = portion(image, planned, threads, room.allowed)
    need = parts.need.solver
    if need > room.allowed:
        raise InputError(
            f"this needs about {say_bytes(need)} of memory at once in each worker, and its {say_bytes(limit)} leave "
            f"{say_bytes(max(0, room.allowed))}: {parts.need.remedy}, or give each worker about "
            f"{say_bytes((need + WORKER_BYTES) / PART_OF_LIMIT)} (--max-memory)"
        )
    room.settle(replace(parts.need.without_arrays(), files=parts.need.files * len(workers)))
    return threads, room, parts


def _limits(cluster: Cluster, max_memory_bytes: int | None) -> list[int]:
    """Return the memory of each worker."""
    known: list[Any] = [one.memory_bytes for one in cluster.workers()]
    if None in known and max_memory_bytes is None:
        known += [int(PART_OF_FREE * free) for free in cluster.on_every_worker(free_bytes)]
    return [min(one, max_memory_bytes or one) for one in known if one] or [max_memory_bytes or 0]
