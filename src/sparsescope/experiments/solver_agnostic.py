"""Solver-agnostic: without noise every solver that reaches A x = y finds the same picture; the cost differs."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, sparse

from ..findings import Figure, Findings, Line, Picture, Plot, Table
from ..optics.gaussian import gaussian_kernel1d
from ..solvers.plain_rl import PlainRichardsonLucy
from . import Ask
from .tools import ESSAY, PAPER, RICHARDSON_LUCY, Doubles, relative_error, solve64

FWHM_PX = 2.0
REACHED = 1e-3
"""Relative misfit of A x = y at which a solver counts as arrived."""


@dataclass
class _Counted:
    """A x with every application of A or Aᵀ counted; the cost that is the same on any machine."""

    matrix: Doubles
    used: int = 0

    def __call__(self, x: Doubles) -> Doubles:
        self.used += 1
        return np.asarray(self.matrix @ x)

    def many(self, population: Doubles) -> Doubles:
        self.used += len(population)
        return np.asarray(population @ self.matrix.T)


@dataclass(frozen=True)
class _Outcome:
    """How a solver ended."""

    name: str
    x: Doubles
    misfit: float
    error: float
    used: int
    seconds: float


Solver = Callable[[_Counted, Doubles, int], Any]


def blur_matrix(side: int) -> Doubles:
    """Return the symmetric matrix of a Gaussian blur of a square, mirrored at its borders.

    Examples
    --------
    >>> float(blur_matrix(4).sum(1).max().round(6))
    1.0
    """
    kernel = gaussian_kernel1d(FWHM_PX).astype(np.float64)
    kernel /= kernel.sum()
    line, radius = np.zeros((side, side)), len(kernel) // 2
    for i in range(side):
        for k, weight in enumerate(kernel):
            j = (i + k - radius) % (2 * side)
            line[i, j if j < side else 2 * side - 1 - j] += weight
    return np.asarray(np.kron(line, line), np.float64)


def run(ask: Ask) -> Findings:
    """Run it: a picture of few pixels, so that populations have a chance."""
    side, effort = (4, 0.25) if ask.quick else (6, 1.0)
    matrix, rng = blur_matrix(side), np.random.default_rng(5)
    truth = np.zeros(side**2)
    truth[rng.choice(side**2, side, replace=False)] = rng.uniform(0.4, 1.0, side)
    data = matrix @ truth
    solvers = _solvers(side, effort)
    found = []
    for number, (name, solver) in enumerate(solvers.items()):
        counted, began = _Counted(matrix), time.perf_counter()
        x = solver(counted, data, 0)
        seconds = time.perf_counter() - began
        found.append(
            _Outcome(name, x, relative_error(matrix @ x, data), relative_error(x, truth), counted.used, seconds)
        )
        ask.step(number + 1, len(solvers), "solvers")
    condition = float(np.linalg.cond(matrix))
    return _findings(truth, data, found, side, condition, _others_missing())


def _solvers(side: int, effort: float) -> dict[str, Solver]:
    steps = round(100_000 * effort)

    def richardson_lucy(model: _Counted, data: Doubles, seed: int) -> Doubles:  # noqa: ARG001
        def blur(plane: Doubles) -> Doubles:
            return np.asarray(model(plane.ravel()).reshape(side, side))

        solver = PlainRichardsonLucy(blur, steps)
        return np.asarray(solve64(solver, data.reshape(side, side)).value, np.float64).ravel()

    def conjugate_gradients(model: _Counted, data: Doubles, seed: int) -> Doubles:  # noqa: ARG001
        operator = sparse.linalg.LinearOperator((len(data),) * 2, matvec=model, dtype=np.float64)
        return np.asarray(sparse.linalg.cg(operator, data, rtol=1e-12, maxiter=10 * len(data))[0])

    def quasi_newton(model: _Counted, data: Doubles, seed: int) -> Doubles:  # noqa: ARG001
        def value(x: Doubles) -> tuple[float, Doubles]:
            residual = model(x) - data
            return float(residual @ residual) / 2, np.asarray(model(residual), np.float64)

        options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-30, "gtol": 1e-14, "maxcor": 30}
        bounds = [(0, None)] * len(data)
        return np.asarray(optimize.minimize(value, data, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x)

    def evolution(model: _Counted, data: Doubles, seed: int) -> Doubles:
        def misfit(population: Doubles) -> Doubles:
            return np.asarray(np.square(model.many(population.T) - data).sum(1))

        found = optimize.differential_evolution(
            misfit, [(0.0, 1.0)] * len(data), rng=np.random.default_rng(seed), maxiter=4000,
            popsize=6, tol=0, atol=1e-16, mutation=(0.5, 1.0), recombination=0.9, polish=False, vectorized=True,
            updating="deferred",
        )  # fmt: skip
        return np.asarray(found.x)

    solvers: dict[str, Solver] = {
        "Richardson–Lucy": richardson_lucy,
        "conjugate gradients": conjugate_gradients,
        "L-BFGS-B, x ≥ 0": quasi_newton,
        "differential evolution": evolution,
    }
    if not _others_missing():
        solvers["genetic algorithm"] = _population("GA", round(4000 * effort))
        solvers["particle swarm"] = _population("PSO", round(1200 * effort))
    return solvers


def _others_missing() -> bool:
    """Whether pymoo, which brings the genetic algorithm and the particle swarm, is not installed."""
    return importlib.util.find_spec("pymoo") is None


def _population(name: str, generations: int) -> Solver:
    """Return a solver by a population of pymoo."""

    def solve(model: _Counted, data: Doubles, seed: int) -> Doubles:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pymoo.algorithms.soo.nonconvex.ga import GA
            from pymoo.algorithms.soo.nonconvex.pso import PSO
            from pymoo.core.problem import Problem
            from pymoo.optimize import minimize

            class Misfit(Problem):  # type: ignore[misc]
                def __init__(self) -> None:
                    super().__init__(n_var=len(data), n_obj=1, xl=0.0, xu=1.0)

                def _evaluate(self, x: Doubles, out: dict[str, Any], *_: Any, **__: Any) -> None:
                    out["F"] = np.square(model.many(x) - data).sum(1)

            method = {"GA": GA, "PSO": PSO}[name](pop_size=60)
            found = minimize(Misfit(), method, ("n_gen", generations), seed=seed + 1, verbose=False)
        return np.asarray(found.X, np.float64)

    return solve


def _findings(
    truth: Doubles, data: Doubles, found: list[_Outcome], side: int, condition: float, missing: bool
) -> Findings:
    table = Table(
        ("solver", "relative misfit of A x = y", "relative error of x", "applications of A", "seconds"),
        tuple((one.name, one.misfit, one.error, one.used, one.seconds) for one in found),
        f"{side} × {side} pixels, {side} of them bright; PSF of {FWHM_PX:g} pixels; condition of A {condition:.1e}",
    )
    arrived = [one for one in found if one.misfit < REACHED]
    others = [one for one in found if one.misfit >= REACHED]
    cheapest, dearest = min(found, key=lambda o: o.used), max(found, key=lambda o: o.used)
    shown = (
        f"{len(arrived)} of {len(found)} solvers reach A x = y to within {REACHED:g}; error of x: "
        + ", ".join(f"{one.name} {one.error:.0e}" for one in arrived) + "."
        + (" The others were still on their way: " + ", ".join(f"{o.name} {o.error:.1e}" for o in others) + "."
           if others else ""),
        ("Which way they take does not matter: without noise one solution only is left, and a small misfit is a "
        "small error."),
        (f"What differs is the cost: {cheapest.used:,} applications of A by {cheapest.name}, {dearest.used:,} by "
        f"{dearest.name}."),
    )  # fmt: skip
    boundary = (
        (
            f"{side**2} unknowns. Populations scale badly: at the 65,536 unknowns of a 256 × 256 picture they do not "
            "arrive in any useful time, and Richardson–Lucy takes millions of iterations (see noise-free)."
        ),
        (
            f"A can be inverted here (condition {condition:.0e}). With a band-limited PSF it cannot, and only "
            "positivity on black ground leaves one solution: conjugate gradients, which know no positivity, then "
            "fail."
        ),
        "With noise, A x = y is the wrong aim: whoever reaches it has fitted the noise.",
        *(
            ("pymoo is not installed: genetic algorithm and particle swarm were left out (pip install pymoo).",)
            if missing
            else ()
        ),
    )
    return Findings(
        "Any solver will do, without noise",
        "“No matter what method we use, we just need to find x that Ax is absolutely equal to y … If the computing "
        "power is sufficient, even particle swarm (PSO) or genetic algorithm (GA) are effective choices.” (the "
        "essay)",
        _figure(truth, data, found, side),
        (table,),
        shown,
        boundary,
        (
            PAPER, ESSAY, RICHARDSON_LUCY, "Storn & Price, J. Glob. Optim. 11, 341 (1997): differential evolution.",
            "Byrd, Lu, Nocedal & Zhu, SIAM J. Sci. Comput. 16, 1190 (1995): L-BFGS-B.",
            "Blank & Deb, IEEE Access 8, 89497 (2020): pymoo, for the genetic algorithm and the particle swarm.",
        ),
        {f"{one.name} {what}": getattr(one, what) for one in found for what in ("misfit", "error", "used")},
    )  # fmt: skip


def _figure(truth: Doubles, data: Doubles, found: list[_Outcome], side: int) -> Figure:
    limits = (0.0, float(truth.max()))
    pictures = [
        Picture(truth.reshape(side, side), "truth", limits=limits),
        Picture(data.reshape(side, side), "y = A x"),
        *(Picture(o.x.reshape(side, side), f"{o.name}\nerror {o.error:.0e}", limits=limits) for o in found),
    ]
    plot = Plot(
        tuple(Line([one.used], [max(one.error, 1e-16)], one.name, "points") for one in found),
        "cost and error", "applications of A", "relative error of x", log_x=True, log_y=True,
    )  # fmt: skip
    half = (len(pictures) + 1) // 2
    return Figure((tuple(pictures[:half]), tuple(pictures[half:]), (plot,)), "", (0.8, 0.8, 1.1), cell_in=2.4)
