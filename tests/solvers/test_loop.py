"""The one loop, and what every solver owes it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from problems import TERMS, scene
from sparsescope.engines import TABLE, Engine, pick
from sparsescope.optics.gaussian import gaussian_kernel1d, gaussian_psf
from sparsescope.solvers.data_term import DataTerm
from sparsescope.solvers.landweber import Landweber
from sparsescope.solvers.loop import Outcome, Solver, solve
from sparsescope.solvers.richardson_lucy import RichardsonLucy
from sparsescope.solvers.sparse_hessian import CertifiedHessian, PublishedHessian

Float32Array = npt.NDArray[np.float32]
PLANE, STACK = (29, 31), (5, 14, 15)


def term(engine: Engine, mask: Any = None) -> DataTerm:
    return DataTerm(engine.imaging((gaussian_kernel1d(2.5), gaussian_kernel1d(3.0)), PLANE), mask)


def volume(engine: Engine) -> DataTerm:
    return DataTerm(engine.imaging(gaussian_psf((3.0, 2.5, 2.0), 3), STACK))


BEHIND = np.full(PLANE, 0.1, np.float32)
MASK = np.random.default_rng(4).random(PLANE) > 0.1

SOLVERS = {
    "published": (PLANE, lambda e: PublishedHessian(e, TERMS["default"], 14)),
    "published, exact zeros": (PLANE, lambda e: PublishedHessian(e, TERMS["default"], 14, exact_zeros=True)),
    "published, stack": (STACK, lambda e: PublishedHessian(e, TERMS["default"], 14)),
    "published, exact solves": (PLANE, lambda e: PublishedHessian(e, TERMS["transform needed"], 14)),
    "certified": (PLANE, lambda e: CertifiedHessian(e, TERMS["default"], 1e-9, 13)),
    "certified, stack": (STACK, lambda e: CertifiedHessian(e, TERMS["default"], 1e-9, 13)),
    "richardson-lucy": (PLANE, lambda e: RichardsonLucy(term(e), 13)),
    "richardson-lucy with background": (PLANE, lambda e: RichardsonLucy(term(e), 13, BEHIND)),
    "richardson-lucy, masked": (PLANE, lambda e: RichardsonLucy(term(e, MASK), 13)),
    "richardson-lucy, volume": (STACK, lambda e: RichardsonLucy(volume(e), 13)),
    "landweber": (PLANE, lambda e: Landweber(term(e), 13)),
    "landweber with background": (PLANE, lambda e: Landweber(term(e), 13, BEHIND)),
    "landweber, masked": (PLANE, lambda e: Landweber(term(e, MASK), 13)),
    "landweber, volume": (STACK, lambda e: Landweber(volume(e), 13)),
}

every_solver = pytest.mark.parametrize("name", SOLVERS)
every_engine = pytest.mark.parametrize("engine", TABLE)


def made(name: str, engine: str = "cpu", **changes: Any) -> tuple[Solver[Any], Float32Array]:
    shape, make = SOLVERS[name]
    return replace(make(pick(engine, 2)), **changes), np.abs(scene(shape))


def inside(solver: Any, value: Float32Array) -> Float32Array:
    """The part of a result that lies in the field of the data."""
    return value[solver.term.imaging.field] if hasattr(solver, "term") else value


@every_engine
@every_solver
def test_the_limit_is_kept_and_the_result_is_new_and_not_negative(name: str, engine: str) -> None:
    solver, data = made(name, engine)
    before = data.copy()
    data.setflags(write=False)
    solution = solve(solver, data)
    assert solution.iterations == solver.limit == 13
    assert solution.value.dtype == np.float32
    assert solution.value.shape == (solver.term.imaging.object_shape if hasattr(solver, "term") else data.shape)
    assert solution.value.min() >= 0
    assert np.isfinite(solution.value).all()
    assert not np.shares_memory(solution.value, data)
    assert not np.array_equal(inside(solver, solution.value), data)
    assert np.array_equal(data, before)
    assert solution.seconds > 0


@every_engine
@every_solver
def test_how_iterations_are_cut_into_chunks_does_not_matter(name: str, engine: str) -> None:
    whole = solve(*made(name, engine, chunk=100)).value
    for chunk in (1, 4, 13):
        assert np.array_equal(solve(*made(name, engine, chunk=chunk)).value, whole)


@every_engine
@every_solver
def test_three_steps_and_four_are_seven(name: str, engine: str) -> None:
    solver, data = made(name, engine)
    whole, parts = solver.init(data), solver.init(data)
    solver.step(whole, 7)
    solver.step(parts, 3)
    solver.finish(parts)
    solver.done(parts)
    solver.step(parts, 4)
    assert np.array_equal(solver.finish(whole), solver.finish(parts))


@every_solver
def test_two_runs_are_the_same_run(name: str) -> None:
    solver, data = made(name)
    assert np.array_equal(solve(solver, data).value, solve(solver, data).value)


@every_solver
def test_progress_is_told_after_each_chunk(name: str) -> None:
    told: list[tuple[int, int]] = []
    solver, data = made(name, chunk=5)
    solve(solver, data, lambda done, limit: told.append((done, limit)))
    assert told == [(5, 13), (10, 13), (13, 13)]


@every_solver
def test_parameters_are_frozen(name: str) -> None:
    solver, _ = made(name)
    with pytest.raises(FrozenInstanceError):
        solver.chunk = 3  # type: ignore[misc]


@every_solver
def test_an_outcome_without_a_tolerance_is_completed_and_with_one_the_limit(name: str) -> None:
    outcome = solve(*made(name)).outcome
    assert outcome is (Outcome.LIMIT if "certified" in name else Outcome.COMPLETED)
    assert outcome.ok is ("certified" not in name)


@every_engine
def test_a_tolerance_that_is_proven_stops_the_run(engine: str) -> None:
    solver, data = made("certified", engine, tolerance=2e-3, limit=5000, chunk=7)
    told: list[tuple[int, int]] = []
    solution = solve(solver, data, lambda *at: told.append(at))
    assert solution.outcome is Outcome.CONVERGED
    assert solution.outcome.ok
    assert solution.iterations % 7 == 0
    assert 7 < solution.iterations < 5000
    assert told[-1] == (solution.iterations, 5000)
    short = solve(replace(solver, limit=solution.iterations - 7), data)
    assert short.outcome is Outcome.LIMIT, "one chunk less would not have done"


@every_engine
@every_solver
@pytest.mark.parametrize("value", [3e38, -3e38, np.inf, np.nan])
def test_a_numerical_failure_is_told_and_the_data_are_returned(name: str, engine: str, value: float) -> None:
    solver, data = made(name, engine)
    data[..., 5, 5] = value
    solution = solve(solver, data)
    assert solution.outcome in (Outcome.NOT_FINITE, Outcome.COMPLETED, Outcome.LIMIT)
    if solution.outcome is Outcome.NOT_FINITE:
        assert not solution.outcome.ok
        assert np.array_equal(solution.value, data, equal_nan=True)
        assert not np.shares_memory(solution.value, data)
    else:
        assert np.isfinite(data).all()
        assert np.isfinite(solution.value).all()
    if "published" in name or not np.isfinite(value):
        assert solution.outcome is Outcome.NOT_FINITE


@every_engine
def test_a_gap_that_overflows_never_counts_as_converged(engine: str) -> None:
    solver, data = made("certified", engine, tolerance=0.5)
    data[5, 5] = 3e38
    assert solve(solver, data).outcome is not Outcome.CONVERGED


@pytest.mark.parametrize("name", ["published", "published, stack", "richardson-lucy", "landweber"])
def test_no_iterations_return_the_data_cut_at_zero(name: str) -> None:
    solver, data = made(name, iterations=1 if "published" in name else 0)
    data = data - np.float32(0.2)
    told: list[int] = []
    solution = solve(solver, data, lambda done, _: told.append(done))
    assert (solution.iterations, told, solution.outcome) == (0, [], Outcome.COMPLETED)
    np.testing.assert_allclose(inside(solver, solution.value), np.maximum(data, 0), rtol=0, atol=1.1e-6)


@dataclass(frozen=True)
class Halving:
    """Halves a number; knows when it is small."""

    limit: int
    chunk: int
    enough: float = 0.0
    tolerance: float | None = None

    def init(self, data: Float32Array) -> list[float]:
        return [float(data[0])]

    def step(self, state: list[float], count: int) -> None:
        assert count > 0
        for _ in range(count):
            state.append(state[-1] / 2)

    def done(self, state: list[float]) -> bool:
        return state[-1] <= self.enough

    def finish(self, state: list[float]) -> Float32Array:
        return np.array(state[-1:], np.float32)


@pytest.mark.parametrize(
    ("solver", "iterations", "value", "outcome"),
    [
        (Halving(10, 4), 10, 1.0, Outcome.COMPLETED),
        (Halving(10, 100), 10, 1.0, Outcome.COMPLETED),
        (Halving(0, 4), 0, 1024.0, Outcome.COMPLETED),
        (Halving(100, 4, enough=256.0), 4, 64.0, Outcome.CONVERGED),
        (Halving(100, 1, enough=256.0), 2, 256.0, Outcome.CONVERGED),
        (Halving(3, 1, enough=1.0, tolerance=1.0), 3, 128.0, Outcome.LIMIT),
        (Halving(10, 5, enough=1.0, tolerance=1.0), 10, 1.0, Outcome.CONVERGED),
    ],
    ids=str,
)
def test_the_loop_steps_in_chunks_looks_and_stops(
    solver: Halving, iterations: int, value: float, outcome: Outcome
) -> None:
    solution = solve(solver, np.array([1024.0], np.float32))
    assert (solution.iterations, float(solution.value[0]), solution.outcome) == (iterations, value, outcome)


def test_every_outcome_that_is_not_ok_names_a_remedy() -> None:
    assert [outcome for outcome in Outcome if outcome.ok] == [Outcome.COMPLETED, Outcome.CONVERGED]
    for outcome in Outcome:
        assert outcome.ok or "--" in outcome.value
