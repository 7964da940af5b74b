"""Engines are tested with the threads that they take for a user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparsescope.engines.cpu import available_threads


@pytest.fixture(scope="module", autouse=True)
def every_core() -> Iterator[None]:
    """Undo `one_thread` here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sparsescope.engines.cpu.available_threads", available_threads)
        yield
