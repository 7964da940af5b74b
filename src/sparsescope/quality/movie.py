"""Bleaching and flicker: how the light of a movie changes from frame to frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError

FEWEST = 4
"""Frames below which neither is told."""


@dataclass(frozen=True)
class Light:
    """How the light of a movie changes.

    Attributes
    ----------
    lost_percent : float
        Light lost from the first to the last frame along the fitted exponential; below 0 it grew.
    flicker_percent : float
        Standard deviation of single frames around their neighbours, in percent.
    """

    lost_percent: float
    flicker_percent: float


def light_over_time(frame_sums: npt.ArrayLike) -> Light | None:
    """Return bleaching and flicker from the sum of each frame.

    Meaning: the loss says whether late frames are noisier; flicker that is larger in the result than in the data was
    made by the deconvolution. Blind spot: light that leaves the field looks like bleaching, and real events like
    flicker; what changes place within the frame is not seen.

    Parameters
    ----------
    frame_sums : array_like, (T,)
        Sum or mean of each frame above its background.

    Returns
    -------
    Light or None
        None with fewer than 4 frames, or without light.

    Notes
    -----
    The exponential is a straight line through the logarithms (least squares). Flicker is the standard deviation of
    second differences [1, −2, 1] / √6 of the logarithms, which no smooth change enters.

    Examples
    --------
    >>> light_over_time(100 * np.exp(-np.arange(11) / 10))
    Light(lost_percent=63.212, flicker_percent=0.0)
    """
    sums = np.asarray(frame_sums, np.float64)
    if sums.ndim != 1:
        raise InputError(f"sums of shape {sums.shape}: allowed is one number for each frame")
    if sums.size < FEWEST or not (sums > 0).all():
        return None
    logs, time = np.log(sums), np.arange(sums.size) - (sums.size - 1) / 2
    slope = float((time * logs).sum() / (time**2).sum())
    second = np.diff(logs, 2) / np.sqrt(6)
    flicker = float(np.sqrt(np.mean(second**2)))
    lost = 1 - math.exp(slope * (sums.size - 1))
    return Light(round(100 * lost, 3), round(100 * flicker, 4))
