"""Small linear algebra on one thread: several would only wait for each other; the only file with threadpoolctl."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class _Users:
    """How many are inside, and the limit that the first of them has set and the last lifts."""

    def __init__(self) -> None:
        self.lock, self.count = Lock(), 0
        self.limit: Any = None

    def enter(self) -> None:
        with self.lock:
            if self.count == 0:
                self.limit = _controller().limit(limits=1, user_api="blas")
            self.count += 1

    def leave(self) -> None:
        with self.lock:
            self.count -= 1
            if self.count == 0:
                self.limit.restore_original_limits()
                self.limit = None


_users = _Users()


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the linear algebra libraries to one thread inside; may be entered from several threads at once.

    Examples
    --------
    >>> with one_thread(), one_thread():
    ...     pass
    """
    _users.enter()
    try:
        yield
    finally:
        _users.leave()
