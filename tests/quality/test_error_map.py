"""RSP and RSE against matches that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.errors import InputError
from sparsescope.quality.error_map import error_map


def points(seed: int = 0, side: int = 128) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scene = np.zeros((side, side))
    scene[tuple(rng.integers(8, side - 8, (2, 60)))] = rng.uniform(50, 200, 60)
    return scene


def test_an_affine_copy_correlates_fully_and_leaves_no_error() -> None:
    data = ndimage.gaussian_filter(points(), 2.0)
    found = error_map(0.3 * data + 11, data)
    assert found.rsp == pytest.approx(1, abs=1e-5)
    assert found.rse == pytest.approx(0, abs=1e-3 * data.std())
    assert (found.scale, found.sigma_px) == pytest.approx((1 / 0.3, 0), abs=1e-3)


@pytest.mark.parametrize("sigma", [1.2, 2.5, 4.0])
def test_scale_offset_and_width_of_a_blurred_scene_are_found(sigma: float) -> None:
    data = 3 * ndimage.gaussian_filter(points(), sigma) + 100
    found = error_map(points(), data)
    assert found.sigma_px == pytest.approx(sigma, rel=0.02)
    assert found.scale == pytest.approx(3, rel=0.02)
    assert found.offset == pytest.approx(100, rel=0.01)
    assert found.rsp > 0.999
    assert abs(found.error).max() < 0.02 * data.max()


def test_pasted_structure_stands_out_below_zero_and_lost_structure_above() -> None:
    scene = points()
    data = ndimage.gaussian_filter(scene, 2.0)
    wrong = scene.copy()
    wrong[64, 64] += 200
    lost = np.unravel_index(int(np.argmax(scene)), scene.shape)
    wrong[lost] = 0
    error = error_map(wrong, data).error
    assert error[64, 64] < -0.5 * data.max()
    assert error[lost] > 0.5 * data.max()
    assert error_map(wrong, data).rsp < 0.99


def test_noise_gives_the_noise_as_error() -> None:
    data = ndimage.gaussian_filter(points(), 2.0) + np.random.default_rng(1).normal(0, 0.5, (128, 128))
    assert error_map(points(), data).rse == pytest.approx(0.5, rel=0.03)


def test_a_constant_result_matches_nothing() -> None:
    found = error_map(np.ones((32, 32)), points(side=32))
    assert found.rsp == 0
    assert np.isfinite(found.rse)


def test_inputs_are_left_alone_and_shapes_must_fit() -> None:
    scene, data = points(), ndimage.gaussian_filter(points(), 2.0)
    before = scene.copy()
    error_map(scene, data)
    assert np.array_equal(scene, before)
    with pytest.raises(InputError, match="one shape"):
        error_map(scene, data[:-1])
