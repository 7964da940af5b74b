"""Make a bench of planes of a request: background, weights of errors, unit and PSF."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..optics.gaussian import gaussian_kernel1d
from .choice import Request
from .holdout import weights
from .trial import Bench

Floats = npt.NDArray[np.float32]
Behind = Callable[[Floats, str], Floats]
"""``behind(plane, mode)``: the background of a plane in counts."""


def width_px(request: Request) -> float:
    """Return the mean width of the PSF in pixels."""
    return math.sqrt(request.fwhm_yx_px[0] * request.fwhm_yx_px[1])


def prepare(
    request: Request, behind: Behind, mode: str, radius: int, crop: tuple[slice, slice], planes: Floats, scored: slice
) -> Bench:
    """Return a bench on the crop of some planes, with their background in the given mode."""
    backgrounds = np.stack([behind(plane, mode) for plane in planes])
    weight = np.stack([weights(plane, width_px(request))[crop] for plane in planes])
    scale = max(float((planes - backgrounds).max()), request.peak)
    y, x = crop
    return Bench(
        planes[:, y, x].copy(),
        backgrounds[:, y, x].copy(),
        weight,
        scored,
        max(scale, 1e-12),
        (gaussian_kernel1d(request.fwhm_yx_px[0]), gaussian_kernel1d(request.fwhm_yx_px[1])),
        request.method,
        request.sparse_iterations,
        radius,
        unbiased=request.unbiased,
        psf=request.psf,
    )
