"""What blurs each channel: Gaussian, computed or given; planes or stacks; and what does not fit is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import signal

import sparsescope as ss
from sparsescope import Image, Recipe
from sparsescope.errors import RecipeError
from sparsescope.image import Channel
from sparsescope.optics.gaussian import gaussian_psf
from sparsescope.optics.make import make_psf
from sparsescope.optics.microscope import Microscope
from sparsescope.optics.psf import Psf
from sparsescope.optics.told import with_optics

VOXEL = {"x": 0.1, "y": 0.1, "z": 0.3}
OPTICS = {"numerical_aperture": 1.2, "refractive_index": 1.33, "modality": "WideField"}
SHORT = Recipe(
    fidelity=150, sparsity=1, continuity=0, background="none", sparse_iterations=5, deconvolution_iterations=8
)  # fmt: skip


def stack(shape: tuple[int, ...] = (9, 40, 40), axes: str = "ZYX", **changes: Any) -> Image:
    rng = np.random.default_rng(3)
    data = rng.poisson(5, shape)
    data[..., shape[-2] // 2, shape[-1] // 2] += 900
    count = shape[axes.index("C")] if "C" in axes else 1
    channels = [Channel(emission_nm=520.0 + 90 * i) for i in range(count)]
    return Image(data.astype("uint16"), axes, VOXEL, channels=channels, meta=OPTICS).replace(**changes)


def test_a_stack_whose_microscope_is_known_is_deconvolved_in_three_dimensions() -> None:
    plan = ss.plan(stack(), SHORT)
    assert (plan.recipe.psf_model, plan.recipe.dimensions) == ("optics", "3d")
    assert plan.sources["psf_model"] == plan.sources["resolution_um"] == "file"
    assert any("deconvolved in three dimensions" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("changes", "image"),
    [
        ({"dimensions": "2d"}, {}),
        ({"resolution_um": 0.3}, {}),
        ({"psf_model": "gaussian"}, {}),
        ({}, {"meta": {}}),
        ({}, {"spacing_um": {"x": 0.1, "y": 0.1}}),
    ],
)
def test_on_request_or_where_it_is_not_known_planes_are_taken_one_by_one(changes: Any, image: Any) -> None:
    recipe = SHORT.replace(**{"resolution_um": 0.3, **changes} if image else changes)
    plan = ss.plan(stack(**image), recipe)
    assert (plan.recipe.psf_model, plan.recipe.dimensions) == ("gaussian", "2d")
    assert any("plane by plane" in note for note in plan.notes) or recipe.dimensions == "2d"


def test_three_dimensions_cannot_be_had_without_a_psf() -> None:
    with pytest.raises(RecipeError, match="--emission-nm"):
        ss.plan(stack(meta={}), SHORT.replace(dimensions="3d", resolution_um=0.3))
    with pytest.raises(RecipeError, match="--psf FILE"):
        ss.plan(stack((40, 40), "YX"), SHORT.replace(dimensions="3d", resolution_um=0.3))


def test_a_bead_in_three_dimensions_gets_narrower_along_z_and_keeps_its_light() -> None:
    psf = make_psf(Microscope("widefield", 1.2, emission_nm=520, refractive_index=1.33), VOXEL, ndim=3)
    bead = np.zeros((21, 48, 48))
    bead[10, 24, 24] = 3e5
    data = np.random.default_rng(0).poisson(np.maximum(signal.fftconvolve(bead, psf.data, "same"), 0)).astype("uint16")
    image = Image(data, "ZYX", VOXEL, channels=[Channel(emission_nm=520.0)], meta=OPTICS)
    found = ss.deconvolve(image, SHORT.replace(sparse_iterations=0, deconvolution_iterations=30)).image.data
    planes = ss.deconvolve(image, SHORT.replace(sparse_iterations=0, dimensions="2d")).image.data
    axial = [np.asarray(x, float)[:, 20:29, 20:29].sum((1, 2)) for x in (data, planes, found)]
    spread = [float((a * (np.arange(21) - 10) ** 2).sum() / a.sum()) for a in axial]
    assert spread[2] < 0.5 * spread[0]
    assert spread[2] < 0.6 * spread[1]
    assert found.sum(dtype=float) == pytest.approx(3e5, rel=0.06)


def test_a_psf_that_is_given_does_what_its_gaussian_does() -> None:
    image = stack((3, 40, 40), "TYX")
    known = ss.deconvolve(image, SHORT.replace(resolution_um=0.3))
    given = ss.deconvolve(image, SHORT, psf=gaussian_psf(3.0))
    assert given.recipe.psf_model == "given"
    assert given.recipe.resolution_um == pytest.approx(0.3, abs=0.01)
    assert np.abs(given.image.data - known.image.data).max() <= 1e-3 * known.image.data.max()


def test_without_a_pixel_size_a_given_psf_suffices() -> None:
    image = stack((40, 40), "YX", spacing_um={}, meta={})
    result = ss.deconvolve(image, SHORT, psf=gaussian_psf(3.0))
    assert result.outcome == "all iterations done"


def test_a_given_psf_of_other_voxels_is_resampled_to_the_image() -> None:
    image = stack((40, 40), "YX")
    same = ss.deconvolve(image, SHORT, psf=gaussian_psf(3.0))
    finer = ss.deconvolve(image, SHORT, psf=gaussian_psf(6.0), psf_spacing_um=0.05)
    peak = same.image.data.max()
    assert np.abs(finer.image.data - same.image.data).max() <= 0.03 * peak


def test_a_psf_that_does_not_fit_the_axes_is_refused_with_the_remedy() -> None:
    with pytest.raises(RecipeError, match="two axes"):
        ss.plan(stack(), SHORT, psf=gaussian_psf(3.0))
    with pytest.raises(RecipeError, match="plane in focus"):
        ss.plan(stack((40, 40), "YX"), SHORT, psf=gaussian_psf(3.0, 3))
    with pytest.raises(RecipeError, match="2 PSFs for 3 channels"):
        ss.plan(stack((3, 40, 40), "CYX"), SHORT, psf=[gaussian_psf(3.0)] * 2)
    with pytest.raises(RecipeError, match="leave one of them out"):
        ss.plan(stack((40, 40), "YX"), SHORT.replace(deconvolution="none"), psf=gaussian_psf(3.0))
    with pytest.raises(RecipeError, match="--psf FILE"):
        ss.plan(stack((40, 40), "YX"), SHORT.replace(psf_model="given"))
    with pytest.raises(RecipeError, match="use one of them"):
        ss.plan(stack((40, 40), "YX"), SHORT.replace(psf_model="gaussian"), psf=gaussian_psf(3.0))


def test_each_channel_has_the_width_of_its_wavelength() -> None:
    plan = ss.plan(stack((2, 40, 40), "CYX"), SHORT)
    first, second = (recipe.resolution_um for recipe in plan.channels)
    assert second / first == pytest.approx(610 / 520, rel=1e-3)
    assert [spread.fwhm_yx_px[1] for spread in plan.spreads if spread] == pytest.approx([first / 0.1, second / 0.1])


def test_each_channel_is_deconvolved_with_its_own_psf_and_recipe() -> None:
    image = stack((2, 40, 40), "CYX")
    psfs = [gaussian_psf(2.5), gaussian_psf(4.0)]
    both = ss.deconvolve(image, [SHORT, SHORT.replace(fidelity=30)], psf=psfs)
    for i, recipe in enumerate((SHORT, SHORT.replace(fidelity=30))):
        alone = ss.deconvolve(np.asarray(image.data)[i], recipe, psf=psfs[i], pixel_size_um=0.1)
        np.testing.assert_array_equal(both.image.data[i], alone.image.data)
    with pytest.raises(RecipeError, match="3 recipes for 2 channels"):
        ss.plan(image, [SHORT] * 3)


def test_a_movie_of_stacks_is_deconvolved_stack_by_stack() -> None:
    movie = stack((2, 9, 40, 40), "TZYX")
    together = ss.deconvolve(movie, SHORT, scale=900.0).image.data
    for t in range(2):
        alone = ss.deconvolve(movie.replace(data=np.asarray(movie.data)[t], axes="ZYX"), SHORT, scale=900.0).image.data
        np.testing.assert_allclose(together[t], alone, rtol=1e-5, atol=1e-3)


def test_what_the_user_says_of_the_microscope_wins_and_is_named() -> None:
    image = with_optics(stack(meta={}), numerical_aperture=1.2, refractive_index=1.33, emission_nm=600)
    plan = ss.plan(image, SHORT)
    assert plan.recipe.psf_model == "optics"
    assert plan.sources["psf_model"] == plan.sources["resolution_um"] == "flag"
    with pytest.raises(RecipeError, match=r"emission_nm = 6\.0"):
        with_optics(stack(), emission_nm=6.0)
    with pytest.raises(RecipeError, match="2 wavelengths for 1 channels"):
        with_optics(stack(), emission_nm=[500, 600])


def test_up_sampling_takes_the_psf_on_the_finer_grid() -> None:
    image = stack((40, 40), "YX")
    psf = Psf(gaussian_psf(6.0), {"x": 0.05, "y": 0.05}, "made up")
    plan = ss.plan(image, SHORT.replace(upsample=2), psf=psf)
    spread = plan.spreads[0]
    assert spread is not None
    assert spread.psf is not None
    assert spread.psf.spacing_um["x"] == pytest.approx(0.05)
    assert spread.fwhm_yx_px[1] == pytest.approx(3.0, abs=0.05)


def test_light_from_out_of_focus_is_not_thresholded_where_weights_are_open() -> None:
    lateral, axial = gaussian_psf(3.0), np.exp(-0.5 * (np.arange(-4, 5) / 2.0) ** 2)
    deep = np.asarray(axial[:, None, None] * np.asarray(lateral), np.float32)
    open_ones = ss.Recipe(background="none", continuity=0, deconvolution_iterations=3)
    image = stack((9, 40, 40))
    assert ss.plan(image, open_ones, psf=deep).recipe.intensity == "restored"
    assert ss.plan(image, open_ones.replace(dimensions="2d"), resolution_um=0.3).recipe.intensity == "unbiased"
    both = open_ones.replace(fidelity=100, sparsity=3)
    assert ss.plan(image, both, psf=deep).recipe.intensity == "published"
