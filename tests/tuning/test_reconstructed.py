"""The choice for frames whose noise has the band of the optics, as reconstructions have it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import sparsescope as ss
from sparsescope.engines import pick
from sparsescope.preprocess.haze import haze
from sparsescope.simulate.canvas import Canvas
from sparsescope.simulate.optics import blurred, transfer
from sparsescope.simulate.phantoms import Look, rings
from sparsescope.simulate.simulation import Simulation, simulate
from sparsescope.tuning import Choice, Request, choose
from sparsescope.tuning.choose import DETAIL, FULL_COUNT
from sparsescope.tuning.noise_seen import SeenNoise

SIDE, PIXEL_UM, FWHM_UM = 128, 0.0325, 0.10
FWHM_PX = FWHM_UM / PIXEL_UM
WIDTH = (FWHM_PX, FWHM_PX)


def band() -> np.ndarray:
    """Transfer function of the Airy pattern, its square of mean 1."""
    away = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)) * FWHM_PX / 1.03
    v = np.minimum(away, 1)
    response = 2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v))
    return np.asarray(response / np.sqrt(np.square(response).mean()))


def rings_below_the_resolution(photons: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Light that is expected, over an uneven background, and the truth."""
    ground = Simulation(
        "empty", (SIDE, SIDE), PIXEL_UM, FWHM_UM, photons=photons, background=0.05, haze=0.15, seed=seed
    )  # fmt: skip
    canvas, rng = Canvas(ground.grid), np.random.default_rng(seed)
    for _ in range(round(3 * canvas.area())):
        rings(canvas, rng, Look(FWHM_UM, size_um=rng.uniform(0.06, 0.1), count=1))
    seen = ground.grid.pixels(blurred(canvas.samples, transfer(ground.grid, FWHM_UM, "airy")))
    return seen * photons / seen.max() + simulate(ground).background, ground.grid.pixels(canvas.samples)


def reconstruction(photons: float, seed: int = 0) -> np.ndarray:
    """Return that light with photon noise that has the band of the optics, nothing of it below zero."""
    expected, _ = rings_below_the_resolution(photons, seed)
    noise = np.random.default_rng(seed).poisson(expected) - expected
    return np.maximum(expected + np.fft.ifft2(np.fft.fft2(noise) * band()).real, 0).astype(np.float32)


def chosen(plane: np.ndarray, **changes: object) -> Choice:
    request = Request(plane[None], WIDTH, **changes)
    return choose(request, pick(threads=1), lambda one, mode: haze(one, mode, fwhm_px=FWHM_PX))


def agreement(result: np.ndarray, truth: np.ndarray) -> float:
    """Mean correlation of the spectra over rings from 0.02 to 0.5 cycles per pixel."""
    taper = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    one, other = (np.fft.fft2((image - image.mean()) * taper) for image in (result, truth))
    ring = (np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)) * SIDE).astype(int).ravel()
    both, own, its = (
        np.bincount(ring, v.ravel())[3 : SIDE // 2] for v in ((one * other.conj()).real, abs(one) ** 2, abs(other) ** 2)
    )
    return float((both / np.sqrt(own * its)).mean())


def error(image: np.ndarray, truth: np.ndarray) -> float:
    """Part of the truth at 2 px that the image does not explain after the best blur and affine fit."""
    goal = ndimage.gaussian_filter(truth, 2 / 2.3548)[16:-16, 16:-16].ravel()
    versions = [ndimage.gaussian_filter(image, width)[16:-16, 16:-16].ravel() for width in (0.0, 0.4, 0.65, 0.85)]
    return float(min(1 - np.corrcoef(version, goal)[0, 1] ** 2 for version in versions))


@pytest.mark.parametrize("photons", [150, 600])
@pytest.mark.parametrize("seed", [0, 1])
def test_rings_below_the_resolution_are_not_made_worse_than_they_are_in_the_frame(photons: float, seed: int) -> None:
    _, truth = rings_below_the_resolution(photons, seed)
    plane = reconstruction(photons, seed)
    result = ss.deconvolve(plane, pixel_size_um=PIXEL_UM, resolution_um=FWHM_UM, threads=1)
    assert result.recipe.background == "smooth-16"
    image = np.asarray(result.image.data)
    assert agreement(image, truth) > agreement(plane, truth)
    assert error(image, truth) < 0.7 * error(plane, truth)


def test_it_is_rehearsed_the_same_way_twice_and_a_note_says_so() -> None:
    plane = reconstruction(300)
    found = [chosen(plane) for _ in range(2)]
    assert found[0].values == found[1].values
    assert found[0].rehearsed == found[1].rehearsed != ()
    assert found[0].radius_px > 0
    assert any("band of the optics" in note for note in found[0].notes)


def test_more_iterations_are_taken_where_the_finest_structures_stand_out_of_the_noise() -> None:
    bright, dim = (reconstruction(photons) for photons in (600, 15))
    detail = [seen.band.detail for one in (bright, dim) if (seen := SeenNoise.of(Request(one[None], WIDTH))).band]
    assert detail[0] > DETAIL > detail[1]
    assert chosen(bright).values["deconvolution_iterations"] >= 30
    assert int(chosen(dim).values["deconvolution_iterations"]) < FULL_COUNT / 2


def test_its_variance_is_no_less_than_the_spectrum_says() -> None:
    plane = 50 + 3 * np.fft.ifft2(np.fft.fft2(np.random.default_rng(0).normal(size=(SIDE, SIDE))) * band()).real
    seen = SeenNoise.of(Request(plane.astype(np.float32)[None], WIDTH, radius_px=1, variance=(0.0, 1.0, 0.1)))
    assert seen.variance is not None
    assert seen.variance[2] == pytest.approx(9, rel=0.35)


def test_frames_whose_noise_reaches_beyond_the_band_are_not_rehearsed() -> None:
    counts = np.random.default_rng(0).poisson(rings_below_the_resolution(300)[0]).astype(np.float32)
    choice = chosen((counts + np.roll(counts, 1, axis=1)) / 2)
    assert choice.radius_px > 0
    assert choice.rehearsed == ()
    assert choice.values["background"] == "smooth-wide"
    assert any("gentle background" in note for note in choice.notes)


def test_what_is_fixed_stays_in_a_reconstruction() -> None:
    fixed = {"fidelity": 77.0, "deconvolution_iterations": 4, "background": "flat"}
    choice = chosen(reconstruction(300), fixed=fixed)
    assert {name: choice.values[name] for name in fixed} == fixed
    assert {point.iterations for point in choice.rehearsed} == {4}
