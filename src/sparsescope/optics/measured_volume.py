"""One channel of an image as the two or three axes that a PSF has."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import InputError, RecipeError
from ..image import Image

AXES: Final = "zyx"
"""Letters of a PSF's axes; those of a PSF of two axes are the last two."""


def one_volume(image: Image, channel: int | None, what: str) -> tuple[npt.NDArray[Any], dict[str, float]]:
    """Return the pixels of one channel, and the voxel sizes that are known.

    Parameters
    ----------
    image : Image
        Axes ``YX`` or ``ZYX``, with a channel axis or not.
    channel : int or None
        Which channel, from 0; needed where there are several.
    what : str
        What the image is called in errors.

    Returns
    -------
    values : ndarray, (Y, X) or (Z, Y, X)
        In the image's own type.
    spacing_um : dict
        Sizes in µm by axis letter.

    Raises
    ------
    InputError
        If there is a time axis, or values are not finite or no real numbers.
    RecipeError
        If a channel must be chosen, or is none of the image.

    Examples
    --------
    >>> from sparsescope.image import as_image
    >>> values, sizes = one_volume(as_image(np.zeros((2, 8, 8)), "CYX", pixel_size_um=0.1), 1, "the file")
    >>> values.shape, sizes
    ((8, 8), {'y': 0.1, 'x': 0.1})
    """
    if image.sizes.get("T", 1) > 1:
        raise InputError(
            f"{what} has {image.sizes['T']} time points: give one of them, or say --axes ZYX if the axis is depth"
        )
    count = image.sizes.get("C", 1)
    if channel is None and count > 1:
        raise RecipeError(
            f"{what} has {count} channels{_names(image)}: each has its own PSF. Choose one by --channel, 0 to "
            f"{count - 1}"
        )
    if channel is not None and not (isinstance(channel, int) and 0 <= channel < count):
        raise RecipeError(f"channel = {channel!r} is not allowed: {what} has the channels 0 to {count - 1}")
    index = {"C": channel or 0, "T": 0}
    values = image.block(**{axis: at for axis, at in index.items() if axis in image.axes})
    if values.dtype.kind not in "uif":
        raise InputError(f"{what} holds {values.dtype} values: allowed are real numbers")
    if not np.isfinite(values).all():
        bad = int(np.size(values) - np.isfinite(values).sum())
        raise InputError(f"{what} holds {bad} NaN or infinite values: replace them first")
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    return values, {axis: image.spacing_um[axis] for axis in AXES[-values.ndim :] if axis in image.spacing_um}


def full_scale(image: Image) -> float | None:
    """Return the largest value that the detector can give, by the significant bits that the file names.

    Examples
    --------
    >>> full_scale(Image(np.zeros((8, 8), "uint16"), "YX", meta={"bits": 12}))
    4095.0
    """
    bits = image.meta.get("bits")
    if image.dtype.kind != "u" or not isinstance(bits, int) or not 1 <= bits <= 8 * image.dtype.itemsize:
        return None
    return float(2**bits - 1)


def _names(image: Image) -> str:
    names = [channel.name for channel in image.channels if channel.name]
    return f" ({', '.join(names)})" if names else ""
