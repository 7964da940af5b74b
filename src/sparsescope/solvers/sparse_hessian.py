"""The sparse-Hessian stage: the published iteration, or the same objective solved to a certified optimum."""

from __future__ import annotations

from dataclasses import dataclass

from ..engines import CertifiedIteration, Engine, Float32Array, HessianTerms, PublishedIteration


@dataclass(frozen=True)
class PublishedHessian:
    """The published iteration with its literal count: N iterations are N − 1 linear solves from g = f.

    Minimises ``F/2 ‖f − g‖² + R(g) + s ‖g‖₁`` up to a factor (the software's normaliser has s² where the right-hand
    side has s, which rescales the converged result) and is usually stopped at N = 100, before convergence.

    Parameters
    ----------
    engine : Engine
        What computes.
    terms : HessianTerms
        F, s and λ on data whose maximum is about 1.
    iterations : int
        The published count N ≥ 1.
    exact_zeros : bool
        Return the split variable, in which small values are exactly zero, instead of the estimate.

    References
    ----------
    Zhao et al., Nature Biotechnology 40, 606–617 (2022), doi 10.1038/s41587-021-01092-2.
    """

    engine: Engine
    terms: HessianTerms
    iterations: int = 100
    exact_zeros: bool = False

    chunk: int = 20

    @property
    def limit(self) -> int:
        """Linear solves to take."""
        return self.iterations - 1

    def init(self, data: Float32Array) -> PublishedIteration:
        """Start from the data themselves."""
        return self.engine.published(data, self.terms)

    def step(self, state: PublishedIteration, count: int) -> None:
        """Take `count` linear solves."""
        state.advance(count)

    def done(self, state: PublishedIteration) -> bool:
        """Return False: the published iteration has no stopping rule."""
        return False

    def finish(self, state: PublishedIteration) -> Float32Array:
        """Return the estimate, cut at zero."""
        return state.split() if self.exact_zeros else state.estimate()


@dataclass(frozen=True)
class CertifiedHessian:
    """The stated objective under g ≥ 0, solved until the duality gap proves how near the optimum is.

    Parameters
    ----------
    engine : Engine
        What computes.
    terms : HessianTerms
        F, s and λ on data whose maximum is about 1.
    tolerance : float
        Root-mean-square distance to the optimum to be proven, as a fraction of the data's maximum.
    limit : int
        Iterations at most.

    Notes
    -----
    The gap bounds the distance because the objective is F-strongly convex: ``F/2 ‖x − x*‖² ≤ gap``. The result has
    exact zeros: for x ≥ 0 the L1 term is an offset s/F under the constraint.
    """

    engine: Engine
    terms: HessianTerms
    tolerance: float
    limit: int = 5000

    chunk: int = 25

    def init(self, data: Float32Array) -> CertifiedIteration:
        """Start with all dual variables zero."""
        return self.engine.optimum(data, self.terms)

    def step(self, state: CertifiedIteration, count: int) -> None:
        """Take `count` accelerated gradient steps on the dual."""
        state.advance(count)

    def done(self, state: CertifiedIteration) -> bool:
        """Tell whether the gap proves the tolerance."""
        return state.distance_bound() <= self.tolerance

    def finish(self, state: CertifiedIteration) -> Float32Array:
        """Return the estimate, which is not negative and has exact zeros."""
        return state.estimate()
