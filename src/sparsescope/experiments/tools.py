"""What experiments share: solving in float64, the whole pipeline on an array, measures against a known truth."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..engines import Float32Array, pick
from ..image import Image, as_image
from ..optics.gaussian import SIGMA_PER_FWHM, gaussian_kernel1d
from ..pipeline import deconvolve
from ..pipeline.result import Result
from ..recipe import Recipe
from ..solvers.loop import Solution, solve
from ..solvers.plain_rl import PlainRichardsonLucy

Doubles = npt.NDArray[np.float64]
Values = npt.NDArray[Any]

PAPER = (
    "Zhao, W. et al. Sparse deconvolution improves the resolution of live-cell super-resolution fluorescence "
    "microscopy. Nature Biotechnology 40, 606–617 (2022), doi 10.1038/s41587-021-01092-2."
)
ESSAY = (
    "The authors' essay behind that paper: “Physical resolution might be meaningless if in the mathematical space”, "
    "Springer Nature Research Communities."
)
RICHARDSON_LUCY = "Richardson, JOSA 62, 55 (1972); Lucy, Astron. J. 79, 745 (1974)."


def solve64(solver: Any, data: Doubles) -> Solution:
    """Run a solver that works in float64; its solution's value is float64."""
    return solve(solver, cast(Float32Array, data))


def relative_error(result: Values, truth: Values) -> float:
    """Return ‖result − truth‖ / ‖truth‖.

    Examples
    --------
    >>> relative_error(np.array([1.0, 1.0]), np.array([1.0, 0.0]))
    1.0
    """
    return float(np.linalg.norm(np.asarray(result, np.float64) - truth) / np.linalg.norm(truth))


def correlation(first: Values, second: Values) -> float:
    """Return the Pearson correlation of two arrays, 0 where one is constant.

    Examples
    --------
    >>> round(correlation(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])), 6)
    1.0
    """
    a, b = (np.asarray(v, np.float64).ravel() - float(np.mean(v)) for v in (first, second))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else 0.0


def at_width(truth: Values, fwhm_px: float) -> Doubles:
    """Return a truth at a finite resolution, a Gaussian of that width: what a result may fairly be compared with."""
    return np.asarray(ndimage.gaussian_filter(np.asarray(truth, np.float64), fwhm_px * SIGMA_PER_FWHM))


def fitted_error(result: Values, truth: Values) -> float:
    """Return the relative error after the best factor on the result; 1 is that of an empty picture.

    Examples
    --------
    >>> fitted_error(np.array([2.0, 0.0]), np.array([1.0, 0.0])), fitted_error(np.zeros(2), np.ones(2))
    (0.0, 1.0)
    """
    a, b = np.asarray(result, np.float64).ravel(), np.asarray(truth, np.float64).ravel()
    square = float(a @ a)
    return relative_error(a * (float(a @ b) / square) if square > 0 else a, b)


def image_of(values: Values, pixel_size_um: float, axes: str = "YX") -> Image:
    """Return an array as an image of that pixel size."""
    return as_image(np.asarray(values), axes, pixel_size_um=pixel_size_um)


def run_recipe(values: Values, pixel_size_um: float, fwhm_um: float, axes: str = "YX", **recipe: Any) -> Result:
    """Deconvolve an array through the whole pipeline; what the recipe leaves out is chosen from the image."""
    return deconvolve(image_of(values, pixel_size_um, axes), Recipe(**recipe), resolution_um=fwhm_um)


def published(values: Values, pixel_size_um: float, fwhm_um: float, axes: str = "YX", **changes: Any) -> Result:
    """Deconvolve an array with the published default settings, some of them changed."""
    settings: dict[str, Any] = {
        "background": "none", "fidelity": 150.0, "sparsity": 10.0, "continuity": 0.5 if axes != "YX" else 0.0,
        "sparse_iterations": 100, "deconvolution_iterations": 7,
    }  # fmt: skip
    return run_recipe(values, pixel_size_um, fwhm_um, axes, **{**settings, **changes})


def plane_of(result: Result) -> Float32Array:
    """Return the pixels of a result."""
    return np.asarray(result.image.data, np.float32)


def richardson_lucy(data: Values, fwhm_px: float, iterations: int, background: float = 0.0) -> Float32Array:
    """Run plain Richardson–Lucy with a Gaussian PSF on a plane, mirrored at its borders; data and result in photons."""
    kernel = gaussian_kernel1d(fwhm_px)
    values = np.asarray(data, np.float32)
    blur = pick().blur(kernel, kernel, (values.shape[0], values.shape[1]))
    solver = PlainRichardsonLucy(blur, iterations, background)
    return np.asarray(solve(cast(Any, solver), values).value, np.float32)
