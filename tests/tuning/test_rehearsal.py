"""A made-up frame whose truth is known, and the settings that come nearest to it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.engines import pick
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.tuning import Choice, Request, choose
from sparsescope.tuning.choice import Point
from sparsescope.tuning.rehearsal import NEAR, Rehearsal, Target
from sparsescope.tuning.trial import Bench, Setting

SIDE, FWHM_PX, BEHIND = 96, 3.2, 100.0
FIRST = Setting(100.0, 1.0, (10,))


def lines(light: float, seed: int = 0) -> np.ndarray:
    """Counts of a few straight lines on a flat background."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    truth = np.zeros((SIDE, SIDE))
    for _ in range(6):
        angle, away = rng.uniform(0, np.pi), rng.uniform(-30, 30)
        truth += np.abs((y - SIDE / 2) * np.cos(angle) + (x - SIDE / 2) * np.sin(angle) - away) < 0.7
    blurred = ndimage.gaussian_filter(truth, FWHM_PX / 2.3548)
    return rng.poisson(light * blurred / blurred.max() + BEHIND).astype(np.float32)


def bench(plane: np.ndarray) -> Bench:
    kernel = gaussian_kernel1d(FWHM_PX)
    behind = np.full_like(plane, BEHIND)
    scale = float((plane - behind).max())
    return Bench(
        plane[None], behind[None], np.ones_like(plane)[None], slice(0, 1), scale, (kernel, kernel), "rl", 50, 0
    )


def rehearsal(plane: np.ndarray, variance: tuple[float, float, float] = (1.0, 0.0, 1.0), seed: int = 0) -> Rehearsal:
    return Rehearsal.of(bench(plane), FIRST, variance, (FWHM_PX, FWHM_PX), pick(threads=1), seed)


def test_the_error_is_the_part_of_the_truth_that_is_not_explained_at_any_scale_and_level() -> None:
    rng = np.random.default_rng(0)
    truth = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 4).astype(np.float32)
    target = Target(truth, (FWHM_PX, FWHM_PX))
    other = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 4).astype(np.float32)
    other *= truth.std() / other.std()
    assert target.error(5 * truth + 3) == pytest.approx(0, abs=1e-5)
    assert target.error(-truth) == pytest.approx(1)
    assert target.error(truth + other) == pytest.approx(0.5, abs=0.12)  # the two are nearly, not quite, orthogonal
    assert target.error(truth + 0.3 * other) == pytest.approx(0.09 / 1.09, abs=0.05)


def test_what_is_finer_than_half_the_psf_does_not_count() -> None:
    truth = lines(300.0)
    target = Target(truth, (FWHM_PX, FWHM_PX))
    checks = 40 * (-1.0) ** np.add.outer(np.arange(SIDE), np.arange(SIDE))
    assert target.error((truth + checks).astype(np.float32)) == pytest.approx(0, abs=1e-3)
    assert np.var(checks) > 0.5 * np.var(truth)


def test_the_made_up_frame_has_the_light_of_the_plane_and_the_noise_that_was_measured() -> None:
    plane = lines(500.0)
    quiet, noisy = (rehearsal(plane, (0.0, v, 0.0)).nets[0][0] * bench(plane).scale for v in (1e-9, 400.0))
    assert (noisy - quiet).std() == pytest.approx(20, rel=0.03)
    photons = rehearsal(plane).nets[0][0] * bench(plane).scale
    bright, dark = quiet > 300, quiet < 20
    assert np.var((photons - quiet)[bright]) == pytest.approx(BEHIND + quiet[bright].mean(), rel=0.25)
    assert np.var((photons - quiet)[dark]) == pytest.approx(BEHIND + quiet[dark].mean(), rel=0.1)
    assert quiet.sum() == pytest.approx((plane - BEHIND).sum(), rel=0.1)


def test_noise_of_a_spectrum_has_the_same_strength_and_no_other_frequencies() -> None:
    plane = lines(500.0)
    ring = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE))
    spectrum = np.where(ring < 0.2, 1.0, 0.0)
    drawn = []
    for variance, shape in ((400.0, spectrum / spectrum.mean()), (1e-9, None)):
        made = Rehearsal.of(
            bench(plane), FIRST, (0.0, variance, 0.0), (FWHM_PX, FWHM_PX), pick(threads=1), 0, spectrum=shape
        )  # fmt: skip
        drawn.append(made.nets[0][0] * bench(plane).scale)
    noise = drawn[0] - drawn[1]
    assert noise.std() == pytest.approx(20, rel=0.05)
    power = np.abs(np.fft.fft2(noise)) ** 2
    assert power[ring > 0.2].sum() < 1e-4 * power.sum()


