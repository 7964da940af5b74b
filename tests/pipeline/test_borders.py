"""A bright object cut by the border looks as it does in the uncut scene: no ringing, no wrap-around."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

import sparsescope as ss
from problems import disc, rms, settings

Array = npt.NDArray[np.float32]
SIZES: dict[str, Any] = {"pixel_size_um": 0.1, "resolution_um": 0.3}
CUT, BAND = 64, 16
FWHM_PX = 3.0


def scene(through: float, noisy: bool) -> Array:
    """Uncut scene on black: a blurred disc whose centre lies `through` pixels inside the later cut at column 64."""
    sharp = 1000 * disc((176, 192), (84, CUT + through), 22)
    blurred = ndimage.gaussian_filter(sharp, FWHM_PX / 2.3548, mode="nearest")
    return np.random.default_rng(1).poisson(blurred).astype(np.float32) if noisy else blurred


METHODS = {
    "sparse stage": settings(background="none", deconvolution="none"),
    "richardson-lucy": settings(background="none"),
    "richardson-lucy, long": settings(background="none", deconvolution_iterations=30),
    "landweber": settings(background="none", deconvolution="landweber"),
    "landweber, long": settings(background="none", deconvolution="landweber", deconvolution_iterations=30),
    "second stage alone": settings(background="none", sparse_iterations=0),
    "certified": settings(background="none", tolerance=2e-4),
}
methods = pytest.mark.parametrize("recipe", METHODS.values(), ids=METHODS)


def uncut_and_cut(image: Array, recipe: ss.Recipe) -> tuple[Array, Array]:
    """Results right of column 64: of the whole scene, and of what the cut leaves of it, as parts of the maximum."""
    uncut = np.asarray(ss.deconvolve(image, recipe, **SIZES).image.data)[:, CUT:]
    cut = np.asarray(ss.deconvolve(image[:, CUT:], recipe, **SIZES).image.data)
    return uncut / uncut.max(), cut / uncut.max()


@methods
def test_a_disc_cut_through_its_centre_looks_as_it_does_uncut(recipe: ss.Recipe) -> None:
    uncut, cut = uncut_and_cut(scene(0.0, noisy=False), recipe)
    difference = np.abs(cut - uncut)
    assert difference[:, :BAND].max() <= 0.015
    assert difference[:, BAND:].max() <= 3e-3
    assert difference[:, -BAND:].max() <= 1e-6


@methods
@pytest.mark.parametrize("through", [-12.0, 9.0])
def test_where_an_edge_meets_the_border_at_an_angle_few_pixels_differ(through: float, recipe: ss.Recipe) -> None:
    """Objects beyond the border are found only as far as their light tells, no farther than the PSF reaches."""
    uncut, cut = uncut_and_cut(scene(through, noisy=False), recipe)
    difference = np.abs(cut - uncut)
    assert rms(difference[:, :BAND]) <= 0.012
    assert np.count_nonzero(difference > 0.05) <= 25
    assert difference.max() <= 0.2
    assert difference[:, 4:].max() <= 0.02
    assert difference[:, 8:].max() <= 0.015
    assert difference[:, -BAND:].max() <= 1e-6
    assert cut[:, :BAND].sum() == pytest.approx(uncut[:, :BAND].sum(), rel=0.005), "light near the border"


@methods
def test_with_noise_a_cut_disc_differs_by_a_few_percent_at_most(recipe: ss.Recipe) -> None:
    uncut, cut = uncut_and_cut(scene(0.0, noisy=True), recipe)
    difference = np.abs(cut - uncut)
    assert difference[:, :BAND].max() <= 0.08
    assert difference[:, BAND:].max() <= 0.02
    assert difference[:, -BAND:].max() <= 1e-4


@methods
def test_nothing_appears_at_the_opposite_border(recipe: ss.Recipe) -> None:
    cut = np.asarray(ss.deconvolve(scene(0.0, noisy=False)[:, CUT:], recipe, **SIZES).image.data)
    assert cut[:, 0].max() > 0.3 * cut.max(), "the disc does reach the border"
    assert cut[:, -BAND:].max() < 1e-5 * cut.max()


@pytest.mark.parametrize("name", ["sparse stage", "richardson-lucy"])
def test_nothing_of_the_first_plane_appears_in_the_last(name: str) -> None:
    recipe = METHODS[name]
    stack = np.zeros((24, 40, 41), np.float32)
    stack[:3] = ndimage.gaussian_filter(1000 * disc((40, 41), (20, 20), 9), 1.3)
    result = np.asarray(ss.deconvolve(stack, recipe, axes="ZYX", **SIZES).image.data)
    assert result[0].max() > 300
    assert result[-6:].max() < 1e-5 * result.max()


def test_a_stack_cut_along_z_looks_as_it_does_uncut() -> None:
    z = np.arange(48)
    profile = np.exp(-((z - 24) ** 2) / (2 * 4.0**2)).astype(np.float32)
    stack = profile[:, None, None] * ndimage.gaussian_filter(1000 * disc((40, 41), (20, 20), 9), 1.3)
    recipe = settings(background="none", deconvolution="none", fidelity=50, sparsity=1, continuity=1)
    uncut = np.asarray(ss.deconvolve(stack, recipe, axes="ZYX").image.data)[24:]
    cut = np.asarray(ss.deconvolve(stack[24:], recipe, axes="ZYX").image.data)
    assert np.abs(cut - uncut).max() <= 0.01 * uncut.max()
