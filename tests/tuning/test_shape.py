"""Which shape of the PSF the held-out pixels ask for, on frames whose PSF is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import fft

from sparsescope.engines import pick
from sparsescope.optics.airy import airy_psf
from sparsescope.optics.gaussian import gaussian_kernel1d, gaussian_psf
from sparsescope.tuning import Request
from sparsescope.tuning.holdout import hold_out
from sparsescope.tuning.search import Search
from sparsescope.tuning.shape import FARTHER, FEWEST, best_again, seen_through
from sparsescope.tuning.trial import Bench, Setting

SIDE, FWHM_PX, BEHIND = 128, 4.0, 40.0
WIDTHS = (FWHM_PX, FWHM_PX)
AIRY = airy_psf(WIDTHS)


def blurred(truth: np.ndarray, psf: np.ndarray) -> np.ndarray:
    """Blur a field whose opposite borders touch."""
    spread = np.zeros(truth.shape)
    spread[: psf.shape[0], : psf.shape[1]] = psf
    spread = np.roll(spread, [-(n // 2) for n in psf.shape], (0, 1))
    return fft.irfft2(fft.rfft2(truth) * fft.rfft2(spread), truth.shape)


def rings(psf: np.ndarray, light: float, seed: int = 0, count: int = 12) -> np.ndarray:
    """Counts of rings on a flat background."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((SIDE, SIDE))
    angle = np.linspace(0, 2 * np.pi, 200)
    for y, x in rng.uniform(0, SIDE, (count, 2)):
        rows, columns = (np.rint(c + 9 * f(angle)).astype(int) % SIDE for c, f in ((y, np.sin), (x, np.cos)))
        truth[rows, columns] = rng.uniform(0.5, 1)
    seen = blurred(truth, psf)
    return rng.poisson(light * seen / seen.max() + BEHIND).astype(np.float32)


def searched(plane: np.ndarray, counts: tuple[int, ...] = (1, 3, 5, 10, 20, 30), behind: float = BEHIND) -> Search:
    kernel = gaussian_kernel1d(FWHM_PX)
    level = np.full_like(plane, behind)[None]
    scale = float((plane - behind).max())
    bench = Bench(plane[None], level, np.ones_like(level), slice(0, 1), scale, (kernel, kernel), "rl", 40, 0)
    holdouts = [[hold_out(plane.shape, 0, seed)] for seed in (0, 1)]
    search = Search(bench, holdouts, pick(threads=1), "flat")
    search.run([Setting(150.0, 1.5, counts)])
    return search


@cache
def bright(airy: bool) -> Search:
    return searched(rings(AIRY if airy else gaussian_psf(FWHM_PX), 2000.0))


def request(**changes: object) -> Request:
    return replace(Request(np.zeros((1, SIDE, SIDE), np.float32), WIDTHS, psf_open=True), **changes)


def is_airy(search: Search) -> bool:
    return seen_through(search, request(), pick(threads=1)) is not None


def test_bright_frames_tell_an_airy_pattern_from_a_gaussian() -> None:
    assert is_airy(bright(True))
    assert not is_airy(bright(False))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_gaussian_is_never_taken_for_an_airy_pattern(seed: int) -> None:
    for light in (20.0, 200.0):
        assert not is_airy(searched(rings(gaussian_psf(FWHM_PX), light, seed)))


def test_where_noise_hides_the_difference_the_gaussian_stays() -> None:
    assert not is_airy(searched(rings(AIRY, 8.0)))


def test_a_background_that_took_the_far_light_does_not_hide_the_shape() -> None:
    plane = rings(AIRY, 2000.0, count=60)
    too_high = BEHIND + 0.2 * float((plane - BEHIND).mean())
    assert is_airy(searched(plane, behind=too_high))


def test_results_of_few_iterations_tell_nothing() -> None:
    assert max(count for count in (1, 3) if count < FEWEST) == 3
    assert not is_airy(searched(rings(AIRY, 2000.0), counts=(1, 3)))


def test_what_is_given_is_taken_and_what_is_not_open_is_not_asked() -> None:
    other = gaussian_psf(3.0)
    given = seen_through(bright(False), request(psf=other), pick(threads=1))
    assert given is not None
    assert given.bench.psf is other
    assert seen_through(bright(True), request(psf_open=False), pick(threads=1)) is None


def test_the_search_goes_on_with_the_other_psf_at_the_best_setting_and_the_same_background() -> None:
    search = bright(True)
    best = search.best()
    for threads in (1, 2):
        again = seen_through(search, request(), pick(threads=threads))
        assert again is not None
        assert np.array_equal(again.bench.psf, AIRY)
        assert again.bench.behind is search.bench.behind or np.array_equal(again.bench.behind, search.bench.behind)
        assert {key[:3] for key in again.found} == {best[:3]}
        assert {key[3] for key in again.found} == set(best_again(search).iterations)
        assert max(best_again(search).iterations) <= max(FARTHER * best[3], FEWEST)
        assert again.score(again.best()) < search.score(best)
    assert search.bench.psf is None


def test_a_bench_with_the_gaussian_as_an_array_gives_what_its_kernels_give() -> None:
    search = bright(False)
    net = (search.bench.data - search.bench.behind) / np.float32(search.bench.scale)
    setting, engine = Setting(150.0, 1.5, (10,)), pick(threads=1)
    mirrored, image = next(search.bench.predicted(setting, net, engine))
    sampled, other = next(replace(search.bench, psf=gaussian_psf(FWHM_PX)).predicted(setting, net, engine))
    inner = (slice(12, -12),) * 2  # beyond the borders one has a mirror image, the other an object of its own
    assert sampled.shape == mirrored.shape == image.shape == other.shape
    assert np.abs(sampled - mirrored)[inner].max() < 0.02 * mirrored.max()
    assert np.abs(other - image)[inner].max() < 2e-3 * image.max()
