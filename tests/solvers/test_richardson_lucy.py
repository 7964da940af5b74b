"""Richardson–Lucy: what expectation maximisation guarantees, and known answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from problems import disc, scene
from sparsescope.engines import Blur, pick
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.solvers.data_term import DataTerm
from sparsescope.solvers.loop import solve
from sparsescope.solvers.richardson_lucy import FLOOR, RichardsonLucy, step_length

Float32Array = npt.NDArray[np.float32]
SHAPE = (40, 44)
BEHIND = np.linspace(0.05, 0.3, SHAPE[1], dtype=np.float32) * np.ones(SHAPE, np.float32)
behinds = pytest.mark.parametrize("behind", [None, BEHIND], ids=["no background", "background"])


def term(fwhm_y: float = 3.0, fwhm_x: float = 2.5) -> DataTerm:
    return DataTerm(pick("cpu", 1).mirrored(gaussian_kernel1d(fwhm_y), gaussian_kernel1d(fwhm_x), SHAPE))


def gaussian(fwhm_y: float = 3.0, fwhm_x: float = 2.5) -> Blur:
    return term(fwhm_y, fwhm_x).imaging.forward


def photons(seed: int = 0) -> Float32Array:
    expected = 200 * gaussian()(np.maximum(scene(SHAPE, seed), 0)) + 2
    counts = np.random.default_rng(seed).poisson(expected)
    return (counts / counts.max()).astype(np.float32)


def likelihood(x: Float32Array, data: Float32Array, blur: Blur, behind: Float32Array | None) -> float:
    """Logarithm of the Poisson probability of the data, but for a constant."""
    expected = blur(x).astype(np.float64) + (0 if behind is None else behind)
    return float((data * np.log(expected) - expected).sum())


def test_without_background_the_sum_is_kept() -> None:
    data, solver = photons(), RichardsonLucy(term(), 50)
    state = solver.init(data)
    for _ in range(50):
        solver.step(state, 1)
        assert state.x.sum(dtype=np.float64) == pytest.approx(data.sum(dtype=np.float64), rel=1e-5)


@behinds
def test_every_step_raises_the_likelihood_over_the_point_it_starts_from(behind: Float32Array | None) -> None:
    data, blur = photons(), gaussian()
    solver = RichardsonLucy(term(), 30, behind)
    state = solver.init(data)
    for number in range(30):
        start = likelihood(solver.finish(state), data, blur, behind)
        solver.step(state, 1)
        assert likelihood(state.x, data, blur, behind) >= start - 1e-4
        if number == 0:
            assert np.array_equal(solver.finish(state), state.x), "the first step is not extrapolated"
            assert likelihood(state.x, data, blur, behind) > start + 0.3


@behinds
def test_an_object_that_explains_the_data_stays(behind: Float32Array | None) -> None:
    blur, true = gaussian(), np.maximum(scene(SHAPE), 0.01)
    data = blur(true) + (0 if behind is None else behind)
    solver = RichardsonLucy(term(), 20, behind)
    state = solver.init(data)
    state.x, state.before = true.copy(), true.copy()
    solver.step(state, 20)
    np.testing.assert_allclose(solver.finish(state), true, rtol=0, atol=5e-5)


@behinds
def test_one_step_is_the_formula(behind: Float32Array | None) -> None:
    data, blur = photons(), gaussian()
    start = np.maximum(data if behind is None else data - behind, FLOOR)
    expected = start * blur(data / (blur(start) + (0 if behind is None else behind)))
    value = solve(RichardsonLucy(term(), 1, behind), data).value
    np.testing.assert_allclose(value, np.maximum(expected, FLOOR), rtol=1e-5)


def test_three_accelerated_steps_are_the_published_formula() -> None:
    data, blur = photons(), gaussian()
    f = np.maximum(data, 1e-6).astype(np.float64)
    y, x_before, v_before = f, f, None
    for _ in range(3):
        x = np.maximum(y * blur((f / np.maximum(blur(y.astype(np.float32)), 1e-6)).astype(np.float32)), 1e-6)
        v = np.maximum(x - y, 1e-6)
        a = 0.0 if v_before is None else np.clip((v_before * v).sum() / (v_before**2).sum(), 1e-6, 1)
        y, x_before, v_before = np.maximum(x + a * (x - x_before), 1e-6), x, v
    np.testing.assert_allclose(solve(RichardsonLucy(term(), 3), data).value, y, rtol=1e-4, atol=1e-6)


def test_acceleration_reaches_in_few_steps_what_plain_steps_need_many_for() -> None:
    data, blur = photons(), gaussian()
    plain = solve(RichardsonLucy(term(), 0), data).value
    for _ in range(60):
        plain = plain * blur(data / blur(plain))
    assert likelihood(solve(RichardsonLucy(term(), 20), data).value, data, blur, None) > likelihood(
        plain, data, blur, None
    )


@behinds
def test_results_are_positive_whatever_the_data(behind: Float32Array | None) -> None:
    data = scene(SHAPE) - np.float32(0.3)
    assert data.min() < 0
    value = solve(RichardsonLucy(term(), 30, behind), data).value
    assert value.min() >= np.float32(1e-6)
    assert np.isfinite(value).all()


def test_a_blurred_point_becomes_a_point_again() -> None:
    point = np.zeros(SHAPE, np.float32)
    point[20, 21] = 10
    blurred = gaussian()(point)
    value = solve(RichardsonLucy(term(), 100), blurred).value
    assert np.unravel_index(value.argmax(), SHAPE) == (20, 21)
    assert value.max() > 6 * blurred.max()
    assert value[19:22, 20:23].sum() > 0.97 * 10


def test_a_background_in_the_model_takes_the_pedestal_away() -> None:
    true = disc(SHAPE, (20, 20), 8)
    data = gaussian()(true) + BEHIND
    value = solve(RichardsonLucy(term(), 60, BEHIND), data).value
    assert value[20, 20] == pytest.approx(1, abs=0.05)
    assert value[:8].max() < 0.02


def test_a_background_of_zero_is_no_background() -> None:
    data = photons()
    a = solve(RichardsonLucy(term(), 9), data).value
    assert np.array_equal(a, solve(RichardsonLucy(term(), 9, np.zeros(SHAPE, np.float32)), data).value)


@given(st.floats(1e-3, 1e3), st.floats(0.001, 4))
def test_the_step_length_is_the_projection_between_its_limits(square: float, factor: float) -> None:
    assert step_length(factor * square, square) == pytest.approx(min(1.0, factor))
    assert step_length(-factor * square, square) == FLOOR


def test_the_step_length_of_many_pixels_is_summed_exactly() -> None:
    arithmetic = term().imaging.arithmetic
    x = np.full((2000, 2000), 0.5, np.float32)
    change, sums = np.full_like(x, 0.1), np.empty((2, 2000))
    back = np.full_like(x, 1.1)
    arithmetic.multiply(x, x.copy(), 0.0, FLOOR, back, None)
    arithmetic.dots(change, back, (0,), sums)
    along, square = sums.sum(axis=1)
    assert along == pytest.approx(4e6 * 0.1 * 0.05, rel=1e-6)
    assert square == pytest.approx(4e6 * 0.05**2, rel=1e-6)
