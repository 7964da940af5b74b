"""The accelerated gradient's numbers, shared by every engine."""

from __future__ import annotations

import math


class Momentum:
    """Nesterov's sequence t ← (1 + √(1 + 4t²))/2 and its momentum (t − 1)/t⁺, with restart."""

    def __init__(self) -> None:
        self.t = 1.0

    def next(self) -> float:
        t, self.t = self.t, (1 + math.sqrt(1 + 4 * self.t**2)) / 2
        return (t - 1) / self.t

    def restart_if(self, turned: bool) -> None:
        if turned:
            self.t = 1.0


def squared_norm(ndim: int) -> float:
    """Upper bound of ‖Σ D_iᵀD_i‖ with unit weights: 16 for each of three terms in 2-D, six in 3-D, ten in 4-D."""
    return 8.0 * ndim * (ndim + 1)


def rms_bound(gap: float, fidelity: float, size: int) -> float:
    """Root-mean-square distance to the optimum that a duality gap proves; infinite where the gap is not finite."""
    return math.sqrt(max(0.0, 2 * gap / (fidelity * size))) if math.isfinite(gap) else math.inf
