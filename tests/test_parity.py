"""Agreement with the outputs of the published MATLAB software (tests/data/README.txt) in the interior."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import fft, ndimage

import sparsescope as ss
from sparsescope.engines import Blur, HessianTerms, pick
from sparsescope.engines.fused import Fused
from sparsescope.engines.imaging import SelfAdjoint
from sparsescope.solvers.data_term import DataTerm
from sparsescope.solvers.loop import solve
from sparsescope.solvers.richardson_lucy import RichardsonLucy
from sparsescope.solvers.sparse_hessian import PublishedHessian

Array = npt.NDArray[np.floating]
DATA = Path(__file__).parent / "data" / "matlab_v1_0_3.npz"

BORDER_XY, BORDER_Z = 16, 7

WITHIN = {
    "plain2d": 1.2e-5,
    "weak2d": 1.8e-5,
    "hessian_only2d": 1.2e-6,
    "sparsity_dominant2d": 5e-7,
    "two_planes": 3e-6,
    "stack": 8e-6,
    "stack_full_continuity": 5e-5,
}
"""Largest difference allowed, as a fraction of the output's maximum: about twice what is reached."""


@cache
def stored() -> dict[str, Array]:
    with np.load(DATA) as file:
        return dict(file)


@dataclass(frozen=True)
class Case:
    data: npt.NDArray[np.float32]
    output: npt.NDArray[np.float32]
    fidelity: float
    continuity: float
    sparsity: float
    iterations: int

    @property
    def recipe(self) -> ss.Recipe:
        return ss.Recipe(
            background="none",
            deconvolution="none",
            fidelity=self.fidelity,
            continuity=self.continuity,
            sparsity=self.sparsity,
            sparse_iterations=self.iterations,
        )


def case(name: str) -> Case:
    fidelity, continuity, sparsity, iterations = map(float, stored()[f"{name}/params"])
    data, output = stored()[f"{name}/input"], stored()[f"{name}/output"]
    return Case(data, output, fidelity, continuity, sparsity, int(iterations))


def interior_difference(value: Array, output: Array) -> float:
    """Largest difference away from the borders, as a fraction of the output's maximum."""
    assert value.shape == output.shape
    inside = (slice(BORDER_Z, -BORDER_Z),) * (output.ndim - 2) + (slice(BORDER_XY, -BORDER_XY),) * 2
    return float(np.abs(value - output)[inside].max() / output.max())


def test_there_is_a_bound_for_every_case_of_the_sparse_stage() -> None:
    assert {name.split("/")[0] for name in stored()} - {"rl"} == set(WITHIN)


@pytest.mark.parametrize("engine", ["cpu", "numpy"])
@pytest.mark.parametrize("name", WITHIN)
def test_the_published_iteration_gives_the_published_output(name: str, engine: str) -> None:
    problem = case(name)
    data = problem.data[1] / problem.data.max() if name == "two_planes" else problem.data
    terms = HessianTerms(problem.fidelity, problem.sparsity, problem.continuity)
    value = solve(PublishedHessian(pick(engine), terms, problem.iterations), data).value
    assert interior_difference(value, problem.output) <= WITHIN[name]


@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
@pytest.mark.parametrize("name", WITHIN)
def test_deconvolve_gives_the_published_output_in_the_scale_of_its_input(name: str, axes: str) -> None:
    problem, counts = case(name), 250
    axes = axes[-problem.data.ndim :]
    result = ss.deconvolve(problem.data * np.float32(counts), problem.recipe, axes=axes)
    value = result.image.data / counts
    if name == "two_planes":
        value = value[1] / problem.data.max()
    assert interior_difference(value, problem.output) <= WITHIN[name]


def periodic_blur(psf: Array, shape: tuple[int, int]) -> Blur:
    """Convolution on a periodic domain in float64, the result rounded to float32."""
    kernel = np.zeros(shape)
    kernel[: psf.shape[0], : psf.shape[1]] = psf
    kernel = np.roll(kernel, (-(psf.shape[0] // 2), -(psf.shape[1] // 2)), (0, 1))
    transfer = fft.rfft2(kernel)
    return lambda plane: fft.irfft2(fft.rfft2(plane.astype(np.float64)) * transfer, s=shape).astype(np.float32)


def published_richardson_lucy(iterations: int, blur: Blur | None = None) -> Array:
    data, psf = stored()["rl/input"], stored()["rl/psf"]
    margin = min(data.shape) // 6
    padded = np.pad(data, margin, mode="edge")
    imaging = SelfAdjoint(blur or periodic_blur(psf, padded.shape), padded.shape, Fused())
    value = solve(RichardsonLucy(DataTerm(imaging), iterations), padded).value
    return value[margin:-margin, margin:-margin]


@pytest.mark.parametrize(("iterations", "within"), [(7, 1.2e-6), (30, 1.2e-5)])
def test_richardson_lucy_gives_the_published_output(iterations: int, within: float) -> None:
    output = stored()[f"rl/output{iterations}"]
    assert interior_difference(published_richardson_lucy(iterations), output) <= within


def test_richardson_lucy_gives_the_published_output_with_a_blur_in_real_space() -> None:
    psf = stored()["rl/psf"].astype(np.float64)

    def blur(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return ndimage.correlate(plane.astype(np.float64), psf, mode="wrap").astype(np.float32)

    assert interior_difference(published_richardson_lucy(7, blur), stored()["rl/output7"]) <= 1.2e-6


@pytest.mark.parametrize("kind", ["as given", "separable"])
@pytest.mark.parametrize(("iterations", "within"), [(7, 3e-3), (30, 2.5e-2)])
def test_richardson_lucy_on_the_masked_domain_gives_the_published_output(
    iterations: int, within: float, kind: str
) -> None:
    """The step length is one number for all pixels: what borders do differently changes it, and all pixels a little."""
    data, psf = stored()["rl/input"], stored()["rl/psf"].astype(np.float32)
    kernels = [psf.sum(1) / psf.sum(), psf.sum(0) / psf.sum()]
    imaging = pick("cpu", 2).imaging(psf if kind == "as given" else kernels, data.shape)
    value = solve(RichardsonLucy(DataTerm(imaging), iterations), data).value[imaging.field]
    assert interior_difference(value, stored()[f"rl/output{iterations}"]) <= within


@pytest.mark.parametrize("engine", ["cpu", "numpy"])
@pytest.mark.parametrize(("iterations", "within"), [(7, 1e-5), (30, 2e-4)])
def test_deconvolve_gives_the_published_output_of_richardson_lucy_with_its_psf(
    iterations: int, within: float, engine: str
) -> None:
    data, psf = stored()["rl/input"], stored()["rl/psf"]
    recipe = ss.Recipe(
        sparse_iterations=0, fidelity=150, sparsity=0, continuity=0, background="none", borders="published",
        deconvolution="rl", deconvolution_iterations=iterations,
    )  # fmt: skip
    result = ss.deconvolve(1000 * data, recipe, psf=psf, scale=1000.0, engine=engine)
    output = stored()[f"rl/output{iterations}"]
    value = result.image.data / 1000
    value *= output.sum() / value.sum()  # counts are kept exactly, the published program adds a little at its floor
    assert interior_difference(value, output) <= within
