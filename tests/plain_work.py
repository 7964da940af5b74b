"""Functions that processes of a cluster import: plain ones, slow ones, and ones that end their process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def squared(shared: int, item: int) -> int:
    return shared * item**2


def slow(seconds: float, item: int) -> int:
    time.sleep(seconds)
    return item


def together(folder: str, item: int) -> bool:
    """Wait for the other of two items; return whether it came."""
    (Path(folder) / str(item)).touch()
    until = time.monotonic() + 30
    while not (Path(folder) / str(1 - item)).exists() and time.monotonic() < until:
        time.sleep(0.01)
    return (Path(folder) / str(1 - item)).exists()


def died_once(folder: str, item: int) -> int:
    """End the process in the middle of item 5, the first time that it is worked on."""
    mark = Path(folder) / "died"
    if item == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def deadly(_: object, item: int) -> int:
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def wrong(_: object, item: int) -> int:
    if item == 3:
        from sparsescope.errors import InputError

        raise InputError("frame 3 is damaged")
    return item


def opened(shared: dict[str, int], item: int) -> tuple[int, int]:
    """Count the calls with the same shared object in one process."""
    shared["calls"] = shared.get("calls", 0) + 1
    return os.getpid(), shared["calls"]


def slow_down() -> None:
    import slow_pieces

    slow_pieces.begin()


def speed_up() -> None:
    import slow_pieces

    slow_pieces.end()
