"""The choice of parameters on scenes whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import sparsescope as ss
from sparsescope.engines import pick
from sparsescope.preprocess.haze import haze
from sparsescope.tuning import Choice, Request, choose

FWHM_PX = 3.2


def truth(side: int = 128) -> np.ndarray:
    rng = np.random.default_rng(5)
    image = np.zeros((side, side))
    for _ in range(25):
        place, angle = rng.random(2) * side, rng.random() * 6.3
        for _ in range(side):
            angle += rng.normal() * 0.02
            place = place + np.array([np.sin(angle), np.cos(angle)])
            y, x = place.astype(int)
            if 0 <= y < side and 0 <= x < side:
                image[y, x] += 1
    return image


def frame(photons: float, behind: float | np.ndarray = 0.0, seed: int = 0, side: int = 128) -> np.ndarray:
    blurred = ndimage.gaussian_filter(truth(side), FWHM_PX / 2.3548)
    rng = np.random.default_rng(seed)
    counts = rng.poisson(blurred / blurred.max() * photons + behind) + rng.normal(0, 1.5, blurred.shape)
    return np.rint(np.maximum(counts + 100, 0)).astype(np.float32)


def chosen(planes: np.ndarray, **changes: Any) -> Choice:
    request = Request(planes if planes.ndim == 3 else planes[None], (FWHM_PX, FWHM_PX), **changes)
    return choose(request, pick(), lambda plane, mode: haze(plane, mode, fwhm_px=FWHM_PX))


def error(image: np.ndarray) -> float:
    """Root-mean-square error against the truth at 2 px resolution, after the best affine fit."""
    goal = ndimage.gaussian_filter(truth(), 2 / 2.3548)[16:-16, 16:-16].ravel()
    best = np.inf
    for width in (0.0, 0.5, 0.85, 1.2):
        values = ndimage.gaussian_filter(image, width)[16:-16, 16:-16].ravel()
        fit = np.polynomial.Polynomial.fit(values, goal, 1)
        best = min(best, float(np.sqrt(np.mean((fit(values) - goal) ** 2))))
    return best


@pytest.fixture(scope="module")
def by_light() -> dict[int, Choice]:
    return {photons: chosen(frame(photons)) for photons in (20, 2000)}


def test_more_light_asks_for_more_fidelity_and_more_iterations(by_light: dict[int, Choice]) -> None:
    dim, bright = by_light[20].values, by_light[2000].values
    assert float(bright["fidelity"]) > 2 * float(dim["fidelity"])
    assert int(bright["deconvolution_iterations"]) > int(dim["deconvolution_iterations"])


@pytest.mark.parametrize("photons", [20, 200, 2000])
def test_the_automatic_result_beats_the_published_settings_and_the_raw_image(photons: int) -> None:
    image = frame(photons)
    automatic = ss.deconvolve(image, pixel_size_um=0.1, resolution_um=0.1 * FWHM_PX)
    default = ss.Recipe(
        background="flat", fidelity=150, sparsity=10, continuity=0, deconvolution_iterations=7, sparse_iterations=100
    )
    published = ss.deconvolve(image, default, pixel_size_um=0.1, resolution_um=0.1 * FWHM_PX)
    assert automatic.sources["fidelity"] == automatic.sources["background"] == "auto"
    assert error(np.asarray(automatic.image.data)) < 0.97 * error(np.asarray(published.image.data))
    assert error(np.asarray(automatic.image.data)) < 0.85 * error(image)


def test_haze_is_found_and_taken_away() -> None:
    y, x = np.mgrid[:128, :128] / 128
    plane = frame(500, 300 * (0.5 + 0.5 * np.sin(5 * y) * np.cos(4 * x)))
    assert chosen(plane).values["background"] == "smooth-16"


def test_the_same_request_gives_the_same_choice_on_any_number_of_threads() -> None:
    request = Request(frame(100)[None], (FWHM_PX, FWHM_PX))
    found = [choose(request, pick(threads=n), lambda plane, mode: haze(plane, mode, fwhm_px=FWHM_PX)) for n in (1, 2)]
    assert dict(found[0].values) == dict(found[1].values)
    assert found[0].curve == found[1].curve


def test_what_is_fixed_stays() -> None:
    fixed = {"fidelity": 77.0, "deconvolution_iterations": 4, "background": "flat"}
    choice = chosen(frame(100), fixed=fixed)
    assert {name: choice.values[name] for name in fixed} == fixed
    assert {point.fidelity for point in choice.curve} == {77.0}


def test_cautious_is_at_least_as_smooth_as_balanced_and_sharp_at_least_as_sharp() -> None:
    plane = frame(60)
    found = [chosen(plane, intent=intent).values for intent in ("cautious", "balanced", "sharp")]
    sharpness = [(float(v["fidelity"]), int(v["deconvolution_iterations"])) for v in found]
    assert sharpness == sorted(sharpness)
    assert sharpness[0] < sharpness[2]


def test_correlated_noise_is_held_out_in_blocks_and_its_background_is_gentle() -> None:
    plane = frame(100)
    choice = chosen((plane + np.roll(plane, 1, axis=1)) / 2)
    assert choice.radius_px >= 1
    assert choice.values["background"] == "smooth-wide"
    assert any("correlated" in note for note in choice.notes)


def test_a_still_movie_is_tied_together_and_a_fast_one_is_not() -> None:
    still = np.stack([frame(30, seed=i) for i in range(7)])
    moving = np.stack([np.roll(frame(300, seed=i), 5 * i, axis=1) for i in range(7)])
    assert float(chosen(still, axis="T").values["continuity"]) > 0
    assert float(chosen(moving, axis="T").values["continuity"]) == 0


def stacks(photons: float, shift: int) -> np.ndarray:
    """Movie of stacks, shape (5, 3, 96, 96), whose structure fades along z and moves by `shift` pixels per frame."""
    fade = (0.6, 1.0, 0.6)
    return np.stack(
        [
            np.stack([np.roll(frame(photons * fade[z], seed=10 * t + z, side=96), shift * t, axis=1) for z in range(3)])
            for t in range(5)
        ]
    )


def test_a_still_movie_of_stacks_is_tied_along_t_and_one_that_moves_is_not() -> None:
    for photons, shift in ((30, 0), (300, 4)):
        movie = stacks(photons, shift)
        fixed = {"background": "flat", "fidelity": 60.0, "sparsity": 0.2, "deconvolution_iterations": 7}
        choice = chosen(movie[2], axis="Z", frames=movie, fixed=fixed)
        assert (float(choice.values["continuity_t"]) > 0) is (shift == 0)
        assert {point.continuity_t for point in choice.curve} == {0.0, 0.1, 0.3, 1.0}
        assert any("one by one" in note for note in choice.notes) is (shift != 0)


def test_equal_rings_of_one_and_a_tenth_keep_their_ratio() -> None:
    side = 128
    y, x = np.mgrid[: 4 * side, : 4 * side] / 4
    image = sum(a * (abs(np.hypot(y - 64, x - c) - 12) < 0.4) for a, c in ((1.0, 40), (0.1, 88)))
    blurred = ndimage.gaussian_filter(image, 4 * FWHM_PX / 2.3548).reshape(side, 4, side, 4).mean((1, 3))
    rng = np.random.default_rng(2)
    counts = np.rint(rng.poisson(blurred / blurred.max() * 2000 + 20) + rng.normal(0, 1.5, (side, side)) + 100)
    result = ss.deconvolve(counts.astype(np.uint16), pixel_size_um=0.1, resolution_um=0.1 * FWHM_PX)
    light = [float(np.asarray(result.image.data)[40:90, c - 22 : c + 22].sum()) for c in (40, 88)]
    ground = float(np.median(np.asarray(result.image.data)[:30])) * 50 * 44
    assert 0.085 < (light[1] - ground) / (light[0] - ground) < 0.12
