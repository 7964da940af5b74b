"""Noise with the band of the optics: told from other noise, measured, and drawn again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from preprocess.noise_scenes import KINDS, scene, scmos
from sparsescope.preprocess.noise_band import coloured, noise_band, over

FWHM_PX = 3.0


def frequency(shape: tuple[int, int]) -> np.ndarray:
    return np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))


def transfer(shape: tuple[int, int], fwhm_px: float = FWHM_PX) -> np.ndarray:
    """Airy pattern's transfer function."""
    v = np.minimum(frequency(shape) * fwhm_px / 1.03, 1)
    return 2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v))


def filtered(image: np.ndarray, response: np.ndarray) -> np.ndarray:
    return np.fft.ifft2(np.fft.fft2(image) * response).real


def noise(shape: tuple[int, int], spread: float, seed: int = 0) -> np.ndarray:
    """Noise of that standard deviation with the band of the optics."""
    response = transfer(shape)
    white = np.random.default_rng(seed).normal(0, spread, shape)
    return filtered(white, response) / np.sqrt(np.square(response).mean())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "texture"])
@pytest.mark.parametrize("photons", [30, 300, 3000])
def test_a_reconstruction_has_the_band_and_a_camera_frame_has_not(kind: str, photons: float) -> None:
    light = photons * scene(kind)
    assert noise_band(scmos(light).astype(np.float32), (FWHM_PX, FWHM_PX)) is None
    shot = np.random.default_rng(1).poisson(light) - light
    response = transfer(light.shape)
    made = light + filtered(shot, response) / np.sqrt(np.square(response).mean())
    assert noise_band(made, (FWHM_PX, FWHM_PX)) is not None


def test_frames_that_were_doubled_or_are_means_of_neighbours_have_it_not() -> None:
    frame = scmos(300 * scene("filaments")).astype(np.float64)
    assert noise_band(ndimage.zoom(frame, 2, order=1), (2 * FWHM_PX, 2 * FWHM_PX)) is None
    assert noise_band((frame + np.roll(frame, 1, 1)) / 2, (FWHM_PX, FWHM_PX)) is None


def test_rounding_does_not_hide_the_band() -> None:
    made = np.rint(1000 + noise((256, 256), 2.0)).astype(np.float32)
    assert noise_band(made, (FWHM_PX, FWHM_PX)) is not None
    assert noise_band(np.rint(1000 + np.random.default_rng(0).normal(0, 2, (256, 256))), (FWHM_PX, FWHM_PX)) is None


@pytest.mark.parametrize("shape", [(40, 640), (256, 256)])
def test_too_few_pixels_or_too_fine_a_psf_tell_nothing(shape: tuple[int, int]) -> None:
    assert noise_band(noise(shape, 5.0), (1.2, 1.2) if shape[0] > 48 else (FWHM_PX, FWHM_PX)) is None


def test_its_variance_and_spectrum_are_those_that_it_was_made_with_less_what_choosing_the_quietest_takes() -> None:
    found = noise_band(50 + noise((512, 512), 7.0), (FWHM_PX, FWHM_PX))
    assert found is not None
    assert 0.65 * 49 < found.power.mean() < 49
    expected = np.square(transfer((32, 32)))
    expected *= 49 / expected.mean()
    ring = frequency((32, 32))
    for low, high in ((0.12, 0.18), (0.18, 0.24), (0.24, 0.3)):
        part = (ring > low) & (ring < high)
        assert found.power[part].mean() == pytest.approx(expected[part].mean(), rel=0.2)


def test_detail_says_whether_the_finest_structures_stand_out_of_the_noise() -> None:
    points = np.zeros((256, 256))
    points[40:210:12, 40:210:12] = 1
    blurred = filtered(points, transfer(points.shape))
    detail = [
        found.detail
        for light in (0.0, 1.0, 100.0)
        if (found := noise_band(light * blurred / blurred.max() + noise(points.shape, 1.0), (FWHM_PX, FWHM_PX)))
    ]
    assert len(detail) == 3
    assert detail[0] == pytest.approx(1, abs=0.3)
    assert detail[1] < 3
    assert detail[2] > 100


@pytest.mark.parametrize("shape", [(96, 96), (80, 129)])
def test_drawn_noise_has_the_spectrum_it_was_asked_for(shape: tuple[int, int]) -> None:
    power = np.square(transfer((32, 32)))
    spectrum = over(shape, power)
    assert spectrum.mean() == pytest.approx(1)
    rng = np.random.default_rng(0)
    drawn = [coloured(rng.standard_normal(shape, np.float32), spectrum) for _ in range(40)]
    found = np.mean([np.abs(np.fft.fft2(one)) ** 2 for one in drawn], axis=0) / np.prod(shape)
    wanted = np.square(transfer(shape)) / np.square(transfer(shape)).mean()
    ring = frequency(shape)
    for low, high in ((0.0, 0.06), (0.06, 0.12), (0.12, 0.18), (0.18, 0.24)):
        part = (ring >= low) & (ring < high)
        assert found[part].mean() == pytest.approx(wanted[part].mean(), rel=0.12)
    assert found[ring > 0.4].max() < 0.02
    assert np.var(drawn) == pytest.approx(1, rel=0.03)
