"""Which pixels the detector could not count: those at the top of its range."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..engines import Float32Array
from ..image import Image


def full_scale(image: Image, maximum: float) -> float | None:
    """Return the largest value that the image's numbers can hold, or None where that is not known.

    Parameters
    ----------
    image : Image
        Its type of numbers, and the bits that its file declares (``meta["bits"]``), tell.
    maximum : float
        Largest value met: where it exceeds the declared bits, they are not those of these values.

    Examples
    --------
    >>> full_scale(Image(np.zeros((4, 4), "uint16"), "YX", meta={"bits": 12}), 4095.0)
    4095.0
    >>> full_scale(Image(np.zeros((4, 4), "uint16"), "YX"), 4095.0), full_scale(Image(np.zeros((4, 4)), "YX"), 1.0)
    (65535.0, None)
    """
    if image.dtype.kind not in "iu":
        return None
    top = float(np.iinfo(image.dtype).max)
    bits = image.meta.get("bits")
    told = 2.0 ** int(bits) - 1 if bits else top
    return told if maximum <= told < top else top


def countable(plane: Float32Array, top: float | None) -> npt.NDArray[np.bool_] | None:
    """Return where a plane lies below the top, or None where it does so everywhere."""
    if top is None or float(plane.max()) < top:
        return None
    return plane < top
