"""What the pixel values of an image look like: range, saturation, values that no detector gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ..image import Image

CAMERA_BITS = (8, 10, 11, 12, 14, 16)
"""Bit depths of common detectors; a maximum at the top of one of them is the sign of saturation."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Range and oddities of the pixel values of an image.

    Attributes
    ----------
    minimum, maximum, mean : float or None
        Of the finite values, in counts; None when there is no finite value.
    full_scale : int or None
        The value that a saturated detector gives, for integers; None for floating point numbers.
    saturated : float or None
        Fraction of pixels at or above `full_scale`, 0 to 1.
    negative, not_finite : int
        Number of pixels below zero, and of those that are NaN or infinite.
    """

    minimum: float | None
    maximum: float | None
    mean: float | None
    full_scale: int | None
    saturated: float | None
    negative: int
    not_finite: int


def planes(image: Image) -> Iterator[npt.NDArray[Any]]:
    """Read an image one YX plane after the other, so that a long movie is never in memory at once."""
    leading = [axis for axis in image.axes if axis not in "YX"]
    for index in product(*(range(image.sizes[axis]) for axis in leading)):
        yield image.block(**dict(zip(leading, index, strict=True)))


def survey(image: Image) -> Survey:
    """Look at every pixel once.

    Parameters
    ----------
    image : Image
        Real numbers, any axes; ``meta["bits"]`` is taken as the detector's bit depth where it is there.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsescope import as_image
    >>> survey(as_image(np.array([[0, 4095], [4095, 17]], "uint16")))
    Survey(minimum=0.0, maximum=4095.0, mean=2051.75, full_scale=4095, saturated=0.5, negative=0, not_finite=0)
    """
    low, high, total, count, negative, not_finite = np.inf, -np.inf, 0.0, 0, 0, 0
    tops: dict[int, int] = dict.fromkeys(_candidates(image), 0)
    for plane in planes(image):
        finite = plane if plane.dtype.kind in "biu" else plane[np.isfinite(plane)]
        not_finite += plane.size - finite.size
        if finite.size:
            low, high = min(low, finite.min()), max(high, finite.max())
            total += float(finite.sum(dtype=np.float64))
            count += finite.size
            negative += int(np.count_nonzero(finite < 0))
        for top in tops:
            tops[top] += int(np.count_nonzero(plane >= top))
    full_scale = _full_scale(image, tops, float(high))
    return Survey(
        minimum=float(low) if count else None,
        maximum=float(high) if count else None,
        mean=total / count if count else None,
        full_scale=full_scale,
        saturated=None if full_scale is None else tops[full_scale] / count,
        negative=negative,
        not_finite=not_finite,
    )


def _candidates(image: Image) -> list[int]:
    """Values that may be the top of the detector's range: told by the file, of common detectors, of the type."""
    if image.dtype.kind not in "iu":
        return []
    limit = int(np.iinfo(image.dtype).max)
    told = [2 ** int(image.meta["bits"]) - 1] if image.meta.get("bits") else []
    return [top for top in [*told, *(2**n - 1 for n in CAMERA_BITS), limit] if top <= limit]


def _full_scale(image: Image, tops: dict[int, int], maximum: float) -> int | None:
    """Choose the top: the maximum if it is one of them, else what the file tells if not exceeded, else the type's."""
    if not tops:
        return None
    if maximum in tops:
        return int(maximum)
    told = next(iter(tops)) if image.meta.get("bits") else -1
    return told if maximum <= told else max(tops)
