"""The one loop of all iterations: limit, stopping, finiteness, timing and progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from ..engines.parts import slabs, whole_place

Float32Array = npt.NDArray[np.float32]


class Outcome(Enum):
    """How a run ended; the value is the sentence shown to the user, with the remedy where one is needed."""

    COMPLETED = "all iterations done"
    CONVERGED = "converged: the distance to the optimum is proven to be within the tolerance"
    LIMIT = (
        "stopped at the iteration limit before the tolerance was proven: "
        "allow a larger tolerance (--tolerance) or more fidelity (--fidelity)"
    )
    NOT_FINITE = (
        "numerical failure: the result is not finite, the input is returned instead; "
        "lower the fidelity (--fidelity) or check the image for extreme values (sparsescope info)"
    )

    @property
    def ok(self) -> bool:
        """Whether the result is what was asked for."""
        return self in (Outcome.COMPLETED, Outcome.CONVERGED)


State = TypeVar("State")


class Solver(Protocol[State]):
    """Frozen parameters of a method and its four verbs; `limit` and `chunk` are read by :func:`solve`."""

    @property
    def limit(self) -> int:
        """Iterations at most."""

    @property
    def chunk(self) -> int:
        """Iterations between two looks at the state."""

    def init(self, data: Float32Array) -> State:
        """Return the first state for these data; the data are not written into."""

    def step(self, state: State, count: int) -> None:
        """Take `count` iterations."""

    def done(self, state: State) -> bool:
        """Whether the state is known to be good enough."""

    def finish(self, state: State) -> Float32Array:
        """Return the result of the state as a new array."""


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver returned.

    Attributes
    ----------
    value : array
        The result; where the run failed numerically, a copy of the data.
    iterations : int
        Iterations taken.
    outcome : Outcome
        How the run ended.
    seconds : float
        Wall time.
    """

    value: Float32Array
    iterations: int
    outcome: Outcome
    seconds: float


def solve(solver: Solver[State], data: Float32Array, on_step: Callable[[int, int], None] | None = None) -> Solution:
    """Run a solver to its end.

    Parameters
    ----------
    solver : Solver
        The method with its parameters.
    data : array, float32
        What is to be explained; never written into.
    on_step : callable, optional
        Called with (iterations done, limit) after each chunk.

    Returns
    -------
    Solution
        With an outcome for every way to end: a numerical failure is reported there, not as NaN in the result.
    """
    started = time.perf_counter()
    taken, converged = 0, False
    with np.errstate(all="ignore"):  # what overflows is told by the outcome
        state = solver.init(data)
        while taken < solver.limit and not converged:
            count = min(solver.chunk, solver.limit - taken)
            solver.step(state, count)
            taken += count
            converged = solver.done(state)
            if on_step:
                on_step(taken, solver.limit)
        value = solver.finish(state)
    finite = _finite(value) and _finite(data)  # kernels may take a NaN for a number
    outcome = _outcome(solver, converged) if finite else Outcome.NOT_FINITE
    failed = data.copy() if isinstance(data, np.ndarray) else data
    return Solution(value if finite else failed, taken, outcome, time.perf_counter() - started)


def _finite(array: Float32Array) -> bool:
    if isinstance(array, np.ndarray):
        return bool(np.isfinite(array.sum(dtype=np.float64)))
    return all(_finite(np.asarray(array[part])) for part in slabs(whole_place((), array.shape)))


def _outcome(solver: Solver[State], converged: bool) -> Outcome:
    if converged:
        return Outcome.CONVERGED
    return Outcome.LIMIT if getattr(solver, "tolerance", None) is not None else Outcome.COMPLETED
