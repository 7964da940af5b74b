"""Problems of known answer that every engine and solver is held to, and slow plain definitions to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from sparsescope.engines import HessianTerms
from sparsescope.engines.reference import NumpyEngine
from sparsescope.operators import adjoint_second_difference, hessian_weights, second_difference
from sparsescope.recipe import Recipe

Array = npt.NDArray[np.floating]


PUBLISHED: dict[str, Any] = {
    "background": "weak-high-light",
    "fidelity": 150.0,
    "sparsity": 10.0,
    "continuity": 0.5,
    "sparse_iterations": 100,
    "deconvolution_iterations": 7,
}


def settings(**changes: Any) -> Recipe:
    """Published default settings with some changed: nothing is left to be chosen from the image."""
    return Recipe(**{**PUBLISHED, **changes})


def scene(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float32]:
    """Few bright pixels, smooth blobs and noise, some of it negative; the maximum is 1."""
    rng = np.random.default_rng(seed)
    image = rng.random(shape) ** 8 + 0.05 * rng.standard_normal(shape)
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    for _ in range(4):
        centre, width = [rng.uniform(0, n) for n in shape], rng.uniform(1, 5)
        distance = sum((grid - at) ** 2 for grid, at in zip(grids, centre, strict=True))
        image += rng.uniform(0.2, 1) * np.exp(-distance / (2 * width**2))
    return (image / np.abs(image).max()).astype(np.float32) if image.max() > 0 else np.ones(shape, np.float32)


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> npt.NDArray[np.float32]:
    """Disc of height 1 with a border one pixel soft."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.clip(radius + 0.5 - np.hypot(y - centre[0], x - centre[1]), 0, 1).astype(np.float32)


def rms(array: Array) -> float:
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


@dataclass(frozen=True)
class Problem:
    """Data and weights of a sparse-Hessian problem."""

    shape: tuple[int, ...]
    terms: HessianTerms

    @property
    def data(self) -> npt.NDArray[np.float32]:
        return scene(self.shape, seed=sum(self.shape))


TERMS = {
    "default": HessianTerms(150.0, 10.0, 0.5),
    "weak fidelity": HessianTerms(20.0, 1.0, 0.25),
    "no sparsity": HessianTerms(300.0, 0.0, 1.0),
    "sparsity dominates": HessianTerms(1000.0, 90.0, 0.5),
    "no continuity": HessianTerms(100.0, 2.0, 0.0),
    "along t as well": HessianTerms(120.0, 4.0, 0.5, 0.25),
    "transform needed": HessianTerms(0.5, 0.1, 0.5),
}

SHAPES = {
    "1x1": (1, 1),
    "one row": (1, 9),
    "one column": (9, 1),
    "2x2": (2, 2),
    "odd": (33, 47),
    "one plane": (1, 7, 6),
    "two planes": (2, 9, 8),
    "stack of rows": (5, 1, 7),
    "stack of columns": (5, 7, 1),
    "one pixel deep in x and y": (6, 1, 1),
    "stack": (7, 19, 22),
    "movie of stacks": (3, 4, 8, 9),
}

PROBLEMS = {f"{s}, {t}": Problem(SHAPES[s], TERMS[t]) for s, t in product(SHAPES, TERMS)}


def exact_iteration(problem: Problem, count: int) -> tuple[Array, Array]:
    """Estimate and split variable after `count` published iterations, every linear solve exact, in float64."""
    iteration = NumpyEngine(1, np.float64).published(problem.data, problem.terms)
    iteration.advance(count)
    return iteration.estimate(), iteration.split()


