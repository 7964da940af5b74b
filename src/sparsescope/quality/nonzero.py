"""The part of an image that is not dark, before and after: what sparsity did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

THRESHOLD: Final = 0.01
"""A pixel counts as not dark above this part of the reference value (the 99.9th percentile of the image)."""


@dataclass(frozen=True)
class NonZero:
    """Parts of the pixels that are not dark.

    Attributes
    ----------
    before, after : float
        Of the data above the background and of the result, 0 to 1.
    optimum : float or None
        Exactly above 0 in the certified optimum of the sparse stage, whose split variable and image agree; None where
        it was not computed.
    threshold : float
        Part of the 99.9th percentile of each image above which a pixel counted (not used for `optimum`).
    """

    before: float
    after: float
    optimum: float | None
    threshold: float


def nonzero(
    light: npt.NDArray[np.floating],
    result: npt.NDArray[np.floating],
    optimum: npt.NDArray[np.floating] | None = None,
    threshold: float = THRESHOLD,
) -> NonZero:
    """Return the part of pixels that are not dark before and after deconvolution.

    Meaning: how sparse the result is beside the data. Blind spot: says nothing about right or wrong: a sparse result
    of a dense sample is a loss. Of an iteration that was stopped early, such as the published one, hardly a pixel is
    exactly zero, so that a threshold must be stated; published ratios differ by it.

    Parameters
    ----------
    light, result : array
        Data above the background, and the result, in counts.
    optimum : array, optional
        Certified optimum of the sparse stage, which has exact zeros.
    threshold : float
        As part of the 99.9th percentile of each image.

    Examples
    --------
    >>> nonzero(np.array([1.0, 1.0, 0.5, 0.2]), np.array([3.0, 1.0, 0.0, 0.0]))
    NonZero(before=1.0, after=0.5, optimum=None, threshold=0.01)
    """

    def part(values: npt.NDArray[np.floating]) -> float:
        top = float(np.percentile(values, 99.9))
        return float(np.mean(values > threshold * top)) if top > 0 else 0.0

    exact = None if optimum is None else float(np.mean(optimum > 0))
    return NonZero(part(light), part(result), exact, threshold)
