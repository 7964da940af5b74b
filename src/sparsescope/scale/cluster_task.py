"""What runs in the process of a worker around each task."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

from ..io.lazy import in_this_thread

_TURN = threading.Lock()
"""Held by the task that a worker's process works on: memory is planned for one, which uses all its threads."""

_content: dict[str, bytes] = {}
"""What is shared, as it was sent."""

_opened: dict[str, Any] = {}
"""What is shared, as it is used: files stay open and solvers ready from one task to the next."""


def hold(token: str, content: bytes) -> None:
    """Take what is shared between tasks."""
    _content[token] = content


def release(token: str) -> None:
    """Let go of what was shared."""
    _content.pop(token, None)
    _opened.pop(token, None)


def call(function: Callable[[Any, Any], Any], token: str, item: Any) -> Any:
    """Work on one item."""
    with _TURN, in_this_thread():
        if token not in _opened:
            _opened[token] = pickle.loads(_content[token])
        return function(_opened[token], item)


def busy(dask_worker: Any) -> bool:
    """Whether a worker is at work."""
    return bool(dask_worker.state.executing_count)