class PolynomialIteration:
    """The published iteration in residual form with a polynomial for the inverse, term by term in float64.

    Unlike the definition with exact solves it approximates in the same way as fused kernels do, so that they must
    agree to rounding.
    """

    def __init__(self, data: Array, terms: HessianTerms, polynomial: tuple[Array, float]) -> None:
        self.f, self.terms = data.astype(np.float64), terms
        self.coefficients, self.centre = polynomial[0].astype(np.float64), polynomial[1]
        self.weights = hessian_weights(terms.continuity, data.ndim, terms.continuity_t)
        self.g = self.f.copy()
        self.beta = {term: np.zeros_like(self.g) for term in self.weights}
        self.identity = np.zeros_like(self.g)

    def advance(self, count: int) -> None:
        F, s = self.terms.fidelity, self.terms.sparsity
        for _ in range(count):
            residual = F * (self.f - self.g) - s**2 * self.g
            new = np.clip(self.g + self.identity, -1, 1)
            residual += s * (self.g + self.identity - 2 * new)
            self.identity = new
            for term, weight in self.weights.items():
                new = np.clip(second_difference(self.g, term) + self.beta[term], -1, 1)
                residual += weight * adjoint_second_difference(self.beta[term] - 2 * new, term)
                self.beta[term] = new
            power = residual
            self.g = self.g + self.coefficients[0] * power
            for coefficient in self.coefficients[1:]:
                power = self.laplacian(self.laplacian(power)) - self.centre * power
                self.g = self.g + coefficient * power

    def laplacian(self, x: Array) -> Array:
        total = second_difference(x, "xx") + second_difference(x, "yy")
        if x.ndim > 2:
            total = total + np.sqrt(self.terms.continuity) * second_difference(x, "zz")
        if x.ndim > 3:
            total = total + np.sqrt(self.terms.continuity_t) * second_difference(x, "tt")
        return total

    def estimate(self) -> Array:
        return np.maximum(self.g, 0)

    def split(self) -> Array:
        return np.maximum(self.g + self.identity - 1, 0)


def matrix(operator: Callable[[Array], Array], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Dense matrix of a linear operator, column by column."""
    return np.stack([np.asarray(operator(unit.reshape(shape))).ravel() for unit in np.eye(int(np.prod(shape)))], axis=1)


def mirrored_shift(length: int, shift: int) -> npt.NDArray[np.float64]:
    """Matrix that takes pixel i to the value at i + `shift`, the line being mirrored about its ends again and again."""
    result = np.zeros((length, length))
    for i in range(length):
        j = i + shift
        while not 0 <= j < length:
            j = -1 - j if j < 0 else 2 * length - 1 - j
        result[i, j] = 1
    return result


def dense_second_difference(shape: tuple[int, ...], term: str) -> npt.NDArray[np.float64]:
    """Matrix of a second difference, built pixel by pixel from shifts of the mirrored domain."""

    def along(letter: str, line: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        axis = len(shape) - 1 - "xyzt".index(letter)
        total = np.eye(1)
        for i, n in enumerate(shape):
            total = np.kron(total, line if i == axis else np.eye(n))
        return total

    def lengths(letter: str) -> int:
        return shape[len(shape) - 1 - "xyzt".index(letter)]

    a, b = term
    n = lengths(a)
    if a == b:
        return along(a, mirrored_shift(n, -1) - 2 * np.eye(n) + mirrored_shift(n, 1))
    forward = [along(letter, mirrored_shift(lengths(letter), 1) - np.eye(lengths(letter))) for letter in term]
    return forward[0] @ forward[1]


def objective(x: Array, data: Array, terms: HessianTerms) -> float:
    """F/2 ‖f − x‖² + R(x) + s ‖x‖₁ as the paper states it, from dense matrices."""
    value = terms.fidelity / 2 * float(((data.astype(np.float64) - x) ** 2).sum())
    for term, weight in hessian_weights(terms.continuity, data.ndim, terms.continuity_t).items():
        value += weight * float(np.abs(dense_second_difference(data.shape, term) @ x.ravel().astype(np.float64)).sum())
    return value + terms.sparsity * float(np.abs(x).sum(dtype=np.float64))


def counts(shape: tuple[int, ...], seed: int = 0, peak: float = 400.0, behind: float = 20.0) -> npt.NDArray[np.uint16]:
    """Photon counts of blobs and points on a dim background, as a camera gives them."""
    rng = np.random.default_rng(seed)
    expected = np.full(shape, behind)
    grids = np.meshgrid(*(np.arange(n) for n in shape[-2:]), indexing="ij")
    for _ in range(max(2, int(np.prod(shape[-2:])) // 300)):
        centre, width = [rng.uniform(0, n) for n in shape[-2:]], rng.uniform(1.2, 4)
        distance = sum((grid - at) ** 2 for grid, at in zip(grids, centre, strict=True))
        slow = rng.uniform(0.5, 1, shape[:-2])[..., None, None] if len(shape) > 2 else 1.0
        expected = expected + peak * rng.uniform(0.2, 1) * slow * np.exp(-distance / (2 * width**2))
    return rng.poisson(expected).astype(np.uint16)
