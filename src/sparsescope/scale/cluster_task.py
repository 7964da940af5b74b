"""What runs in the process of a worker around each task."""

from __future__ import annotations

import ctypes
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

from ..io.lazy import in_this_thread

_TURN = threading.Lock()
"""Held by the task that a worker's process works on: memory is planned for one, which uses all its threads."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of parameters in ``malloc.h`` of the GNU C library."""

_content: dict[str, bytes] = {}
"""What is shared, as it was sent."""

_opened: dict[str, Any] = {}
"""What is shared, as it is used: files stay open and solvers ready from one task to the next."""


def hold(token: str, content: bytes) -> None:
    """Take what is shared between tasks."""
    _keep_freed_memory()
    _content[token] = content


def _keep_freed_memory() -> None:
    """Let the memory of an array that is freed be used for the next one, as in a process of its own.

    Dask has its workers give it back to the system at once, which costs a page fault for each 4 kB of each array: a
    third of the time of a plane. The thresholds are those that the GNU C library comes to by itself.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for what, most in ((_MMAP_THRESHOLD, 2**25), (_TRIM_THRESHOLD, 2**26)):
            mallopt(what, most)


def release(token: str) -> None:
    """Let go of what was shared."""
    _content.pop(token, None)
    _opened.pop(token, None)


def call(function: Callable[[Any, Any], Any], token: str, item: Any) -> tuple[Any]:
    """Work on one item; return what was found in a tuple, so that it is never None."""
    with _TURN, in_this_thread():
        if token not in _opened:
            _opened[token] = pickle.loads(_content[token])
        return (function(_opened[token], item),)


def busy(dask_worker: Any) -> bool:
    """Whether a worker is at work."""
    return bool(dask_worker.state.executing_count)
