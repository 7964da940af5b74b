"""Loaded by workers (``DASK_DISTRIBUTED__WORKER__PRELOAD``): waits after each plane, so that they can be hit."""

from __future__ import annotations

import time
from typing import Any

from sparsescope.pipeline import piecework

_put = piecework.Piecework._put


def slow(*given: Any) -> None:
    _put(*given)
    time.sleep(0.05)


def begin() -> None:
    piecework.Piecework._put = slow  # type: ignore[method-assign]


def end() -> None:
    piecework.Piecework._put = _put  # type: ignore[method-assign]


def dask_setup(worker: object) -> None:
    """Called where it is preloaded: importing alone, as the search for doctests does, slows nothing down."""
    begin()
