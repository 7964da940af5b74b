"""Images that tell little: each gives a sober result and says in plain words what it lacks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import sparsescope as ss

SIDE = 128
SIZES = {"pixel_size_um": 0.0625, "resolution_um": 0.2}


def structures(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    blurred = ndimage.gaussian_filter((rng.random((SIDE, SIDE)) < 0.01) * 1.0, 3.2 / 2.3548)
    return blurred / blurred.max()


def said(result: ss.Result, words: str) -> bool:
    return any(words in note for note in result.notes)


@pytest.mark.parametrize("light", [0.5, 40])
def test_an_empty_image_is_called_so_and_its_noise_is_not_sharpened(light: float) -> None:
    data = (np.random.default_rng(0).poisson(light, (SIDE, SIDE)) + 100).astype(np.uint16)
    result = ss.deconvolve(data, **SIZES)
    assert said(result, "nothing stands out")
    smooth = [ndimage.gaussian_filter(np.asarray(v, float), 1) for v in (result.image.data, data)]
    assert smooth[0].std() < 0.8 * smooth[1].std()


def test_structures_are_not_called_nothing() -> None:
    data = (np.random.default_rng(0).poisson(30 * structures() + 5) + 100).astype(np.uint16)
    assert not said(ss.deconvolve(data, **SIZES), "nothing stands out")


def test_one_bead_is_kept_and_the_few_pixels_are_named() -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    bead = np.exp(-((y - 60) ** 2 + (x - 70) ** 2) / 2 / (3.2 / 2.3548) ** 2)
    data = (np.random.default_rng(0).poisson(1000 * bead + 10) + 100).astype(np.uint16)
    result = ss.deconvolve(data, **SIZES)
    values = np.asarray(result.image.data)
    assert said(result, "few pixels")
    assert np.unravel_index(values.argmax(), values.shape) == (60, 70)
    assert values[52:69, 62:79].sum() == pytest.approx(1000 * bead.sum(), rel=0.35)
    assert values[:40].max() < 0.02 * values.max()


def test_saturated_pixels_are_counted_and_no_reason_for_blocks() -> None:
    data = np.minimum(np.random.default_rng(0).poisson(3000 * structures() + 20) + 100, 1200).astype(np.uint16)
    result = ss.deconvolve(data, **SIZES)
    assert said(result, "saturated")
    assert result.tuning[0] is not None
    assert result.tuning[0].radius_px == 0
    assert np.isfinite(result.image.data).all()


def test_a_frame_with_filled_in_borders_is_still_a_camera_frame() -> None:
    data = np.random.default_rng(0).poisson(300 * structures() + 50) + 100
    result = ss.deconvolve(np.pad(data[:90, :100], ((20, 18), (28, 0))).astype(np.uint16), **SIZES)
    assert result.tuning[0] is not None
    assert result.tuning[0].radius_px == 0


def test_lossy_compression_is_named() -> None:
    image = pytest.importorskip("imagecodecs")
    raw = np.clip(np.random.default_rng(0).poisson(200 * structures() + 10), 0, 255).astype(np.uint8)
    data = image.jpeg_decode(image.jpeg_encode(raw, level=50))
    result = ss.deconvolve(data, **SIZES)
    assert said(result, "JPEG")
    assert np.asarray(result.image.data).max() < 20 * float(data.max())


def test_eight_bits_after_gamma_give_a_finite_result_without_photons() -> None:
    data = np.rint(255 * structures() ** 0.5).astype(np.uint8)
    result = ss.deconvolve(data, **SIZES)
    assert result.cameras[0] is not None
    assert result.cameras[0].gain_e_per_count is None
    assert np.isfinite(result.image.data).all()
