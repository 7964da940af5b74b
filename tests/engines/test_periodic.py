"""Convolution on a periodic plane: dense matrix, adjoint, sums."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.engines import pick


@pytest.mark.parametrize("engine", ["cpu", "numpy"])
@pytest.mark.parametrize("shape", [(6, 7), (9, 5)])
def test_it_is_the_circulant_matrix_and_its_adjoint_the_transpose(shape: tuple[int, int], engine: str) -> None:
    rng = np.random.default_rng(0)
    psf = rng.random((3, 5)).astype(np.float32)
    imaging = pick(engine, 1).periodic(psf, shape)
    dense = np.zeros((shape[0] * shape[1],) * 2)
    for y, x in np.ndindex(shape):
        for dy, dx in np.ndindex(psf.shape):
            at = ((y + dy - 1) % shape[0]) * shape[1] + (x + dx - 2) % shape[1]
            dense[at, y * shape[1] + x] += psf[dy, dx]
    value = rng.random(shape).astype(np.float32)
    np.testing.assert_allclose(imaging.forward(value).ravel(), dense @ value.ravel(), rtol=2e-6)
    np.testing.assert_allclose(imaging.adjoint(value).ravel(), dense.T @ value.ravel(), rtol=2e-6)
