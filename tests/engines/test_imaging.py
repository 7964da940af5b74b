"""Image formation of every engine is its dense matrix, with its exact transpose, on the extended domain."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from problems import matrix
from sparsescope.engines import Imaging, pick
from sparsescope.engines.imaging import FAINT
from sparsescope.engines.reference import NumpyEngine
from sparsescope.optics.gaussian import gaussian_kernel1d

Float32Array = npt.NDArray[np.float32]
Shape = tuple[int, ...]


def line(length: int, seed: int) -> Float32Array:
    """A kernel of odd length that is neither symmetric nor flat."""
    weights = np.random.default_rng(seed).random(length) ** 3 + 0.01
    return (weights / weights.sum()).astype(np.float32)


def lines(lengths: Shape, seed: int = 0) -> list[Float32Array]:
    return [line(n, seed + i) for i, n in enumerate(lengths)]


def solid(lengths: Shape, seed: int = 0) -> Float32Array:
    """A PSF of odd lengths that is not separable and has no symmetry."""
    psf = np.random.default_rng(seed).random(lengths) ** 4
    return (psf / psf.sum()).astype(np.float32)


def dense(psf: Float32Array, operator: Imaging, factor: int) -> npt.NDArray[np.float64]:
    """H, pixel by pixel from what a PSF and a camera pixel are."""
    fine = tuple(
        n * (factor if axis >= len(operator.data_shape) - 2 else 1) for axis, n in enumerate(operator.data_shape)
    )
    psf = psf.reshape((1,) * (len(fine) - psf.ndim) + psf.shape).astype(np.float64)
    middle = np.array(psf.shape) // 2
    first = np.array([part.start for part in operator.field])
    places = [np.indices(shape).reshape(len(fine), -1) for shape in (fine, operator.object_shape)]
    apart = places[0][:, :, None] + (first + middle)[:, None, None] - places[1][:, None, :]
    inside = ((apart >= 0) & (apart < np.array(psf.shape)[:, None, None])).all(0)
    big = np.where(inside, psf[tuple(np.where(inside, apart, 0))], 0)
    *lead, height, width = operator.data_shape
    big = big.reshape(*lead, height, factor, width, factor, -1).mean((-4, -2))
    return big.reshape(int(np.prod(operator.data_shape)), -1)


CASES: dict[str, tuple[Shape, Shape, int]] = {
    "odd": ((7, 9), (3, 5), 1),
    "even": ((6, 8), (5, 3), 1),
    "one pixel": ((1, 1), (3, 5), 1),
    "one row": ((1, 8), (3, 7), 1),
    "one column": ((8, 1), (5, 3), 1),
    "wider than the image": ((4, 3), (9, 11), 1),
    "a point": ((4, 5), (1, 1), 1),
    "stack of planes": ((3, 4, 5), (3, 5), 1),
    "volume": ((4, 3, 4), (3, 5, 3), 1),
    "one plane deep": ((1, 4, 3), (5, 3, 3), 1),
    "deeper than the volume": ((2, 2, 3), (9, 3, 3), 1),
    "two times finer": ((4, 5), (5, 7), 2),
    "three times finer": ((3, 2), (5, 3), 3),
    "finer volume": ((3, 2, 3), (3, 5, 3), 2),
    "finer stack": ((2, 2, 3), (3, 5), 2),
    "one pixel, eight times finer": ((1, 1), (7, 9), 8),
}
ENGINES = {
    "cpu, 1 thread": lambda: pick("cpu", 1),
    "cpu, 2 threads": lambda: pick("cpu", 2),
    "numpy": lambda: pick("numpy"),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
both_kinds = pytest.mark.parametrize("separable", [True, False], ids=["separable", "any"])


def made(engine: Any, case: tuple[Shape, Shape, int], separable: bool) -> tuple[Imaging, Float32Array]:
    shape, lengths, factor = case
    if separable:
        kernels = lines(lengths)
        return engine.imaging(kernels, shape, factor), reduce(np.multiply.outer, kernels)
    psf = solid(lengths)
    return engine.imaging(psf, shape, factor), psf


@every_engine
@both_kinds
@every_case
def test_forward_and_adjoint_are_the_dense_matrix(case: tuple[Shape, Shape, int], separable: bool, engine: Any) -> None:
    operator, psf = made(engine(), case, separable)
    expected = dense(psf, operator, case[2])
    forward = matrix(lambda x: operator.forward(x.astype(np.float32)), operator.object_shape)
    np.testing.assert_allclose(forward, expected, rtol=0, atol=3e-7)
    adjoint = matrix(lambda r: operator.adjoint(r.astype(np.float32)), operator.data_shape)
    np.testing.assert_allclose(adjoint, expected.T, rtol=0, atol=3e-7)
    norm = np.linalg.norm(expected, 2)
    assert norm**2 <= operator.gain * (1 + 1e-6)


@every_engine
@both_kinds
@every_case
def test_a_sandwich_is_adjoint_turn_forward(case: tuple[Shape, Shape, int], separable: bool, engine: Any) -> None:
    operator, _ = made(engine(), case, separable)
    rng = np.random.default_rng(1)
    x = rng.random(operator.object_shape, dtype=np.float32)
    factor = rng.random(operator.data_shape, dtype=np.float32)
    back = np.full(operator.object_shape, np.nan, np.float32)
    seen = np.zeros(operator.data_shape, int)

    def read(part: slice, out: Float32Array) -> None:
        assert out.shape == x[part].shape
        assert out.flags.c_contiguous
        out[:] = x[part]

    def turn(part: slice, expected: Float32Array) -> None:
        assert expected.flags.c_contiguous
        expected *= factor[part]
        seen[part] += 1

    def write(part: slice, values: Float32Array) -> None:
        assert np.isnan(back[part]).all()
        back[part] = values

    operator.sandwich(read, turn, write)
    assert (seen == 1).all()
    np.testing.assert_allclose(back, operator.adjoint(factor * operator.forward(x)), rtol=0, atol=1e-6)


sizes = st.integers(1, 40)
odd = st.integers(0, 8).map(lambda n: 2 * n + 1)


@both_kinds
@given(
    shape=st.lists(sizes, min_size=2, max_size=2),
    lengths=st.tuples(odd, odd),
    factor=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_the_adjoint_of_a_plane_is_exact(
    separable: bool, shape: list[int], lengths: Shape, factor: int, seed: int
) -> None:
    check_adjoint(tuple(shape), lengths, factor, seed, separable)


@both_kinds
@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 12), sizes, sizes), lengths=st.tuples(odd, odd, odd),
    factor=st.integers(1, 3), seed=st.integers(0, 99),
)  # fmt: skip
def test_the_adjoint_of_a_volume_is_exact(
    separable: bool, shape: Shape, lengths: Shape, factor: int, seed: int
) -> None:
    check_adjoint(shape, lengths, factor, seed, separable)


def check_adjoint(shape: Shape, lengths: Shape, factor: int, seed: int, separable: bool) -> None:
    psf: Any = lines(lengths, seed) if separable else solid(lengths, seed)
    for engine, kind, within in ((pick("cpu", 2), np.float32, 1e-6), (NumpyEngine(1, np.float64), np.float64, 1e-12)):
        operator = engine.imaging(psf, shape, factor)
        rng = np.random.default_rng(seed)
        x = rng.random(operator.object_shape).astype(kind)
        y = rng.random(operator.data_shape).astype(kind)
        ahead = np.vdot(operator.forward(x).astype(np.float64), y.astype(np.float64))
        back = np.vdot(x.astype(np.float64), operator.adjoint(y).astype(np.float64))
        assert ahead == pytest.approx(back, rel=within)


@both_kinds
@pytest.mark.parametrize("factor", [1, 2, 5])
def test_far_from_borders_a_constant_stays_and_light_is_kept(factor: int, separable: bool) -> None:
    psf: Any = lines((5, 7)) if separable else solid((5, 7))
    operator = pick("cpu", 2).imaging(psf, (20, 21), factor)
    x = np.full(operator.object_shape, 0.7, np.float32)
    np.testing.assert_allclose(operator.forward(x)[7:-7, 7:-7], 0.7, rtol=1e-6)
    point = np.zeros(operator.object_shape, np.float32)
    point[operator.object_shape[0] // 2, operator.object_shape[1] // 2] = 3
    assert operator.forward(point).sum() * factor**2 == pytest.approx(3, rel=1e-6)
    assert operator.adjoint(np.ones((20, 21), np.float32)).max() == pytest.approx(operator.gain, rel=1e-6)


@pytest.mark.parametrize("fwhm", [1.0, 3.0, 8.0])
def test_the_domain_ends_where_the_data_see_next_to_nothing(fwhm: float) -> None:
    kernel = gaussian_kernel1d(fwhm)
    operator = pick("cpu").imaging((kernel, kernel), (40, 40))
    before = operator.field[0].start
    assert 1.5 * fwhm <= before <= 1.6 * fwhm + 1
    seen = operator.adjoint(np.ones((40, 40), np.float32))
    assert seen[0, 20] >= FAINT
    assert kernel[: kernel.size // 2 - before].sum() < FAINT, "one pixel more would be seen by less"


def test_an_oblique_psf_extends_the_domain_on_the_side_its_light_comes_from() -> None:
    psf = np.zeros((1, 9), np.float32)
    psf[0, 8] = 1  # light lands 4 pixels to the right of its source
    operator = pick("cpu").imaging(psf, (3, 20))
    assert operator.object_shape == (3, 24)
    assert operator.field[1] == slice(4, 24)


@both_kinds
@pytest.mark.parametrize("shape", [(70, 45), (6, 40, 41)])
def test_no_bit_depends_on_the_number_of_threads(shape: Shape, separable: bool) -> None:
    lengths = (5, 7, 9)[-len(shape) :]
    psf: Any = lines(lengths) if separable else solid(lengths)
    one, three = (pick("cpu", threads).imaging(psf, shape) for threads in (1, 3))
    x = np.random.default_rng(0).random(one.object_shape, dtype=np.float32)
    assert np.array_equal(one.forward(x), three.forward(x))
    assert np.array_equal(one.adjoint(one.forward(x)), three.adjoint(three.forward(x)))


@every_engine
@both_kinds
def test_inputs_are_left_alone_and_results_are_new(separable: bool, engine: Any) -> None:
    operator, _ = made(engine(), CASES["volume"], separable)
    x, r = np.ones(operator.object_shape, np.float32), np.ones(operator.data_shape, np.float32)
    x.setflags(write=False)
    r.setflags(write=False)
    first = operator.forward(x), operator.adjoint(r)
    kept = [array.copy() for array in first]
    operator.forward(2 * x)
    operator.adjoint(2 * r)
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))
