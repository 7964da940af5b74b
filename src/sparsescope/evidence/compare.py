"""Two images of one field against each other, or both against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Image
from ..quality.agreement import MARGIN_PX, agreement, correlation, psnr_2px
from ..quality.error_map import error_map
from ..quality.frc import crossing, frc
from .planes import channel_name, channels, described, liveliest, same_axes

LEAST_SIDE: Final = 2 * MARGIN_PX + 8

MEANING: Final = {
    "agreement": "detail in common, 1 is all; blind to intensities",
    "psnr_2px_db": "size of the error; forgives missing detail",
    "correlation": "pixel by pixel; bright, coarse structure dominates",
    "frc_px": "finest period in common (1/7): reproducible, not true",
    "rsp": "correlation after the best blur of the first (SQUIRREL)",
    "rse": "error of that match, in counts of the second",
}
"""What each measure says, by name."""


@dataclass(frozen=True)
class Comparison:
    """How well one image agrees with another.

    Attributes
    ----------
    first, second : str
        Their names.
    channel, plane : str
        What was looked at.
    agreement, psnr_2px_db, correlation, frc_px, rsp, rse : float or None
        See `MEANING`; `frc_px` is None where the images have nothing in common.
    """

    first: str
    second: str
    channel: str
    plane: str
    agreement: float
    psnr_2px_db: float
    correlation: float
    frc_px: float | None
    rsp: float
    rse: float


def compare(images: dict[str, Image], truth: str | None = None) -> list[Comparison]:
    """Compare two images, channel by channel, and each with the truth where there is one.

    Parameters
    ----------
    images : dict of str to Image
        Two, and the truth where there is one, by name; of the same axes and sizes.
    truth : str, optional
        Which of them is the truth.

    Returns
    -------
    list of Comparison
        The first against the second; with a truth, each of the two against it before that.

    Raises
    ------
    InputError
        If axes or sizes differ, the images are smaller than 40 pixels, or values are not finite.

    Examples
    --------
    >>> image = Image(np.random.default_rng(0).random((64, 64)), "YX")
    >>> round(compare({"a": image, "b": image})[0].correlation, 3)
    1.0
    """
    names = [name for name in images if name != truth]
    reference = images[truth or names[1]]
    for image in images.values():
        same_axes(reference, image)
    if min(reference.sizes["Y"], reference.sizes["X"]) < LEAST_SIDE:
        raise InputError(f"the images are too small to compare: allowed are {LEAST_SIDE} pixels or more along Y and X")
    pairs = [(name, truth) for name in names] if truth is not None else []
    pairs.append((names[0], names[1]))
    found = []
    for channel in channels(reference):
        index = liveliest(reference, channel)
        about = (channel_name(reference, index), described(index))
        planes = {name: image.block(**index) for name, image in images.items()}
        found += [_compared((a, b), about, planes[a], planes[b]) for a, b in pairs]
    return found


def _compared(
    names: tuple[str, str], about: tuple[str, str], first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]
) -> Comparison:
    for name, plane in zip(names, (first, second), strict=True):
        if plane.dtype.kind not in "iuf" or not np.isfinite(plane).all():
            raise InputError(f"{name} holds values that are not finite numbers: replace or crop them first")
    a, b = first.astype(np.float64), second.astype(np.float64)
    match = error_map(a, b)
    return Comparison(
        *names, *about, agreement(a, b), psnr_2px(a, b), correlation(a, b), crossing(frc(a, b)).resolution_px,
        match.rsp, match.rse,
    )  # fmt: skip
