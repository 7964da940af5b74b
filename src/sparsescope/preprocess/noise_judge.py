"""Whether an image shows photon noise at all, and if not, why, in plain words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .noise_correlation import MOST_PHOTONS
from .noise_line import Line
from .noise_samples import has_jpeg_blocks, quantisation_step

Floats = npt.NDArray[np.floating]

UNSURE = 0.25
"""Relative standard error of the gain above which it is not given."""


def why_no_scale(frames: Floats, line: Line | None, radius_px: int) -> str | None:
    """Say why counts cannot be turned into photons, or None where they can.

    Parameters
    ----------
    frames : array, (frames, Y, X)
        Counts.
    line : Line or None
        Variance against brightness, as measured.
    radius_px : int
        How far the noise is correlated.
    """
    step = quantisation_step(frames)
    if has_jpeg_blocks(frames[0]):
        return "the image shows the 8 × 8 blocks of lossy JPEG compression"
    if radius_px > 0:
        return f"noise reaches over {radius_px} px (the image was interpolated, filtered or reconstructed)"
    if step == 0:
        return "the values are not counts (they do not lie on a grid of grey values): the image was processed before"
    if float(frames.min()) < 0 and step != 1:
        return "there are negative values, which no detector counts: the image was processed before"
    return "the image is too small to measure its noise" if line is None else _why_no_line(line, step)


def _why_no_line(line: Line, step: float) -> str | None:
    """Say why the measured variance is not that of photons, or None where it is."""
    if float(line.variance.max()) < step**2 / 4:
        return "the noise is hidden by the coarse steps of the grey values, or there are too few photons"
    if line.slope <= 0 or line.slope_error > UNSURE * line.slope:
        return "the noise does not measurably grow with the brightness (too few photons, or too little contrast)"
    if line.scatter > 0.5 and line.misfit > 3:
        return "the noise does not grow in proportion to the brightness (gamma, clipping or another change of values)"
    if float(np.median(line.level)) - line.level_of_zero > MOST_PHOTONS * line.slope:
        return "there is less noise than photons leave in any detector (denoised, or simulated without noise)"
    return None


def doubts(gain: float, line: Line | None, reason: str | None) -> list[str]:
    """Say what speaks against a gain (counts per electron) that was given."""
    if reason is not None or line is None:
        return [f"the gain was given, but the image itself shows no photon scale: {reason}"]
    if abs(line.slope - gain) > 3 * line.slope_error + 0.3 * gain:
        return [f"the noise suggests a gain of {line.slope:.3g} counts per electron, not the {gain:.3g} given"]
    return []
