"""``pytest benchmarks/quality``: the measures are those of the yardstick; the scenes are what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import mild
import numpy as np
import pytest
from scenes import DEVELOPMENT, HELD_OUT, KINDS, RING_RADIUS, RINGS, SIDE, scene, scenes
from score import Measures, false_structure, ring_ratio

YARDSTICK = Path(__file__).resolve().parents[3] / "shared" / "yardstick.py"


@pytest.fixture(scope="module")
def yardstick():
    if not YARDSTICK.exists():
        pytest.skip("no ../shared beside the repository: the yardstick itself is not here to compare with")
    spec = importlib.util.spec_from_file_location("yardstick", YARDSTICK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("shape", [(256, 256), (129, 160)])
def test_the_three_measures_equal_the_yardstick(yardstick, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(shape) ** 8
    for result in (rng.random(shape), truth + 0.3 * rng.random(shape), np.ones(shape)):
        measures = Measures(truth)
        assert measures.agreement(result) == pytest.approx(yardstick.agreement(result, truth), abs=1e-9)
        assert measures.psnr(result) == pytest.approx(yardstick.psnr_2px(result, truth), abs=1e-6)
        if np.ptp(result):
            assert measures.correlation(result) == pytest.approx(yardstick.correlation(result, truth), abs=1e-9)


def test_the_truth_agrees_with_itself_and_nothing_agrees_with_noise() -> None:
    made = scene("thin_filaments", 300, 3.2, 0)
    measures = Measures(made.truth)
    assert measures.agreement(3 * made.truth + 7) == pytest.approx(1)
    assert abs(measures.agreement(np.random.default_rng(0).random(made.truth.shape))) < 0.05
    assert measures.psnr(made.truth) > 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_has_the_light_the_offset_and_the_border_light_it_says(kind: str) -> None:
    made = scene(kind, 3000, 3.2, 4)
    again = scene(kind, 3000, 3.2, 4)
    assert np.array_equal(made.image, again.image)
    assert not np.array_equal(made.image, scene(kind, 3000, 3.2, 5).image)
    assert made.image.dtype == np.uint16
    signal = made.photons - made.background
    assert signal.mean() == pytest.approx(made.truth.mean(), abs=0.02 * 3000)
    if kind == "empty":
        assert not made.truth.any()
        assert signal.std() == pytest.approx(np.sqrt(made.background.mean() + 1.5**2 + made.gain**2 / 12), rel=0.02)
    else:
        assert signal.max() == pytest.approx(3000, rel=0.12)
        assert made.truth.shape == (SIDE, SIDE)


@pytest.mark.parametrize("kind", ["empty", "blobs"])
@pytest.mark.parametrize("light", [300, 3000])
def test_false_structure_of_the_raw_frame_is_one_and_of_the_truth_none(kind: str, light: float) -> None:
    made = scene(kind, light, 3.2, 1)
    assert false_structure(made.photons, made) == pytest.approx(1, rel=0.1)
    assert false_structure(made.signal, made) < 0.35
    assert false_structure(0.5 * made.truth, made) == pytest.approx(0, abs=1e-6)
    assert false_structure(made.truth + 2 * made.noise, made) == pytest.approx(2, rel=0.05)


def test_the_two_rings_of_the_truth_are_one_to_a_tenth() -> None:
    made = scene("two_rings", 300, 3.2, 0)
    assert ring_ratio(made.truth, RINGS, RING_RADIUS * 3.2, 3.2) == pytest.approx(0.1, rel=1e-6)


def test_every_haze_meets_both_shapes_of_the_psf_every_light_and_every_gain() -> None:
    made = list(scenes((0,)))
    for other in ("psf", "light", "gain", "fwhm_px"):
        met = {(s.haze, getattr(s, other)) for s in made}
        assert len(met) == len({s.haze for s in made}) * len({getattr(s, other) for s in made})


def test_no_seed_is_in_two_sets() -> None:
    sets = [set(seeds) for seeds in (DEVELOPMENT, HELD_OUT, mild.DEVELOPMENT, mild.HELD_OUT)]
    assert len(set.union(*sets)) == sum(map(len, sets))


@pytest.mark.parametrize("kind", mild.KINDS)
def test_a_mild_frame_is_the_same_again_and_has_the_background_it_says(kind: str) -> None:
    made = mild.scene(kind, 500, 2000)
    assert np.array_equal(made.image, mild.scene(kind, 500, 2000).image)
    assert not np.array_equal(made.image, mild.scene(kind, 500, 2001).image)
    assert mild.HAZE[0] <= made.haze <= mild.HAZE[1]
    assert np.ptp(made.background) == pytest.approx(made.haze * 500)
    assert mild.FLAT[0] * 500 <= made.background.min() <= mild.FLAT[1] * 500
    assert made.noise.std() == pytest.approx(np.sqrt(np.mean(made.signal + made.background)), rel=0.1)
