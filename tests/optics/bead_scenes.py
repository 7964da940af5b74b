"""Simulated beads of a known PSF: Gaussians integrated over pixels at any position, and a camera's Poisson noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import erf

from sparsescope.optics.gaussian import SIGMA_PER_FWHM

Floats = npt.NDArray[np.float64]


def spot(shape: Sequence[int], centre: Sequence[float], fwhm_px: Sequence[float]) -> Floats:
    """A Gaussian of sum 1 integrated over its voxels."""
    result = np.ones(())
    for n, at, width in zip(shape, centre, fwhm_px, strict=True):
        scale = SIGMA_PER_FWHM * width * np.sqrt(2)
        edges = erf((np.arange(n + 1) - 0.5 - at) / scale) / 2
        result = np.multiply.outer(result, np.diff(edges))
    return result


def truth(shape: Sequence[int], fwhm_px: Sequence[float]) -> Floats:
    """The same at the middle of an array."""
    return spot(shape, [(n - 1) / 2 for n in shape], fwhm_px)


def field(
    shape: Sequence[int],
    places: Sequence[Sequence[float]],
    fwhm_px: Sequence[float],
    photons: float | Sequence[float] = 2e5,
    background: float = 20.0,
) -> Floats:
    """What a camera would count on average."""
    lit = np.full(tuple(shape), background)
    for place, light in zip(places, np.broadcast_to(photons, len(places)), strict=True):
        lit += light * spot(shape, place, fwhm_px)
    return lit


def camera(mean: Floats, seed: int = 0) -> npt.NDArray[np.uint16]:
    """Photons counted, 16 bits."""
    return np.minimum(np.random.default_rng(seed).poisson(mean), 65535).astype(np.uint16)


def grid(shape: Sequence[int], apart: int, seed: int = 0) -> list[list[float]]:
    """Places on a jittered lateral grid, in the middle of z."""
    random = np.random.default_rng(seed)
    rows, columns = (np.arange(apart * 0.75, n - apart * 0.6, apart) for n in shape[-2:])
    middle = [shape[0] / 2] if len(shape) == 3 else []
    return [
        [*(m + random.uniform(-1, 1) for m in middle), y + random.uniform(-2, 2), x + random.uniform(-2, 2)]
        for y in rows
        for x in columns
    ]


def correlation(one: Floats, other: Floats) -> float:
    """Cosine of two PSFs around their common middle; the smaller is continued by zeros."""
    shape = [max(a, b) for a, b in zip(one.shape, other.shape, strict=True)]
    first, second = (
        np.pad(v.astype(float), [((n - m) // 2, (n - m) // 2) for n, m in zip(shape, v.shape, strict=True)])
        for v in (one, other)
    )
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))
