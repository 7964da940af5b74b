"""Landweber: least squares under x ≥ 0, as fast as theory says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import optimize

from problems import matrix, scene
from sparsescope.engines import Blur, pick
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.solvers.data_term import DataTerm
from sparsescope.solvers.landweber import Landweber
from sparsescope.solvers.loop import solve

Float32Array = npt.NDArray[np.float32]
SHAPE = (8, 9)


def term(fwhm: float) -> DataTerm:
    return DataTerm(pick("cpu", 1).mirrored(gaussian_kernel1d(fwhm), gaussian_kernel1d(fwhm), SHAPE))


def gaussian(fwhm: float) -> Blur:
    return term(fwhm).imaging.forward


def least_squares(data: Float32Array, fwhm: float) -> npt.NDArray[np.float64]:
    dense = matrix(lambda x: gaussian(fwhm)(x.astype(np.float32)), SHAPE)
    return optimize.nnls(dense, data.ravel().astype(np.float64))[0].reshape(SHAPE)


def half_square(x: npt.NDArray[np.floating], data: Float32Array, fwhm: float) -> float:
    residual = gaussian(fwhm)(x.astype(np.float32)).astype(np.float64) - data
    return float((residual**2).sum() / 2)


def test_it_converges_to_the_least_squares_solution_that_is_not_negative() -> None:
    data = scene(SHAPE, seed=2) - np.float32(0.4)
    expected = least_squares(data, 1.2)
    assert (expected == 0).any()
    np.testing.assert_allclose(solve(Landweber(term(1.2), 3000), data).value, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("fwhm", [1.2, 2.5, 4.0])
def test_the_objective_falls_as_fast_as_theory_says(fwhm: float) -> None:
    """f(x_k) − f* ≤ 2 ‖x_0 − x*‖² / (k + 1)² with step 1/L = 1 (Beck & Teboulle 2009, theorem 4.4)."""
    data, solver = scene(SHAPE, seed=2), Landweber(term(fwhm), 1)
    best = least_squares(data, fwhm)
    state = solver.init(data)
    distance = float(((state.x - best) ** 2).sum())
    least = half_square(best, data, fwhm)
    for k in range(1, 150):
        solver.step(state, 1)
        assert half_square(state.x, data, fwhm) - least <= 2 * distance / (k + 1) ** 2 + 1e-6


def test_momentum_reaches_in_few_steps_what_plain_steps_need_many_for() -> None:
    data, blur = scene(SHAPE, seed=2), gaussian(2.5)
    x = np.maximum(data, 0)
    for _ in range(150):
        x = np.maximum(0, x + blur(data - blur(x)))
    fast = solve(Landweber(term(2.5), 40), data).value
    assert half_square(fast, data, 2.5) < half_square(x, data, 2.5)


def test_the_first_three_steps_are_the_formula() -> None:
    data, blur = scene(SHAPE, seed=2), gaussian(2.0)
    x = y = np.maximum(data, 0)
    t = 1.0
    for count in (1, 2, 3):
        new = np.maximum(0, y + blur(data - blur(y)))
        after = (1 + np.sqrt(1 + 4 * t**2)) / 2
        x, y, t = new, (new + (t - 1) / after * (new - x)).astype(np.float32), after
        np.testing.assert_allclose(solve(Landweber(term(2.0), count), data).value, x, rtol=0, atol=2e-6)


def test_an_object_that_explains_the_data_stays() -> None:
    blur, true = gaussian(2.5), np.maximum(scene(SHAPE), 0)
    solver = Landweber(term(2.5), 30)
    state = solver.init(blur(true))
    state.x, state.before = true.copy(), true.copy()
    solver.step(state, 30)
    np.testing.assert_allclose(solver.finish(state), true, rtol=0, atol=2e-6)


def test_a_background_is_taken_from_the_data() -> None:
    data, behind = scene(SHAPE, seed=2), np.full(SHAPE, 0.25, np.float32)
    a = solve(Landweber(term(2.0), 20, behind), data + behind).value
    np.testing.assert_allclose(a, solve(Landweber(term(2.0), 20), data).value, rtol=0, atol=5e-6)
