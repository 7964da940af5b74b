"""Injection and recovery with reconstructions whose resolving power is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.errors import InputError
from sparsescope.quality.injection import (
    Pair,
    Recovery,
    add_pairs,
    blurred_pair,
    half_recovered,
    inject_and_recover,
    local_half_recovered,
    resolved,
    separations_px,
    sites,
)

FWHM = 4.0


def structures(side: int = 256) -> np.ndarray:
    light = np.zeros((side, side), np.float32)
    light[::16] = 100
    return ndimage.gaussian_filter(light, 0.4247 * FWHM)


def sharpened(scale: float):
    """A linear reconstruction that leaves a Gaussian of `scale` times the PSF's width (noise-free data)."""

    def reconstruct(data: np.ndarray) -> np.ndarray:
        frequency = np.hypot(np.fft.fftfreq(data.shape[0])[:, None], np.fft.rfftfreq(data.shape[1]))
        sigma = 0.424661 * FWHM
        gain = np.exp(2 * (np.pi * sigma * frequency) ** 2 * (1 - scale**2))
        return np.fft.irfft2(np.fft.rfft2(data) * gain, s=data.shape)

    return reconstruct


def expected_separation(scale: float) -> float:
    """Distance of two Gaussians of that width whose middle is 0.735 of their peaks."""
    sigma = np.sqrt((0.424661 * FWHM * scale) ** 2 + 1 / 12)
    u = np.linspace(-8, 8, 3201)
    for distance in np.linspace(1, 12, 1101):
        profile = sum(np.exp(-((u - s * distance / 2) ** 2) / (2 * sigma**2)) for s in (-1, 1))
        if profile[1600] < 0.735 * profile.max():
            return float(distance)
    raise AssertionError


@pytest.mark.parametrize("scale", [1.0, 0.75])
def test_half_of_the_pairs_come_apart_where_optics_says(scale: float) -> None:
    light = structures()
    found = inject_and_recover(
        sharpened(scale), light, light, fwhm_px=FWHM, faintest=1.0, counts_per_photon=0.0,
        separations=np.linspace(2.2, 6.2, 9),
    )  # fmt: skip
    assert half_recovered(found).separation_px == pytest.approx(expected_separation(scale), rel=0.08)


def test_noise_costs_resolving_power() -> None:
    light = structures()

    def separation(noise: float) -> tuple[float | None, str]:
        def reconstruct(data: np.ndarray) -> np.ndarray:
            rng = np.random.default_rng(int(data.sum()))
            return sharpened(0.7)(data) + rng.normal(0, noise, data.shape)

        found = inject_and_recover(
            reconstruct, light, light, fwhm_px=FWHM, faintest=1.0, counts_per_photon=0.0, rounds=2
        )
        fit = half_recovered(found)
        return fit.separation_px, fit.side

    clean, _ = separation(0.0)
    dirty, side = separation(60.0)
    assert clean is not None
    assert side == "above" or (dirty is not None and dirty > 1.1 * clean)


def test_a_blurred_pair_is_two_lines_through_the_psf() -> None:
    window, light = blurred_pair((80, 80), Pair(40.0, 40.0, 0.0, 6.0, 10.0), FWHM)
    image = np.zeros((80, 80))
    image[window] = light
    fine = np.zeros((800, 800))
    for y in (37.0, 43.0):
        fine[round((y + 0.5) * 10), round((40.5 - FWHM) * 10) : round((40.5 + FWHM) * 10)] = 1
    seen = ndimage.gaussian_filter(fine, 10 * 0.424661 * FWHM).reshape(80, 10, 80, 10).mean((1, 3))
    assert np.allclose(image / image.sum(), seen / seen.sum(), atol=2e-4 * image.max())
    assert image[37, 40] == pytest.approx(10, rel=0.08)


def test_photons_are_added_as_whole_photons_with_their_noise() -> None:
    data = np.zeros((80, 80))
    pair = Pair(40.0, 40.0, 0.5, 6.0, 200.0)
    added = add_pairs(data, [pair], FWHM, 2.0, np.random.default_rng(0))
    assert np.allclose(added % 2, 0)
    _, light = blurred_pair((80, 80), pair, FWHM)
    assert added.sum() == pytest.approx(light.sum(), rel=0.05)
    assert np.array_equal(add_pairs(data, [pair], FWHM, 0.0, np.random.default_rng(0)).max(), light.max())


