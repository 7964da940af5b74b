"""What tuning is asked and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Request:
    """What is to be chosen, and what is fixed.

    Attributes
    ----------
    planes : array, shape (n, Y, X), float32
        Neighbouring planes of one channel in counts, along `axis`; the middle one is looked at first.
    fwhm_yx_px : tuple of float
        Width of the PSF along y and x in pixels.
    fixed : mapping
        Values that were set: any of fidelity, sparsity, continuity, deconvolution_iterations, background.
    axis : str or None
        ``"Z"`` or ``"T"`` where continuity is to be chosen, None for single planes.
    intent : str
        ``"cautious"``, ``"balanced"`` or ``"sharp"``: which of the settings that predict equally well is taken.
    sparse_iterations : int
        Published count of the sparse stage.
    method : str
        Second stage: ``"rl"``, ``"landweber"`` or ``"none"``.
    frames : array, shape (T, Z, Y, X), float32, or None
        Neighbouring stacks of a movie of stacks where continuity along t is to be chosen beside that along z.
    seed : int
        Of the pixels that are held out.
    radius_px : int or None
        How far the noise is correlated, where that is known.
    unbiased : bool
        Whether what sparsity takes away is given back.
    peak : float
        Largest value above the background that is known of the whole channel, in counts: the solvers' unit.
    psf : array, shape (y, x), or None
        The PSF on the pixels of the planes, its sum 1; None for a Gaussian of that width.
    psf_open : bool
        Whether the image is to tell a Gaussian from an Airy pattern.
    variance : tuple of float or None
        Slope and intercept of the noise's variance in the level (counts, counts²) and its least value, where known.
    """

    planes: Floats
    fwhm_yx_px: tuple[float, float]
    fixed: Mapping[str, float | int | str] = field(default_factory=dict)
    axis: str | None = None
    intent: str = "balanced"
    sparse_iterations: int = 100
    method: str = "rl"
    frames: Floats | None = None
    seed: int = 0
    radius_px: int | None = None
    variance: tuple[float, float, float] | None = None
    unbiased: bool = True
    peak: float = 0.0
    psf: Floats | None = None
    psf_open: bool = False


@dataclass(frozen=True)
class Point:
    """One setting and its score: mean weighted squared error over the held-out pixels, and noise in the result."""

    background: str
    fidelity: float
    sparsity: float
    continuity: float
    iterations: int
    score: float
    continuity_t: float = 0.0

    @property
    def key(self) -> tuple[float, float, float, int]:
        """Fidelity, sparsity, continuity, iterations."""
        return self.fidelity, self.sparsity, self.continuity, self.iterations


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes
    ----------
    values : dict
        Chosen values by recipe name.
    curve : tuple of Point
        Every setting that was tried, in order, for the report.
    radius_px : int
        How far the noise is correlated; pixels were held out in blocks of 2 r + 1.
    crop : tuple of slice
        The part of the plane that was looked at (y, x).
    seconds : float
        What it took.
    notes : tuple of str
        What the user should know, such as a minimum at the edge of the grid.
    rehearsed : tuple of Point
        The settings that were compared on a made-up frame; their score is the part of its truth's variance that they
        do not explain. Empty where noise is correlated beyond the band of the optics, or nothing stands out.
    """

    values: Mapping[str, float | int | str]
    curve: tuple[Point, ...]
    radius_px: int
    crop: tuple[slice, slice]
    seconds: float
    notes: tuple[str, ...]
    rehearsed: tuple[Point, ...] = ()
