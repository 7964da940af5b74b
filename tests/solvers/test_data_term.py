"""The masked data term: what is seen, what is held, and what both methods keep on a domain larger than the data."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import optimize

from problems import matrix, scene
from sparsescope.engines import Imaging, pick
from sparsescope.optics.gaussian import gaussian_kernel1d, gaussian_psf
from sparsescope.solvers.data_term import LEAST_SEEN, DataTerm
from sparsescope.solvers.landweber import Landweber
from sparsescope.solvers.loop import solve
from sparsescope.solvers.richardson_lucy import FLOOR, RichardsonLucy

Float32Array = npt.NDArray[np.float32]


def plane(shape: tuple[int, ...] = (14, 15), fwhm: float = 3.0, factor: int = 1) -> Imaging:
    kernel = gaussian_kernel1d(fwhm * factor)
    return pick("cpu", 1).imaging((kernel, kernel), shape, factor)


def volume() -> Imaging:
    return pick("cpu", 2).imaging(gaussian_psf((2.0, 1.5, 1.5), 3), (4, 7, 8))


def holes(shape: tuple[int, ...], part: float = 0.1) -> npt.NDArray[np.bool_]:
    return np.random.default_rng(2).random(shape) > part


TERMS = {
    "plane": lambda: DataTerm(plane()),
    "plane with holes": lambda: DataTerm(plane(), holes((14, 15))),
    "two times finer": lambda: DataTerm(plane(factor=2)),
    "three times finer with holes": lambda: DataTerm(plane((9, 8), factor=3), holes((9, 8))),
    "volume": lambda: DataTerm(volume()),
    "volume with holes": lambda: DataTerm(volume(), holes((4, 7, 8))),
}
TERMS = {name: cache(make) for name, make in TERMS.items()}
every_term = pytest.mark.parametrize("make", TERMS.values(), ids=TERMS)


@cache
def dense(term: DataTerm) -> npt.NDArray[np.float64]:
    """H with the rows of data that do not count set to zero."""
    whole = matrix(lambda x: term.imaging.forward(x.astype(np.float32)), term.imaging.object_shape)
    return whole if term.mask is None else whole * term.mask.reshape(-1, 1)


def data_of(term: DataTerm, seed: int = 0) -> Float32Array:
    data = np.abs(scene(term.imaging.data_shape, seed)) + np.float32(0.02)
    return data if term.mask is None else np.where(term.mask, data, np.float32(0.9))


@every_term
def test_weights_are_one_over_what_the_data_that_count_see(make: Any) -> None:
    term = make()
    seen = dense(term).sum(0).reshape(term.imaging.object_shape)
    assert term.weights is not None
    free = seen >= LEAST_SEEN * term.imaging.gain * 1.001
    np.testing.assert_allclose(term.weights[free], 1 / seen[free], rtol=2e-3)
    assert (term.weights[seen < LEAST_SEEN * term.imaging.gain * 0.999] == 0).all()
    assert 0.2 < free.mean() < 1


@every_term
def test_what_an_object_explains_is_the_sum_over_the_data_that_count(make: Any) -> None:
    term = make()
    x = np.random.default_rng(0).random(term.imaging.object_shape, dtype=np.float32)
    assert term.explained(x) == pytest.approx(float((dense(term) @ x.ravel()).sum()), rel=1e-5)


@every_term
def test_the_first_estimate_continues_the_data_by_their_border(make: Any) -> None:
    term = make()
    factor = round(term.imaging.gain**-0.5)
    data = scene(term.imaging.data_shape)
    x = term.first(data)
    assert x.shape == term.imaging.object_shape
    assert np.array_equal(x[term.imaging.field][..., ::factor, ::factor], data)
    assert (x[..., 0, 0] == x[..., 1, 1]).all()
    assert np.array_equal(x[0] if data.ndim == 2 else x[:, 0], x[1] if data.ndim == 2 else x[:, 1])


@every_term
def test_a_step_of_richardson_lucy_is_the_formula(make: Any) -> None:
    term = make()
    h, data = dense(term), data_of(term)
    start = np.maximum(term.first(data), FLOOR).astype(np.float64)
    expected = np.maximum(h @ start.ravel(), FLOOR)
    counted = data.ravel() if term.mask is None else np.where(term.mask, data, 0).ravel()
    assert term.weights is not None
    new = start * (h.T @ (counted / expected)).reshape(start.shape) * term.weights
    new = np.where(term.weights > 0, np.maximum(new, FLOOR), start)
    np.testing.assert_allclose(solve(RichardsonLucy(term, 1), data).value, new, rtol=2e-4, atol=1e-6)


@every_term
def test_every_step_of_richardson_lucy_explains_the_light_measured(make: Any) -> None:
    """Σ m H x = Σ m f for every x, but for what voxels that are held add."""
    term = make()
    data = data_of(term)
    measured = float((data if term.mask is None else data[term.mask]).sum(dtype=np.float64))
    solver = RichardsonLucy(term, 20)
    state = solver.init(data)
    for _ in range(20):
        solver.step(state, 1)
        assert term.explained(state.x) == pytest.approx(measured, rel=0.01)


@every_term
@pytest.mark.parametrize("method", [RichardsonLucy, Landweber])
def test_masked_values_do_not_matter_and_constants_stay(make: Any, method: Any) -> None:
    term = make()
    flat = np.full(term.imaging.data_shape, 0.6, np.float32)
    value = solve(method(term, 12), flat).value[term.imaging.field]
    np.testing.assert_allclose(value, 0.6, rtol=2e-3)
    if term.mask is None:
        return
    start = np.full([p.stop - p.start for p in term.imaging.field], 0.5, np.float32)
    a, b = (
        solve(method(term, 12, None, start), np.where(term.mask, data_of(term), np.float32(wrong))).value
        for wrong in (0, 9)
    )
    assert np.array_equal(a, b)


@every_term
def test_the_objective_of_landweber_falls_as_fast_as_theory_says(make: Any) -> None:
    """f(x_k) − f* ≤ 2 ‖x_0 − x*‖²_{1/W} / (k + 1)² with steps W = 1 / Hᵀm (Beck & Teboulle 2009, theorem 4.4)."""
    term = make()
    if np.prod(term.imaging.object_shape) > 1500:
        pytest.skip("the dense problem is too large for an exact answer")
    data, h = data_of(term), dense(term)
    assert term.weights is not None
    free = term.weights.ravel() > 0
    counted = data.ravel() if term.mask is None else np.where(term.mask, data, 0).ravel()
    solver = Landweber(term, 1)
    state = solver.init(data)
    start = state.x.ravel().astype(np.float64)
    held = h[:, ~free] @ start[~free]
    best = optimize.nnls(h[:, free], counted - held)[0]
    distance = float(((start[free] - best) ** 2 / term.weights.ravel()[free]).sum())
    least = float(((h[:, free] @ best + held - counted) ** 2).sum() / 2)
    for k in range(1, 60):
        solver.step(state, 1)
        now = float(((h @ state.x.ravel().astype(np.float64) - counted) ** 2).sum() / 2)
        assert now - least <= 2 * distance / (k + 1) ** 2 + 1e-5
        assert np.array_equal(state.x.ravel()[~free], start[~free].astype(np.float32))


def test_in_a_hole_wider_than_the_psf_the_first_estimate_is_held() -> None:
    mask = np.ones((40, 41), bool)
    mask[8:32, 8:32] = False
    term = DataTerm(plane((40, 41), 2.0), mask)
    data = np.abs(scene((40, 41)))
    value = solve(RichardsonLucy(term, 20), data).value[term.imaging.field]
    assert np.array_equal(value[16:24, 16:24], np.maximum(data, np.float32(FLOOR))[16:24, 16:24])
    assert not np.array_equal(value[:6], data[:6])


def test_where_everything_is_fully_seen_there_are_no_weights() -> None:
    kernel = gaussian_kernel1d(2.0)
    assert DataTerm(pick("cpu").mirrored(kernel, kernel, (9, 9))).weights is None
    assert DataTerm(pick("cpu").mirrored(kernel, kernel, (9, 9)), holes((9, 9))).weights is not None