@pytest.mark.parametrize("angle", [0.0, 0.6, 1.5, 2.8])
@pytest.mark.parametrize("factor", [1, 2])
def test_two_lines_are_seen_at_any_angle_and_sampling_and_one_line_is_not(angle: float, factor: int) -> None:
    side = 64 * factor
    image = np.zeros((side, side))
    for distance, shift in ((6.0, 0.0),):
        pair = Pair(31.5 + shift, 31.5, angle, distance, 1.0)
        fine = Pair(factor * (pair.y + 0.5) - 0.5, factor * (pair.x + 0.5) - 0.5, angle, factor * distance, 1.0)
        window, light = blurred_pair(image.shape, fine, FWHM * factor * 0.5)
        image[window] += light
    assert resolved(image, pair, FWHM, factor)
    assert not resolved(image, Pair(31.5, 31.5, angle + np.pi / 2, 6.0, 1.0), FWHM, factor)
    one = np.zeros((side, side))
    window, light = blurred_pair(one.shape, Pair(fine.y, fine.x, angle, 0.0, 1.0), FWHM * factor * 0.5)
    one[window] = light
    assert not resolved(one, Pair(31.5, 31.5, angle, 4.0, 1.0), FWHM, factor)


def test_sites_are_near_structures_apart_from_each_other_and_as_bright() -> None:
    light = structures()
    light[:, 128:] = 0
    places = sites(light, FWHM, 5.0, seed=1)
    assert len(places) > 10
    assert max(x for _, x, _ in places) < 128 + 2 * FWHM + 1
    points = np.array([(y, x) for y, x, _ in places])
    gaps = np.hypot(*(points[:, None] - points[None]).T)[~np.eye(len(points), dtype=bool)]
    assert gaps.min() > 5 * FWHM
    assert all(5 < level < light.max() for _, _, level in places)
    assert not sites(np.zeros((128, 128)), FWHM, 5.0, seed=1)


@pytest.mark.parametrize("centre", [3.0, 5.0])
def test_the_logistic_fit_finds_the_middle_with_its_error(centre: float) -> None:
    rng = np.random.default_rng(0)
    found, errors = [], []
    for _ in range(20):
        distances = np.repeat(np.linspace(2, 7, 6), 40)
        hits = rng.uniform(size=distances.size) < 1 / (1 + np.exp(-(distances - centre) / 0.5))
        fit = half_recovered(Recovery(tuple(Pair(0, 0, 0, d, 1) for d in distances), hits))
        found.append(fit.separation_px)
        errors.append(fit.error_px)
    assert np.mean(found) == pytest.approx(centre, abs=0.05)
    assert np.std(found) == pytest.approx(np.mean(errors), rel=0.6)


@pytest.mark.parametrize(("recovered", "side"), [(True, "below"), (False, "above")])
def test_all_or_none_lies_outside_what_was_tried(recovered: bool, side: str) -> None:
    pairs = tuple(Pair(0, 0, 0, d, 1) for d in (2.0, 3.0, 4.0) for _ in range(10))
    fit = half_recovered(Recovery(pairs, np.full(30, recovered)))
    assert (fit.separation_px, fit.side) == (None, side)


def test_nothing_injected_is_an_error_that_says_why() -> None:
    with pytest.raises(InputError, match="no structure"):
        half_recovered(Recovery((), np.zeros(0, bool)))


def test_the_map_tells_the_good_half_of_an_image_from_the_bad_one() -> None:
    rng = np.random.default_rng(0)
    pairs, hits = [], []
    for y, x in rng.uniform(0, 256, (600, 2)):
        distance = float(rng.choice(separations_px(FWHM)))
        pairs.append(Pair(y, x, 0, distance, 1))
        hits.append(distance > (3 if x < 128 else 5))
    found = local_half_recovered(Recovery(tuple(pairs), np.array(hits)), (256, 256), FWHM)
    assert np.nanmedian(found[:, :50]) == pytest.approx(3, abs=0.5)
    assert np.nanmedian(found[:, -50:]) == pytest.approx(5, abs=0.6)


def test_the_same_seed_gives_the_same_recovery() -> None:
    light = structures(128)
    found = [
        inject_and_recover(
            sharpened(0.8), light, light, fwhm_px=FWHM, faintest=1.0, counts_per_photon=1.0, seed=4
        ).recovered
        for _ in range(2)
    ]  # fmt: skip
    assert np.array_equal(*found)
