"""Resolution of images and comparison of images, as the commands use them."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope import Channel, as_image
from sparsescope.errors import InputError
from sparsescope.evidence.compare import MEANING, compare
from sparsescope.evidence.resolution import resolution_of_one, resolution_of_two


def band_limited(cutoff: float, noise: float, seeds: tuple[int, ...], side: int = 128) -> np.ndarray:
    rng = np.random.default_rng(0)
    inside = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) < cutoff
    signal = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * inside).real
    signal /= signal.std()
    return np.stack([signal + np.random.default_rng(s).normal(0, noise, signal.shape) for s in seeds])


def test_one_image_by_decorrelation_in_pixels_and_micron() -> None:
    (found,) = resolution_of_one(as_image(band_limited(0.2, 0.3, (1,))[0], pixel_size_um=0.05))
    assert found.method == "decorrelation"
    assert found.value_px == pytest.approx(5, rel=0.06)
    assert found.value_um == pytest.approx(0.05 * found.value_px)


def test_a_movie_by_its_even_and_odd_frames() -> None:
    frames = band_limited(0.2, 1.0, tuple(range(10)))
    found = resolution_of_one(as_image(frames, "TYX"))[1]
    assert found.method == "FRC of even and odd frames, 1/7"
    assert 1 / found.value_px == pytest.approx(0.2, abs=3 / 128)
    assert found.plane == "T 0 to 9"
    assert found.value_um is None


def test_two_images_by_frc_for_each_channel_with_both_thresholds() -> None:
    data = [np.stack([band_limited(0.1, 0.5, (s,))[0], band_limited(0.3, 0.5, (s,))[0]]) for s in (1, 2)]
    images = [as_image(d, "CYX", pixel_size_um=0.1).replace(channels=[Channel("a"), Channel("b")]) for d in data]
    found, curves = resolution_of_two(*images)
    assert [(r.channel, r.method) for r in found] == [
        ("a", "FRC 1/7"), ("a", "FRC half-bit"), ("b", "FRC 1/7"), ("b", "FRC half-bit")
    ]  # fmt: skip
    assert [1 / r.value_px for r in found] == pytest.approx([0.1, 0.1, 0.3, 0.3], abs=3.5 / 128)
    assert all(r.low_px <= r.value_px <= r.high_px for r in found)
    assert len(curves) == 2


def test_the_same_image_twice_and_other_sizes_are_refused() -> None:
    image = as_image(band_limited(0.2, 0.5, (1,))[0])
    with pytest.raises(InputError, match="same pixel by pixel"):
        resolution_of_two(image, image)
    with pytest.raises(InputError, match="same axes and sizes"):
        resolution_of_two(image, as_image(np.ones((64, 64))))


def test_two_images_against_the_truth_and_against_each_other() -> None:
    truth = band_limited(0.3, 0.0, (1,))[0]
    noisy = as_image(truth + np.random.default_rng(5).normal(0, 1, truth.shape))
    found = compare({"copy": as_image(truth * 2 + 9), "noisy": noisy, "truth": as_image(truth)}, "truth")
    assert [(c.first, c.second) for c in found] == [("copy", "truth"), ("noisy", "truth"), ("copy", "noisy")]
    assert found[0].correlation == pytest.approx(1)
    assert found[0].rsp == pytest.approx(1, abs=1e-4)
    for name in ("agreement", "psnr_2px_db", "correlation", "rsp"):
        assert getattr(found[0], name) > getattr(found[1], name)
    assert found[0].rse < found[1].rse
    assert set(MEANING) <= set(found[0].__dataclass_fields__)


def test_without_a_truth_there_is_one_comparison() -> None:
    first, second = band_limited(0.2, 0.5, (1, 2))
    (found,) = compare({"a": as_image(first), "b": as_image(second)})
    assert 1 / found.frc_px == pytest.approx(0.2, abs=3 / 128)
    assert found.correlation == pytest.approx(1 / 1.25, abs=0.03)


@pytest.mark.parametrize("bad", [np.full((64, 64), np.nan), np.ones((32, 64))])
def test_what_cannot_be_compared_is_refused_with_its_reason(bad: np.ndarray) -> None:
    with pytest.raises(InputError):
        compare({"a": as_image(bad), "b": as_image(np.random.default_rng(0).random(bad.shape))})
