"""What every engine in the table owes the solvers, on one table of problems with known answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from problems import PROBLEMS, SHAPES, TERMS, exact_iteration, rms, scene
from sparsescope.engines import TABLE, Engine, HessianTerms, Iteration, pick
from sparsescope.engines.reference import NumpyEngine

ENGINES = list(TABLE)
DEFAULT = TERMS["default"]
Float32Array = npt.NDArray[np.float32]
Array = npt.NDArray[np.floating]


def published(engine: Engine, data: Float32Array, terms: HessianTerms = DEFAULT) -> Iteration:
    return engine.published(data, terms)


def optimum(engine: Engine, data: Float32Array, terms: HessianTerms = DEFAULT) -> Iteration:
    return engine.optimum(data, terms)


KINDS = [published, optimum]
Start = Callable[..., Iteration]


@cache
def exact(name: str, count: int) -> tuple[Array, Array]:
    """Return what exact linear solves give, once for all engines."""
    return exact_iteration(PROBLEMS[name], count)


@cache
def judged(shape: tuple[int, ...], terms: HessianTerms, count: int) -> tuple[Array, float]:
    """Return the optimum in double precision and how near it surely is, once for all engines."""
    judge = NumpyEngine(1, np.float64).optimum(scene(shape, seed=3), terms)
    judge.advance(count)
    return judge.estimate(), judge.distance_bound()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_published_iteration_follows_its_definition(name: str, engine: str) -> None:
    problem = PROBLEMS[name]
    iteration = pick(engine).published(problem.data, problem.terms)
    iteration.advance(60)
    estimate, split = exact(name, 60)
    np.testing.assert_allclose(iteration.estimate(), estimate, rtol=0, atol=3e-4)  # of inexact linear solves
    np.testing.assert_allclose(iteration.split(), split, rtol=0, atol=2e-3)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_optimum_is_as_near_as_its_own_bound_says(shape: tuple[int, ...], terms: HessianTerms, engine: str) -> None:
    data = scene(shape, seed=3)
    iteration, (best, bound) = pick(engine).optimum(data, terms), judged(shape, terms, 300)
    iteration.advance(60)
    assert rms(iteration.estimate() - best) <= iteration.distance_bound() + bound + 1e-7


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("start", KINDS)
@pytest.mark.parametrize("shape", [(33, 47), (5, 12, 13)])
def test_steps_taken_in_parts_are_the_same_steps(shape: tuple[int, ...], start: Start, engine: str) -> None:
    data = scene(shape)
    whole, parts = start(pick(engine), data), start(pick(engine), data)
    whole.advance(14)
    for count in (3, 4, 0, 1, 6):
        parts.advance(count)
        parts.estimate()
    assert np.array_equal(whole.estimate(), parts.estimate())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("start", KINDS)
@pytest.mark.parametrize("shape", [(33, 47), (5, 12, 13)])
def test_data_are_read_only_and_estimates_are_new_arrays(shape: tuple[int, ...], start: Start, engine: str) -> None:
    data = scene(shape)
    before = data.copy()
    data.setflags(write=False)
    iteration = start(pick(engine), data)
    iteration.advance(3)
    first = iteration.estimate()
    assert (first.dtype, first.shape) == (np.float32, shape)
    assert first.min() >= 0
    kept = first.copy()
    first += 1
    assert np.array_equal(iteration.estimate(), kept)
    iteration.advance(5)
    assert np.array_equal(first, kept + 1), "an estimate that was handed out changes no more"
    assert np.array_equal(data, before)


@pytest.mark.parametrize("engine", ENGINES)
def test_views_that_are_not_contiguous_are_read_as_they_are_seen(engine: str) -> None:
    whole = scene((40, 50))
    view = whole[::2, 10:33][::-1]
    for start in KINDS:
        a, b = start(pick(engine), view), start(pick(engine), view.copy())
        a.advance(4)
        b.advance(4)
        assert np.array_equal(a.estimate(), b.estimate())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(20, 30), (5, 24, 26)])
def test_the_split_variable_has_exact_zeros_where_the_soft_threshold_says(shape: tuple[int, ...], engine: str) -> None:
    data = scene(shape)
    exact, dual = NumpyEngine(1, np.float64).published(data, DEFAULT), np.zeros(shape)
    for _ in range(29):
        dual = np.clip(exact.g + dual, -1, 1)  # of the identity term: it follows from the estimates alone
        exact.advance(1)
    v = exact.g + dual
    expected = np.maximum(v - np.clip(v, -1, 1), 0)
    iteration = pick(engine).published(data, DEFAULT)
    iteration.advance(29)
    split = iteration.split()
    np.testing.assert_allclose(split, expected, rtol=0, atol=1e-3)
    assert 0.3 < np.mean(split == 0) < 0.99
    assert np.array_equal(split == 0, expected == 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_before_the_first_step_the_estimate_is_the_data_cut_at_zero(engine: str) -> None:
    data = scene((33, 47))
    assert data.min() < 0
    assert np.array_equal(published(pick(engine), data).estimate(), np.maximum(data, 0))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_item_is_worked_on_once(threads: int, engine: str) -> None:
    chosen = pick(engine, threads)
    for count in (0, 1, 4, 50):
        seen: list[int] = []
        chosen.each(lambda _, item, seen=seen: seen.append(item), range(count))
        assert sorted(seen) == list(range(count))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_hands_itself_or_one_of_its_kind_to_the_work(engine: str) -> None:
    given: list[Engine] = []
    pick(engine, 2).each(lambda chosen, _: given.append(chosen), range(9))
    assert {chosen.name for chosen in given} == {engine}
    data = scene((20, 20))
    a, b = published(given[0], data), published(pick(engine), data)
    a.advance(3)
    b.advance(3)
    assert np.array_equal(a.estimate(), b.estimate())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("items", [1, 9])
def test_an_error_in_the_work_comes_out(items: int, engine: str) -> None:
    def fail(chosen: Engine, item: int) -> None:
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        pick(engine, 2).each(fail, range(items))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_says_what_it_is(engine: str) -> None:
    assert pick(engine, 1).describe() == f"{engine}, 1 thread"
    assert pick(engine, 3).describe() == f"{engine}, 3 threads"
    assert pick(engine, 3).name == engine
    assert pick(engine, 3).threads == 3
    assert {type(pick(engine).ready(ndim)) for ndim in (2, 3, 4)} == {bool}


def test_an_engine_is_ready_for_what_has_been_compiled_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparsescope.engines import cpu, kernels_plane, kernels_separable, kernels_volume

    there = {kernels_plane.sweep, kernels_separable.correlate_rows, kernels_volume.duals}
    monkeypatch.setattr(cpu, "is_kept", lambda kernel: kernel in there)
    assert [pick("cpu").ready(ndim) for ndim in (2, 3, 4)] == [True, True, False]
    there.discard(kernels_separable.correlate_rows)
    assert not pick("cpu").ready(2)
