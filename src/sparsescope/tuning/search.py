"""Trials of settings, each scored by prediction of held-out pixels and by how far two of its results differ."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import numpy.typing as npt

from ..engines import Engine
from .choice import Point
from .holdout import Holdout, errors, exclusive
from .trial import Bench, Setting

Key = tuple[float, float, float, int]
"""Fidelity, sparsity, continuity, iterations."""

UNSTEADY = 0.004
"""Weight of the noise in the result against the error of the prediction. The first is amplified by the deconvolution
and the second is not; measured on the development scenes of ``benchmarks/quality``, where half or twice as much
lands as near the best."""

DOUBT = 3.0
"""Standard errors within which the intents take a setting to predict as well as the best."""

PEAK = 8.0
"""Height of the brightest place, in standard deviations of the smoothed plane, that no noise reaches."""


@dataclass
class Search:
    """Trials so far: settings with their errors, and where the best one is.

    The score of a setting is the mean weighted squared error of its predictions, plus `UNSTEADY` times the variance of
    its result at the level of the data: the weighted mean square of the difference of two results, over the share of
    pixels that only one of them has seen. Noise that enters through one pixel differs in the two only where one of
    them does not see it.

    Attributes
    ----------
    bench : Bench
        What is tried on.
    holdouts : list of list of Holdout
        Sets of hidden pixels, for each plane of the bench; the variance needs two, and counts as 0 with one.
    engine : Engine
        What computes.
    background : str
        Mode of the bench's background, for the record.
    """

    bench: Bench
    holdouts: list[list[Holdout]]
    engine: Engine
    background: str
    found: dict[Key, npt.NDArray[np.float64]] = field(default_factory=dict)
    noise: dict[Key, float] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def run(self, settings: list[Setting]) -> None:
        """Try settings, several at once."""
        self.engine.each(self.one, list(dict.fromkeys(settings)))

    def one(self, engine: Engine, setting: Setting) -> None:
        """Try a setting with an engine of its own."""
        results = [self.bench.try_out(setting, holdouts, engine) for holdouts in self.holdouts]
        for j, count in enumerate(setting.iterations):
            key = (setting.fidelity, setting.sparsity, setting.continuity, count)
            wrong = np.concatenate([result[j].errors for result in results])
            noise = self._variance([result[j].values for result in results])
            with self.lock:
                self.found[key], self.noise[key] = wrong, noise

    def _variance(self, values: list[npt.NDArray[np.float32]]) -> float:
        if len(values) < 2:
            return 0.0
        square = np.square(values[0] - values[1])
        square *= self.bench.weight[self.bench.scored]
        share = np.mean([exclusive(a, b) for a, b in zip(*self.holdouts, strict=True)])
        return float(square.mean(dtype=np.float64)) / max(float(share), 1e-6)

    def score(self, key: Key) -> float:
        """Error of the prediction, and what the noise in the result adds."""
        return float(self.found[key].mean()) + UNSTEADY * self.noise[key]

    def best(self) -> Key:
        """Return the setting of least score."""
        return min(self.found, key=lambda key: (self.score(key), key))

    def equals(self) -> list[Key]:
        """Return the settings whose score exceeds the least by at most `DOUBT` standard errors of the difference."""
        best = self.best()
        noise = {key: UNSTEADY * (self.noise[key] - self.noise[best]) for key in self.found}
        return [key for key, wrong in self.found.items() if as_good(wrong + noise[key], self.found[best])]

    def stands_out(self) -> bool:
        """Whether the best setting predicts better than the background alone, or a peak is beyond noise."""
        if self.bench.peak() > PEAK:
            return True
        bench, alone = self.bench, []
        for holdouts in self.holdouts:
            for i in range(len(bench.data))[bench.scored]:
                at = holdouts[i].centres
                alone.append(errors(bench.behind[i][at], bench.data[i][at], bench.weight[i][at]))
        return not as_good(np.concatenate(alone), self.found[self.best()])

    def points(self) -> list[Point]:
        """Every trial, for the record."""
        return [Point(self.background, *key, self.score(key)) for key in sorted(self.found)]


def as_good(wrong: npt.NDArray[np.float64], least: npt.NDArray[np.float64]) -> bool:
    """Whether errors exceed the least ones by at most `DOUBT` standard errors of the difference, pixel by pixel."""
    excess = wrong - least
    return bool(excess.mean() <= DOUBT * excess.std() / math.sqrt(excess.size))
