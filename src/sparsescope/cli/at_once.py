"""Several files at once, each in a process of its own; what they print comes out in the order of the files."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any

from . import say
from .batch import attempt, end, named
from .flags import Computing
from .jobs import Job

Action = Callable[[Job], dict[str, Any]]


@dataclass(frozen=True)
class Share:
    """What each of several jobs may use."""

    jobs: int
    threads: int | None
    max_memory_bytes: int | None

    @classmethod
    def of(cls, computing: Computing, files: int, *, dry_run: bool = False) -> Share:
        """Share threads and memory out evenly among as many jobs as there are files for."""
        most = computing.max_memory_bytes
        jobs = 1 if dry_run else max(1, min(computing.jobs, files))
        if jobs == 1:
            return cls(1, computing.threads, most)
        from ..engines import pick
        from ..pipeline.room import PART_OF_FREE, free_bytes

        memory = int(PART_OF_FREE * free_bytes()) if most is None else most
        return cls(jobs, max(1, pick("auto", computing.threads).threads // jobs), memory // jobs)


@dataclass(frozen=True)
class Said:
    """What became of a job in another process: its document or the reason of its failure, and what it printed."""

    document: dict[str, Any] | None
    reason: str
    out: str = ""
    err: str = ""


LOST = "the process that worked on it was ended from outside, perhaps as memory ran out: try --jobs 1 or --max-memory"


def quietly(job: Job, action: Action) -> Said:
    """Do one job and keep what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        document, reason = attempt(lambda _: action(replace(job, quiet=True)), job.source)
    return Said(say.plainly(document), reason, out.getvalue(), err.getvalue())


def go_through_at_once(
    jobs: Iterable[Job], action: Action, failures: Mapping[str, str], at_once: int
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Do jobs several at once and say what failed; the order of what comes out is that of the jobs.

    A process that is ended from outside takes the others of its pool with it: their files are done again, one by one,
    so that only the file that ended it fails.

    Parameters
    ----------
    jobs : iterable of Job
        What is to be done.
    action : callable
        A function of a module, which does the work of one.
    failures : mapping
        Reasons by name of what has failed before.
    at_once : int
        How many processes work.

    Returns
    -------
    documents, failures
        As of :func:`go_through`.
    """
    jobs, documents, failed = list(jobs), list[dict[str, Any]](), dict(failures)
    for name, reason in failed.items():
        say.error(f"{name}: {reason}")
    with _pool(at_once) as pool:
        waiting = [pool.submit(quietly, job, action) for job in jobs]
        try:
            for number, (job, future) in enumerate(zip(jobs, waiting, strict=True), start=1):
                said = _result(future, job, action)
                sys.stdout.write(said.out)
                sys.stderr.write(said.err)
                if said.document is None:
                    failed[str(job.source)] = said.reason
                    say.error(named(said.reason, job.source))
                else:
                    documents.append(said.document)
                if not job.quiet:
                    state = "failed" if said.document is None else f"done, {say.plain(job.target)}"
                    say.aside(f"[{number}/{len(jobs)}] {say.plain(job.source)}: {state}")
        finally:
            for future in waiting:
                future.cancel()
    end(failed, len(jobs) + len(failures))
    return documents, failed


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _result(future: Future[Said], job: Job, action: Action) -> Said:
    try:
        return future.result()
    except BrokenProcessPool:
        with _pool(1) as alone:
            try:
                return alone.submit(quietly, job, action).result()
            except BrokenProcessPool:
                return Said(None, LOST)
