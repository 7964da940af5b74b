"""Run the whole method on a crop whose held-out pixels are hidden, and see how well they are predicted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..engines import Engine, HessianTerms
from ..engines.windowed import Windowed
from ..solvers.data_term import DataTerm
from ..solvers.intensity import restoring, unbiased
from ..solvers.landweber import Landweber
from ..solvers.richardson_lucy import RichardsonLucy
from .holdout import Holdout, errors, filled

Floats = npt.NDArray[np.float32]

RENEW = 5
"""Iterations of the sparse stage between two renewals of what it takes for the hidden pixels."""


@dataclass(frozen=True)
class Setting:
    """One candidate of the sparse stage; `iterations` are the counts of the second stage to look at."""

    fidelity: float
    sparsity: float
    iterations: tuple[int, ...]
    continuity: float = 0.0


@dataclass(frozen=True)
class Trial:
    """What a setting gave: squared errors at the held-out pixels, and the deconvolved planes themselves, in counts."""

    errors: npt.NDArray[np.float64]
    values: Floats


@dataclass(frozen=True)
class Bench:
    """A crop with everything that stays the same from trial to trial.

    Attributes
    ----------
    data, behind, weight : array, shape (n, Y, X), float32
        Counts, background in counts, weight of each pixel's squared error; n = 1 for single planes.
    scored : slice
        Planes whose held-out pixels are scored.
    scale : float
        What the solvers' unit is in counts.
    kernels : tuple of array
        Factors of the PSF along y and x.
    method : str
        ``"rl"``, ``"landweber"`` or ``"none"``.
    sparse_iterations : int
        Published count.
    radius : int
        Of the hidden blocks.
    times : int
        Time points among the planes, each a stack; 1 for planes of one axis.
    continuity_t : float
        Weight along t between them.
    unbiased : bool
        Whether what sparsity takes away is given back.
    psf : array, shape (y, x), or None
        The PSF where it is not the product of `kernels`.
    """

    data: Floats
    behind: Floats
    weight: Floats
    scored: slice
    scale: float
    kernels: tuple[Floats, Floats]
    method: str
    sparse_iterations: int
    radius: int
    times: int = 1
    continuity_t: float = 0.0
    unbiased: bool = True
    psf: Floats | None = None

    def try_out(self, setting: Setting, holdouts: list[Holdout], engine: Engine) -> list[Trial]:
        """Return what the setting gives for each of its iteration counts."""
        estimate, _ = self.prepared(setting, holdouts, engine)
        shape = (self.data.shape[1], self.data.shape[2])
        term = self._term(engine, shape)
        found: list[list[Trial]] = [[] for _ in setting.iterations]
        for i in range(len(self.data))[self.scored]:
            at = holdouts[i].centres
            for j, (result, predicted) in enumerate(self._results(estimate[i], setting.iterations, term)):
                values = predicted[at] * np.float32(self.scale) + self.behind[i][at]
                wrong = errors(values, self.data[i][at], self.weight[i][at])
                found[j].append(Trial(wrong, result * np.float32(self.scale)))
        return [
            Trial(np.concatenate([p.errors for p in parts]), np.stack([p.values for p in parts])) for parts in found
        ]

    def predicted(self, setting: Setting, net: Floats, engine: Engine) -> Iterator[tuple[Floats, Floats]]:
        """Yield, for each iteration count, the result of one whole plane and what it predicts for the blurred image.

        Parameters
        ----------
        setting : Setting
            What to try.
        net : array, shape (1, Y, X)
            Plane less its background, in the solvers' unit; nothing of it is hidden.
        engine : Engine
            What computes.
        """
        estimate = self._sparse(net, None, setting, engine)
        term = self._term(engine, (net.shape[1], net.shape[2]))
        yield from self._results(estimate[0], setting.iterations, term)

    def prepared(
        self, setting: Setting, holdouts: list[Holdout], engine: Engine
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return what the sparse stage makes of the planes without their hidden pixels, and where these are."""
        hidden = np.stack([h.hidden for h in holdouts])
        start = np.stack([filled(d, h, self.radius) for d, h in zip(self.data, hidden, strict=True)])
        return self._sparse((start - self.behind) / np.float32(self.scale), hidden, setting, engine), hidden

    def peak(self) -> float:
        """Height of the brightest place above the background, in robust standard deviations, after some smoothing."""
        net = ndimage.gaussian_filter((self.data - self.behind)[self.scored], (0.0, 1.0, 1.0))
        net -= np.median(net)
        return float(net.max() / max(1.4826 * float(np.median(np.abs(net))), 1e-12 * self.scale))

    def _term(self, engine: Engine, shape: tuple[int, int]) -> DataTerm:
        if self.psf is None:
            return DataTerm(engine.mirrored(self.kernels[0], self.kernels[1], shape))
        return DataTerm(engine.imaging(self.psf, shape))

    def _sparse(self, net: Floats, hidden: npt.NDArray[np.bool_] | None, setting: Setting, engine: Engine) -> Floats:
        """Sparse stage in which hidden pixels are missing data: again and again they take the value of the estimate."""
        if self.sparse_iterations == 0:
            return np.maximum(net, 0)
        shape = net.shape[1:] if len(net) == 1 else net.shape if self.times == 1 else (self.times, -1, *net.shape[1:])
        terms = HessianTerms(setting.fidelity, setting.sparsity, setting.continuity, self.continuity_t)
        run = engine.published(net.reshape(shape), terms)
        left = self.sparse_iterations - 1
        while left > 0:
            run.advance(left if hidden is None else min(RENEW, left))
            left -= left if hidden is None else RENEW
            if hidden is not None:
                run.forget(hidden.reshape(shape))
        estimate = run.estimate().reshape(net.shape) * np.float32(restoring(terms))
        return unbiased(estimate, terms) if self.unbiased else estimate

    def _results(self, plane: Floats, counts: tuple[int, ...], term: DataTerm) -> Iterator[tuple[Floats, Floats]]:
        """Yield the result at each iteration count of the second stage, and what it predicts for the blurred image."""
        if self.method == "none":
            yield from ((plane, plane) for _ in counts)
            return
        assert not isinstance(term.imaging, Windowed)  # a crop fits memory
        solver = RichardsonLucy(term, counts[-1]) if self.method == "rl" else Landweber(term, counts[-1])
        state, done = solver.init(plane), 0
        for count in counts:
            solver.step(state, count - done)  # type: ignore[arg-type]  # each solver with its own state
            done = count
            result = solver.finish(state)  # type: ignore[arg-type]
            yield result[term.imaging.field], term.imaging.forward(result)
