"""Richardson–Lucy as Richardson and Lucy wrote it: no acceleration, in the precision of its data; the yardstick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Blurring = Callable[[Any], Any]


@dataclass
class _State:
    data: Floats
    x: Floats


@dataclass(frozen=True)
class PlainRichardsonLucy:
    """``x⁺ = x · Hᵀ(f / (H x + b))``, from an even start.

    Parameters
    ----------
    blur : callable
        H, of unit sum and its own adjoint.
    iterations : int
        Iterations to take.
    background : float
        b, the even background that the blurred object is added to.

    References
    ----------
    Richardson, JOSA 62, 55 (1972); Lucy, Astron. J. 79, 745 (1974).
    """

    blur: Blurring
    iterations: int
    background: float = 0.0

    chunk: int = 100

    @property
    def limit(self) -> int:
        """Iterations to take."""
        return self.iterations

    def init(self, data: Floats) -> _State:
        """Start from the mean of the data less the background."""
        data = np.maximum(data, 0)
        start = max(float(data.mean()) - self.background, 1e-12)
        return _State(data, np.full_like(data, start))

    def step(self, state: _State, count: int) -> None:
        """Take `count` iterations."""
        tiny = np.finfo(state.x.dtype).tiny
        for _ in range(count):
            expected = np.maximum(self.blur(state.x) + self.background, tiny)
            state.x = np.maximum(state.x * self.blur(state.data / expected), 0)

    def done(self, state: _State) -> bool:
        """Return False: the iteration count is the regulariser."""
        return False

    def finish(self, state: _State) -> Floats:
        """Return the estimate."""
        return state.x
