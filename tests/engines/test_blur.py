"""The blur of every engine is the dense matrix of a separable kernel on a mirrored plane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from problems import matrix, mirrored_shift, scene
from sparsescope.engines import TABLE, pick
from sparsescope.engines.cpu import mirrored
from sparsescope.optics.gaussian import gaussian_kernel1d

ENGINES = list(TABLE)
Float32Array = npt.NDArray[np.float32]


def line(length: int, kernel: Float32Array) -> npt.NDArray[np.float64]:
    """Matrix of the blur of one axis, shift by shift."""
    reach = kernel.size // 2
    return sum(float(w) * mirrored_shift(length, k) for w, k in zip(kernel, range(-reach, reach + 1), strict=True))


def symmetric(half: list[float]) -> Float32Array:
    kernel = np.array([*half[:0:-1], *half], np.float64)
    return (kernel / kernel.sum()).astype(np.float32)


CASES = {
    "wide": ((7, 9), 3.0, 2.0),
    "wider than the image": ((4, 5), 6.0, 9.0),
    "much wider than the image": ((2, 3), 20.0, 15.0),
    "one pixel": ((1, 1), 3.0, 3.0),
    "one row": ((1, 8), 2.0, 4.0),
    "one column": ((8, 1), 2.0, 4.0),
    "narrow": ((6, 5), 0.2, 1.0),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_blur_is_its_dense_matrix(case: tuple[tuple[int, int], float, float], engine: str) -> None:
    shape, fwhm_y, fwhm_x = case
    kernels = gaussian_kernel1d(fwhm_y), gaussian_kernel1d(fwhm_x)
    blur = pick(engine, 2).blur(*kernels, shape)
    expected = np.kron(line(shape[0], kernels[0]), line(shape[1], kernels[1]))
    np.testing.assert_allclose(matrix(lambda x: blur(x.astype(np.float32)), shape), expected, atol=2e-7)


@pytest.mark.parametrize("engine", ENGINES)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    halves=st.tuples(*[st.lists(st.floats(0.01, 1), min_size=1, max_size=9)] * 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_blur_is_its_own_adjoint_and_keeps_sums_and_constants(
    engine: str, shape: tuple[int, int], halves: tuple[list[float], list[float]], seed: int
) -> None:
    x, y = np.random.default_rng(seed).random((2, *shape), dtype=np.float32)
    blur = pick(engine, 2).blur(symmetric(halves[0]), symmetric(halves[1]), shape)
    assert np.vdot(blur(x), y) == pytest.approx(np.vdot(x, blur(y)), rel=1e-5)
    assert blur(x).sum() == pytest.approx(x.sum(), rel=1e-5)
    np.testing.assert_allclose(blur(np.full(shape, 0.7, np.float32)), 0.7, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_blur_leaves_its_input_alone_and_returns_a_new_plane(engine: str) -> None:
    plane = scene((12, 17))
    plane.setflags(write=False)
    blur = pick(engine).blur(gaussian_kernel1d(3.0), gaussian_kernel1d(2.0), (12, 17))
    first = blur(plane)
    kept = first.copy()
    assert (first.dtype, first.shape) == (np.float32, (12, 17))
    second = blur(plane[::-1, ::-1])
    assert np.array_equal(first, kept)
    np.testing.assert_allclose(second, kept[::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("threads", [2, 3, 40])
def test_no_bit_depends_on_the_number_of_threads(threads: int) -> None:
    plane, kernels = scene((37, 29)), (gaussian_kernel1d(3.0), gaussian_kernel1d(5.0))
    one = pick("cpu", 1).blur(*kernels, plane.shape)(plane)
    assert np.array_equal(one, pick("cpu", threads).blur(*kernels, plane.shape)(plane))


@given(st.integers(1, 6), st.integers(0, 20))
def test_mirrored_places_are_those_of_a_line_mirrored_again_and_again(length: int, reach: int) -> None:
    found = mirrored(length, reach)
    assert len(found) == length + 2 * reach
    expected = [int(np.argmax(mirrored_shift(length, shift)[0])) for shift in range(-reach, length + reach)]
    assert found.tolist() == expected
