"""Small gauges against answers that are known: stability, linearity, zeros, narrow features, exposure, movies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.errors import InputError
from sparsescope.quality.exposure import sampling, saturated_fraction
from sparsescope.quality.linearity import linearity
from sparsescope.quality.movie import light_over_time
from sparsescope.quality.narrow import narrow_features
from sparsescope.quality.nonzero import nonzero
from sparsescope.quality.stability import disagreement, sensitivity


def gaussian(fwhm_y: float, fwhm_x: float, side: int = 41, shift: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2 - shift
    return np.exp(-(y**2 / fwhm_y**2 + x**2 / fwhm_x**2) * 4 * np.log(2))


def test_halves_of_equal_noise_give_the_noise_of_their_mean() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.normal(50, 3, (200, 200)) for _ in range(2))
    assert disagreement(first, second, 10.0).mean() == pytest.approx(3 / np.sqrt(2), rel=0.03)
    assert not disagreement(first, first, 3.0).any()


def test_disagreement_stays_where_it_is() -> None:
    first = np.zeros((64, 64))
    second = first.copy()
    second[30, 30] = 10
    found = disagreement(first, second, 3.0)
    assert found[30, 30] == found.max()
    assert not found[:15].any()


def test_sensitivity_is_the_root_mean_square_over_variants() -> None:
    base = np.full((16, 16), 5.0)
    assert np.allclose(sensitivity(base, [base + 3, base - 4], 2.0), np.sqrt(12.5))
    with pytest.raises(InputError, match="no variants"):
        sensitivity(base, [], 2.0)
    with pytest.raises(InputError, match="one shape"):
        sensitivity(base, [base[:8]], 2.0)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_linear_map_has_exponent_one_and_a_power_its_own(factor: float) -> None:
    light = np.random.default_rng(0).gamma(0.5, 10, (64, 64)).astype(np.float32)
    blurred = linearity(lambda x: 4 * ndimage.gaussian_filter(x, 1.5), light, factor)
    assert (blurred.exponent, blurred.dim_exponent) == pytest.approx((1, 1), abs=1e-4)
    assert blurred.deviation_percent < 0.01
    assert linearity(lambda x: x**1.4, light, factor).exponent == pytest.approx(1.4, abs=1e-3)


def test_an_offset_taken_away_pushes_dim_structures_down_more_than_bright_ones() -> None:
    light = np.random.default_rng(0).uniform(0, 100, (64, 64)).astype(np.float32)
    found = linearity(lambda x: np.maximum(x - 5, 0), light)
    assert found.dim_exponent is not None
    assert found.dim_exponent > 1.5
    assert 1 < found.exponent < 1.3
    with pytest.raises(InputError, match="factor"):
        linearity(lambda x: x, light, 1.0)


def test_zeros_are_counted_above_the_stated_threshold_and_exactly_in_the_optimum() -> None:
    light = np.ones((10, 10))
    result = np.zeros((10, 10))
    result[0] = 1
    result[1] = 0.005
    found = nonzero(light, result, optimum=result)
    assert (found.before, found.after, found.optimum, found.threshold) == (1.0, 0.1, 0.2, 0.01)
    assert nonzero(light, 0 * light).after == 0


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.5])
@pytest.mark.parametrize(("fwhm", "marked"), [(1.2, True), (1.8, True), (2.2, False), (4.0, False)])
def test_lines_and_spots_under_two_pixels_are_marked_wherever_their_centre_lies(
    fwhm: float, marked: bool, shift: float
) -> None:
    for image in (gaussian(fwhm, fwhm, shift=shift), gaussian(fwhm, 30, shift=shift), gaussian(30, fwhm, shift=shift)):
        assert narrow_features(image).any() == marked


def test_a_wide_structure_with_one_hot_pixel_is_marked_at_that_pixel_only() -> None:
    image = gaussian(20, 20)
    image[20, 20] *= 3
    assert np.argwhere(narrow_features(image)).tolist() == [[20, 20]]
    assert not narrow_features(np.zeros((8, 8))).any()


def test_saturation_is_that_of_the_detector() -> None:
    values = np.zeros((10, 10), np.uint16)
    values[0, :5] = 4095
    assert saturated_fraction(values) == 0.05
    assert saturated_fraction(values, full_scale=65535) == 0
    assert saturated_fraction(np.full((4, 4), 255, np.uint8)) == 1
    assert saturated_fraction(values.astype(float)) is None


@pytest.mark.parametrize(("width", "colour"), [(1.9, "red"), (2.0, "amber"), (2.9, "amber"), (3.0, "green")])
def test_sampling_has_three_colours(width: float, colour: str) -> None:
    assert sampling(width)[0] == colour


def test_bleaching_and_flicker_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(200)
    smooth = light_over_time(1000 * np.exp(-time / 400))
    assert smooth is not None
    assert smooth.lost_percent == pytest.approx(100 * (1 - np.exp(-199 / 400)), abs=0.01)
    assert smooth.flicker_percent < 0.01
    flickering = light_over_time(1000 * (1 + rng.normal(0, 0.03, 200)))
    assert flickering is not None
    assert flickering.flicker_percent == pytest.approx(3, rel=0.15)
    assert abs(flickering.lost_percent) < 2


def test_few_frames_or_no_light_say_nothing() -> None:
    assert light_over_time([1, 2, 3]) is None
    assert light_over_time([1, 0, 1, 1, 1]) is None
    with pytest.raises(InputError, match="one number"):
        light_over_time(np.ones((3, 3)))
