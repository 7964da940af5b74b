"""The score of a setting: error of its predictions and noise in its result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparsescope.engines import pick
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.tuning.holdout import exclusive, hold_out
from sparsescope.tuning.search import UNSTEADY, Search, as_good
from sparsescope.tuning.trial import Bench, Setting, Trial

SIDE = 60
TENTH = Setting(100.0, 10.0, (1,))


class Made:
    """A bench with made-up trials: noise of a known variance enters the result through the pixels that are seen."""

    sparse_iterations = 100

    def __init__(self, variance: dict[float, float], error: dict[float, float]) -> None:
        self.variance, self.error = variance, error
        self.noise = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(np.float32)
        self.weight = np.full((1, SIDE, SIDE), 0.5, np.float32)
        self.scored = slice(0, 1)

    def try_out(self, setting: Setting, holdouts: list, engine: object) -> list[Trial]:
        seen = np.where(holdouts[0].hidden, 0, self.noise) * np.float32(np.sqrt(self.variance[setting.fidelity]))
        return [Trial(np.full(400, self.error[setting.fidelity]), seen[None]) for _ in setting.iterations]


def search(made: Made) -> Search:
    holdouts = [[hold_out((SIDE, SIDE), 0, seed)] for seed in (0, 1)]
    found = Search(made, holdouts, pick("numpy"), "flat")  # type: ignore[arg-type]
    found.run([Setting(f, 0.0, (5,)) for f in made.variance])
    return found


def test_the_variance_is_that_of_the_noise_in_the_result() -> None:
    found = search(Made({1.0: 4.0}, {1.0: 0.7}))
    key = found.best()
    assert found.noise[key] == pytest.approx(0.5 * 4.0, rel=0.1)
    assert found.score(key) == pytest.approx(0.7 + UNSTEADY * found.noise[key])


def test_results_have_the_level_of_the_data_whatever_the_sparsity() -> None:
    kernel = gaussian_kernel1d(3.0)
    data = np.full((1, SIDE, SIDE), 50.0, np.float32)
    made = Bench(data, 0 * data, data, slice(0, 1), 50.0, (kernel, kernel), "none", 400, 0)
    for unbiased, level in ((True, 50.0), (False, 45.0)):  # sparsity 10 of fidelity 100 takes a tenth
        result, _ = next(iter(replace(made, unbiased=unbiased).predicted(TENTH, data / 50, pick(threads=1))))
        assert 50 * result.mean() == pytest.approx(level, rel=2e-3)


def test_of_two_settings_that_predict_alike_the_steadier_is_taken() -> None:
    assert search(Made({1.0: 4.0, 2.0: 40.0}, {1.0: 0.7, 2.0: 0.69})).best()[0] == 1.0
    assert search(Made({1.0: 4.0, 2.0: 40.0}, {1.0: 0.7, 2.0: 0.3})).best()[0] == 2.0


def test_the_share_of_pixels_that_one_of_two_has_seen() -> None:
    first, second = (hold_out((300, 300), 0, seed) for seed in (0, 1))
    assert exclusive(first, first) == 0
    assert exclusive(first, second) == pytest.approx(2 * (1 / 9) * (8 / 9), rel=0.03)


def test_doubt_is_the_spread_of_the_difference_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    least = rng.random(900)
    assert as_good(least + rng.normal(0, 1, 900), least)
    assert not as_good(least + 0.2 + rng.normal(0, 1, 900), least)


def bench(data: np.ndarray) -> Bench:
    kernel = gaussian_kernel1d(3.2)
    behind = np.full((1, SIDE, SIDE), 10, np.float32)
    return Bench(
        data[None].astype(np.float32), behind, np.ones_like(behind), slice(0, 1), 30.0, (kernel, kernel), "rl", 20, 0
    )


@pytest.mark.parametrize(("light", "stands_out"), [(0, False), (2000, True)])
def test_noise_does_not_stand_out_and_a_spot_does(light: float, stands_out: bool) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    spot = light * np.exp(-((y - 30) ** 2 + (x - 30) ** 2) / 4)
    data = np.random.default_rng(1).poisson(10 + spot)
    found = Search(bench(data), [[hold_out((SIDE, SIDE), 0, i)] for i in range(2)], pick("numpy"), "flat")
    found.run([Setting(100.0, 1.0, (3,))])
    assert found.stands_out() is stands_out
