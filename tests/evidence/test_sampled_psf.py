"""Evidence on results whose PSF was given or has three axes: the same PSF explains the data and is varied."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import signal

import sparsescope as ss
from sparsescope import Image, Recipe
from sparsescope.evidence.frozen import freeze
from sparsescope.evidence.gather import gather
from sparsescope.optics.gaussian import gaussian_psf

RECIPE = Recipe(
    fidelity=200, sparsity=0.5, continuity=0, background="none", sparse_iterations=30, deconvolution_iterations=20
)  # fmt: skip


def blurred(psf: np.ndarray, shape: tuple[int, ...], photons: float = 400) -> np.ndarray:
    rng = np.random.default_rng(1)
    truth = np.zeros(shape)
    truth[tuple(rng.integers(3, n - 3, 40) for n in shape)] = 1
    clean = np.maximum(signal.fftconvolve(truth, psf, "same"), 0)
    return rng.poisson(photons * clean / clean.max() + 1).astype("uint16")


@pytest.mark.parametrize(
    ("axes", "shape", "width"), [("YX", (80, 80), (3.0, 5.0)), ("ZYX", (11, 72, 72), (3.0, 4.0, 4.0))]
)
def test_the_right_psf_explains_the_data_and_a_wrong_one_does_not(
    axes: str, shape: tuple[int, ...], width: tuple[float, ...]
) -> None:
    psf = gaussian_psf(width, len(shape))
    image = Image(blurred(psf, shape), axes, {"x": 0.1, "y": 0.1, "z": 0.2})
    right = gather(image, ss.deconvolve(image, RECIPE, psf=psf))
    wide = gaussian_psf(tuple(1.8 * w for w in width), len(shape))
    wrong = gather(image, ss.deconvolve(image, RECIPE, psf=wide))
    assert right.number("residual_chi2") == pytest.approx(1, abs=0.25)
    assert wrong.number("residual_chi2") > 1.5 * right.number("residual_chi2")


def test_a_window_is_reconstructed_as_in_the_run() -> None:
    psf = gaussian_psf((3.0, 4.0, 4.0), 3)
    image = Image(blurred(psf, (11, 72, 72)), "ZYX", {"x": 0.1, "y": 0.1, "z": 0.2})
    result = ss.deconvolve(image, RECIPE, psf=psf)
    frozen = freeze(image, result)
    assert frozen is not None
    again = frozen.reconstruct()
    assert np.abs(again - frozen.value).max() <= 2e-3 * frozen.value.max()
    assert not np.allclose(frozen.reconstruct(width=1.2), again, atol=0.02 * frozen.value.max())


@pytest.mark.parametrize("upsample", [1, 2])
def test_an_airy_pattern_is_scaled_by_its_width_and_a_plane_goes_on_beyond_the_window(upsample: int) -> None:
    image = Image(np.full((80, 80), 500, "uint16"), "YX", {"x": 0.1, "y": 0.1})
    image.data[40, 40] = 900
    recipe = RECIPE.replace(psf_model="airy", resolution_um=0.4, fidelity=1e4, sparsity=0, upsample=upsample)
    frozen = freeze(image, ss.deconvolve(image, recipe))
    assert frozen is not None
    assert frozen.psf is not None
    flat = dataclasses.replace(frozen, around=np.ones_like(frozen.around))
    assert np.abs(flat.explained() - 1).max() < 1e-5
    again = frozen.reconstruct()
    assert np.abs(again - frozen.value).max() <= 2e-3 * frozen.value.max()
    wider = ss.deconvolve(image, recipe.replace(resolution_um=0.48)).image.data
    assert np.abs(frozen.reconstruct(width=1.2) - wider).max() <= 2e-3 * frozen.value.max()
