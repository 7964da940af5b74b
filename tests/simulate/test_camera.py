"""Cameras: mean and variance are those of the model, and each flaw is where it is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.errors import RecipeError
from sparsescope.simulate.camera import CAMERAS, Camera

SHAPE = (400, 500)


def frame(camera: Camera, photons: float, seed: int = 0) -> np.ndarray:
    return camera.expose(np.full(SHAPE, photons), np.random.default_rng(seed)).astype(float)


@pytest.mark.parametrize("photons", [0.0, 3.0, 200.0])
@pytest.mark.parametrize(
    "camera",
    [CAMERAS["ideal"], CAMERAS["ccd"], CAMERAS["emccd"], Camera(gain_e_per_count=2.5, read_noise_e=4)],
    ids=["ideal", "ccd", "emccd", "coarse"],
)
def test_mean_and_variance_are_those_of_the_model(camera: Camera, photons: float) -> None:
    values = frame(camera, photons)
    expected = float(camera.variance_counts(photons))
    error = np.sqrt(expected / values.size)
    assert values.mean() == pytest.approx(
        camera.offset_counts + photons / camera.gain_e_per_count, abs=5 * error + 1e-9
    )
    assert values.var() == pytest.approx(expected, rel=0.03, abs=1e-9)


def test_multiplication_doubles_the_variance_of_light() -> None:
    plain = Camera(read_noise_e=0, bits=0, offset_counts=0)
    multiplied = Camera(read_noise_e=0, bits=0, offset_counts=0, em_gain=300)
    assert frame(multiplied, 100).var() / frame(plain, 100).var() == pytest.approx(2, rel=0.03)


def test_reading_after_multiplication_hardly_counts() -> None:
    assert frame(Camera(read_noise_e=50, em_gain=500, bits=0), 0.0).std() == pytest.approx(0.1, rel=0.02)


def test_the_pixels_of_an_scmos_camera_differ_as_stated_and_stay_the_same() -> None:
    camera = CAMERAS["scmos"]
    maps = camera.maps(SHAPE, np.random.default_rng(3))
    assert maps.offset_counts.std() == pytest.approx(camera.offset_spread_counts, rel=0.02)
    assert maps.gain_e_per_count.std() / camera.gain_e_per_count == pytest.approx(camera.gain_spread, rel=0.02)
    assert np.log(maps.read_noise_e).std() == pytest.approx(camera.read_noise_spread, rel=0.02)
    rng = np.random.default_rng(4)
    frames = np.stack([camera.expose(np.zeros(SHAPE), rng, maps) for _ in range(60)]).astype(float)
    assert np.corrcoef(frames.mean(0).ravel(), maps.offset_counts.ravel())[0, 1] > 0.9
    own = np.sqrt(frames.var(0) - 1 / 12) * camera.gain_e_per_count
    assert np.corrcoef(own.ravel(), maps.read_noise_e.ravel())[0, 1] > 0.8


def test_a_full_pixel_holds_no_more_and_a_count_has_its_bits() -> None:
    assert frame(Camera(full_well_e=1000, read_noise_e=0, offset_counts=100), 5000).max() == 1100
    assert frame(Camera(bits=8, read_noise_e=0), 5000).max() == 255
    assert frame(Camera(offset_counts=0, read_noise_e=50), 0).min() == 0


@pytest.mark.parametrize(
    "wrong",
    [{"gain_e_per_count": 0}, {"read_noise_e": -1}, {"em_gain": 0.5}, {"bits": 4}, {"offset_counts": float("nan")}],
)
def test_a_camera_that_cannot_be_is_refused_in_words(wrong: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=r"allowed|must be"):
        Camera(**wrong)  # type: ignore[arg-type]
