"""``--cluster``: the workers of a run, hired for all its files and given back at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import ClusterError
from . import say
from .exits import UsageError
from .flags import Computing

if TYPE_CHECKING:
    from ..image import Image
    from ..pipeline import Plan, Result
    from .jobs import Job


def check(computing: Computing, format: str, *, follow: bool) -> None:
    """Raise UsageError where the flags do not go with a cluster."""
    if computing.cluster is None:
        return
    if follow:
        raise UsageError("--follow works in this process, frame by frame: leave --cluster out")
    from ..scale.cluster_address import local_workers

    try:
        local_workers(computing.cluster)
    except ClusterError as error:
        raise UsageError(str(error)) from None
    if not format.startswith("ome-zarr"):
        raise UsageError(
            f"--cluster writes OME-Zarr, as its planes are written by many at once, and --format is {format}: add "
            "--format ome-zarr"
        )
    if computing.jobs > 1:
        raise UsageError("--cluster works on one file after another, with all workers: leave --jobs out")


@contextmanager
def hired(computing: Computing, *, wanted: bool, dry_run: bool, quiet: bool) -> Iterator[Any]:
    """Yield an open cluster; None where none is asked for, or there is nothing to do."""
    if computing.cluster is None or not wanted or dry_run:
        if computing.cluster is not None and dry_run:
            say.aside("no cluster is opened in a dry run: memory and time are those of one process on this machine")
        yield None
        return
    from ..scale.cluster_run import open_for

    with open_for(computing.cluster, threads=computing.threads, max_memory_bytes=computing.max_memory_bytes) as cluster:
        if not quiet:
            page = f"; dashboard {cluster.dashboard}" if cluster.dashboard else ""
            say.aside(f"{said(cluster)}{page}")
        for note in cluster.notes:
            say.aside(note)
        yield cluster


def said(cluster: Any) -> str:
    """Say who works."""
    workers = cluster.workers()
    threads = sorted({one.threads for one in workers})
    memory = sorted({one.memory_bytes or 0 for one in workers})
    each = f"{'–'.join(map(str, {threads[0]: 0, threads[-1]: 0}))} thread{'s' if threads[-1] > 1 else ''}"
    most = f", {say.size(memory[0])}" if memory[0] else ""
    return f"cluster: {len(workers)} worker{'s' if len(workers) > 1 else ''}, {each}{most} each"


def read(job: Job) -> Image:
    """Read the input so that workers can read it, too: plane by plane, by a path that says where it is."""
    return job.reading.read(job.source.absolute(), lazy=True)


def line(job: Job, image: Image, planned: Plan) -> None:
    """Print in one line what each worker will have in memory."""
    from ..scale.cluster_run import WORKER_BYTES, share

    _, room, parts = share(job.cluster, image, planned, job.threads, job.max_memory_bytes, job.target.parent)
    text = f"{say.size(parts.need.solver + WORKER_BYTES)} of {say.size(room.given or 0)}"
    say.table([("memory", text, f"in each of {len(job.cluster.workers())} workers, planned")])


def deconvolve(job: Job, image: Image, planned: Plan, journal: Any, report: Any) -> Result:
    """Deconvolve by the workers."""
    from ..scale.cluster_run import deconvolve_on

    return deconvolve_on(
        job.cluster, image, planned, journal, threads=job.threads, max_memory_bytes=job.max_memory_bytes,
        scratch_folder=job.target.parent.absolute(), on_progress=report,
    )  # fmt: skip
