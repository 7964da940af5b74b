"""The carrier of a PSF: what it takes and what it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sparsescope.errors import RecipeError
from sparsescope.optics.psf import Psf


def test_a_psf_has_sum_one_in_float32_and_its_input_is_left_alone():
    given = np.arange(27, dtype=np.float64).reshape(3, 3, 3)
    before = given.copy()
    psf = Psf(given, {"x": 0.1, "y": 0.1, "z": 0.2})
    assert psf.data.dtype == np.float32
    assert psf.data.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones((4, 3)), "even number"),
        (np.ones(3), "1 axes"),
        (np.zeros((3, 3)), "empty"),
        (np.full((3, 3), np.nan), "NaN"),
        (-np.eye(3), "negative"),
    ],
)
def test_what_is_no_psf_is_refused_with_the_reason(array, said):
    with pytest.raises(RecipeError, match=said):
        Psf(array)


def test_a_psf_comes_to_another_process_to_the_last_bit():
    psf = Psf(np.random.default_rng(3).random((5, 31, 33), np.float32), {"x": 0.1}, "made up")
    back = pickle.loads(pickle.dumps(psf))
    assert np.array_equal(back.data, psf.data)
    assert (back.spacing_um, back.source, back.notes) == (psf.spacing_um, psf.source, psf.notes)