def test_more_noise_asks_for_smoother_settings() -> None:
    settings = [Setting(f, 0.003 * f, (3, 7, 14, 30)) for f in (10.0, 30.0, 100.0, 300.0)]
    best = []
    for spread in (3.0, 30.0, 120.0):
        trials = rehearsal(lines(600.0), (0.0, spread**2, 0.0))
        trials.run(settings)
        best.append(trials.best())
    assert best[0][3] > best[2][3]
    assert best[0][0] > best[2][0]


def test_of_settings_equally_near_the_one_of_most_iterations_is_taken() -> None:
    trials = rehearsal(lines(300.0))
    trials.found = {(100.0, 0.3, 0.0, k): e for k, e in ((5, 0.10), (7, 0.11), (10, 0.1 * (1 + NEAR)), (14, 0.12))}
    assert trials.best()[3] == 10


def test_but_of_no_more_than_made_the_truth_unless_the_least_error_has_more() -> None:
    trials = rehearsal(lines(300.0))
    assert trials.most == FIRST.iterations[0]
    trials.most = 7
    trials.found = {(100.0, 0.3, 0.0, k): e for k, e in ((5, 0.10), (7, 0.101), (10, 0.102), (14, 0.103))}
    assert trials.best()[3] == 7
    trials.found[100.0, 0.3, 0.0, 10] = 0.099
    assert trials.best()[3] == 10


def test_a_sparsity_that_is_ruled_out_is_not_taken() -> None:
    trials = rehearsal(lines(300.0))
    trials.found = {(100.0, s, 0.0, 5): e for s, e in ((1.0, 0.3), (2.0, 0.2), (3.0, 0.1))}
    assert trials.best()[1] == 3.0
    trials.below = 0.03
    assert trials.best()[1] == 2.0
    trials.below = 0.02
    assert trials.equals(9.0) == [(100.0, 1.0, 0.0, 5)]


def with_dim_line(light: float, part: float) -> Choice:
    """Return the choice for three bright points and a line of part of their height."""
    y, x = np.mgrid[:SIDE, :SIDE]
    dim = ndimage.gaussian_filter((np.abs(x - 0.2 * y - 30) < 0.7).astype(float), FWHM_PX / 2.3548)
    bright = np.zeros((SIDE, SIDE))
    bright[[20, 50, 70], [60, 75, 62]] = 1.0
    bright = ndimage.gaussian_filter(bright, FWHM_PX / 2.3548)
    signal = light * (bright / bright.max() + part * dim / dim.max())
    plane = np.random.default_rng(0).poisson(signal + BEHIND).astype(np.float32)
    behind = np.full_like(plane, BEHIND)
    return choose(Request(plane[None], (FWHM_PX, FWHM_PX)), pick(threads=1), lambda *_: behind)


def offset(of: Point) -> float:
    return of.sparsity / of.fidelity


def test_dim_lines_beside_bright_points_are_not_erased() -> None:
    choice = with_dim_line(700, 0.04)
    chosen = float(choice.values["sparsity"]) / float(choice.values["fidelity"])
    assert max(map(offset, choice.rehearsed)) > 0.025
    assert offset(min(choice.rehearsed, key=lambda point: point.score)) > 1.5 * chosen


def test_in_bright_frames_no_sparsity_far_above_the_noise_is_tried() -> None:
    dark, noise = 3.0 * 1.1 / 3000, BEHIND**0.5
    assert max(map(offset, with_dim_line(3000, 0.0).rehearsed)) <= dark * noise
    assert max(map(offset, with_dim_line(300, 0.0).rehearsed)) > 0.04


def test_a_camera_frame_is_rehearsed_the_same_way_twice_and_a_mean_of_neighbours_is_not() -> None:
    plane = lines(300.0)
    behind = np.full_like(plane, BEHIND)
    fixed = {"sparsity": 0.3, "background": "flat"}
    found = [
        choose(Request(p[None], (FWHM_PX, FWHM_PX), fixed), pick(threads=1), lambda *_: behind)
        for p in (plane, plane, (plane + np.roll(plane, 1, axis=1)) / 2)
    ]
    assert found[0].rehearsed == found[1].rehearsed
    assert found[0].values == found[1].values
    tried = {(point.fidelity, point.iterations): point.score for point in found[0].rehearsed}
    chosen = (found[0].values["fidelity"], found[0].values["deconvolution_iterations"])
    assert tried[chosen] <= (1 + NEAR) * min(tried.values())
    assert found[2].radius_px > 0
    assert found[2].rehearsed == ()


def test_what_is_all_fixed_needs_no_rehearsal() -> None:
    plane = lines(300.0)
    fixed = {"fidelity": 50.0, "sparsity": 0.3, "deconvolution_iterations": 5, "background": "flat"}
    behind = np.full_like(plane, BEHIND)
    choice = choose(Request(plane[None], (FWHM_PX, FWHM_PX), fixed), pick(threads=1), lambda *_: behind)
    assert choice.rehearsed == ()
    assert {name: choice.values[name] for name in fixed} == fixed
