"""Worker processes of this machine, and quiet about what happens to them."""

from __future__ import annotations

import contextlib
import logging
import signal
import warnings
from collections.abc import Iterator
from typing import Any, Final

from ..errors import ClusterError

FAILURES: Final = 3
"""So many workers may be lost with a task; the next one ends it."""


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep what the library logs about lost workers and connections from the terminal; errors say it in words."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("distributed", "tornado")]
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", *names)]
    before = [(one, one.level) for one in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(distributed|dask|tornado|bokeh)(\..*)?$")
        try:
            for one in loggers:
                one.setLevel(logging.CRITICAL + 1)
            yield
        finally:
            for one, level in before:
                one.setLevel(level)


def start(distributed: Any, count: int, threads: int, memory_bytes: int | None) -> Any:
    """Start processes on this machine that only this machine can reach."""
    try:
        with _spared_from_interrupts():
            return distributed.LocalCluster(
                n_workers=count, threads_per_worker=threads, memory_limit=memory_bytes or 0, processes=True,
                host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL + 1,
                scheduler_kwargs={"allowed_failures": FAILURES},
            )  # fmt: skip
    except (OSError, RuntimeError, TimeoutError) as error:
        raise ClusterError(
            f"{count} processes cannot be started ({error}): try fewer, --cluster local:{max(1, count // 2)}"
        ) from None


@contextlib.contextmanager
def _spared_from_interrupts() -> Iterator[None]:
    """Let processes that are started here, now or later, be ended by this one only, not by Ctrl-C in its terminal.

    Threads and processes begin with the signals blocked that their maker has blocked.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # lets signals through again in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
