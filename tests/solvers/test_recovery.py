"""Solvers for problems without noise: each against an answer that is known."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from scipy import optimize

from sparsescope.solvers.active_set import ActiveSetFinish
from sparsescope.solvers.loop import Outcome, Solution, solve
from sparsescope.solvers.plain_rl import PlainRichardsonLucy
from sparsescope.solvers.points import SparsePoints
from sparsescope.solvers.spectral import Response
from sparsescope.solvers.weighted_gradient import WeightedGradient

SHAPE = (12, 15)


def gaussian(shape: tuple[int, int] = SHAPE, sigma: float = 1.2) -> Response:
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    return Response(np.exp(-2 * (np.pi * sigma * f) ** 2), shape)


def run(solver: Any, data: np.ndarray) -> Solution:
    return solve(solver, cast(Any, data))


def few_points(seed: int, shape: tuple[int, int] = SHAPE, count: int = 7) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = np.zeros(shape)
    truth.flat[rng.choice(truth.size, count, replace=False)] = rng.uniform(0.5, 1, count)
    return truth


@pytest.mark.parametrize("shape", [(12, 15), (12, 16), (9, 8)])
def test_the_blur_is_its_own_adjoint_and_the_weighted_one_too(shape: tuple[int, int]) -> None:
    blur, rng = gaussian(shape), np.random.default_rng(0)
    x, y = rng.random(shape), rng.random(shape)
    assert np.vdot(blur(x), y) == pytest.approx(np.vdot(x, blur(y)))
    assert np.vdot(blur.weighted_adjoint(x, 1e-3), y) == pytest.approx(np.vdot(x, blur.weighted_adjoint(y, 1e-3)))


@pytest.mark.parametrize("shape", [(12, 15), (12, 16), (9, 8)])
def test_the_dense_columns_are_the_weighted_blur(shape: tuple[int, int]) -> None:
    blur, epsilon = gaussian(shape), 1e-9
    truth = few_points(1, shape)
    support = truth > 0
    np.testing.assert_allclose(
        blur.columns(support, epsilon) @ truth[support], blur.measured(blur(truth), epsilon), atol=1e-6
    )
    blur = gaussian(shape, 0.5)  # every frequency above the least that is used
    everything = blur.columns(np.ones(shape, bool), epsilon)
    gradient = everything.T @ blur.measured(blur(truth), epsilon) / truth.size
    np.testing.assert_allclose(gradient.reshape(shape), blur.weighted_adjoint(blur(truth), epsilon), atol=1e-6)


def test_weighted_gradients_come_near_and_the_active_set_is_exact() -> None:
    blur, truth = gaussian(), few_points(2)
    near = run(WeightedGradient(blur, 300), blur(truth))
    done = run(ActiveSetFinish(blur, np.asarray(near.value)), blur(truth))
    assert np.linalg.norm(near.value - truth) < 0.1 * np.linalg.norm(truth)
    assert done.outcome is Outcome.CONVERGED
    np.testing.assert_allclose(done.value, truth, atol=1e-9)


def test_the_active_set_finds_its_way_from_a_poor_guess() -> None:
    blur, truth = gaussian(sigma=0.8), few_points(3)
    guess = np.zeros(SHAPE)
    guess.flat[::5] = 1.0
    done = run(ActiveSetFinish(blur, guess, 0.5), blur(truth))
    np.testing.assert_allclose(done.value, truth, atol=1e-7)


def test_the_active_set_agrees_with_another_program_on_noisy_data() -> None:
    blur, epsilon = gaussian(sigma=0.7), 1e-6
    data = blur(few_points(4)) + 0.02 * np.random.default_rng(4).standard_normal(SHAPE)
    everything = blur.columns(np.ones(SHAPE, bool), epsilon)
    expected = optimize.nnls(everything, blur.measured(data, epsilon))[0].reshape(SHAPE)
    done = run(ActiveSetFinish(blur, np.maximum(data, 0), 0.05, epsilon), data)
    assert np.linalg.norm(done.value - expected) < 1e-5 * np.linalg.norm(expected)


def test_a_guess_with_too_many_pixels_is_cut_to_the_brightest() -> None:
    blur, truth = gaussian(), few_points(5)
    guess = truth + 1e-3 * np.random.default_rng(5).random(SHAPE) + 0.02
    done = run(ActiveSetFinish(blur, guess, 1e-2, largest=30), blur(truth))
    np.testing.assert_allclose(done.value, truth, atol=1e-8)


def test_plain_richardson_lucy_is_the_formula_and_keeps_the_flux() -> None:
    blur = gaussian()
    data = np.maximum(blur(few_points(6)), 0) + 0.01
    b, x = 0.004, np.full(SHAPE, data.mean() - 0.004)
    for _ in range(3):
        x = x * blur(data / (blur(x) + b))
    np.testing.assert_allclose(run(PlainRichardsonLucy(blur, 3, b), data).value, x, rtol=1e-12)
    without = run(PlainRichardsonLucy(blur, 50), data).value
    assert without.sum() == pytest.approx(data.sum())


def test_richardson_lucy_works_in_the_precision_of_its_data() -> None:
    blur = gaussian()
    data = np.maximum(blur(few_points(6)), 0).astype(np.float32)
    kept: list[np.dtype[Any]] = []

    def watching(plane: np.ndarray) -> np.ndarray:
        kept.append(plane.dtype)
        return blur(plane).astype(plane.dtype)

    assert run(PlainRichardsonLucy(watching, 2), data).value.dtype == np.float32
    assert set(kept) == {np.dtype("float32")}


def test_points_fulfil_their_conditions_of_optimality() -> None:
    rng = np.random.default_rng(7)
    matrix = rng.random((20, 12))
    data, weight = rng.random(20), 0.7
    step = 1 / np.linalg.norm(matrix, 2) ** 2
    x = run(SparsePoints(lambda v: matrix @ v, lambda r: matrix.T @ r, step, weight, 20_000), data).value
    gradient = matrix.T @ (matrix @ x - data) + weight
    assert (x >= 0).all()
    assert (gradient > -1e-8).all()
    assert np.abs(gradient[x > 0]).max() < 1e-8
    assert 0 < np.count_nonzero(x) < 12


def test_a_heavy_weight_leaves_nothing() -> None:
    data = np.ones(3)
    assert not run(SparsePoints(lambda v: v, lambda r: r, 1.0, 1.5, 50), data).value.any()
