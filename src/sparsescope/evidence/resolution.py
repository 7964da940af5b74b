"""Resolution of one image by decorrelation, of two images by Fourier ring correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..errors import InputError
from ..image import Image
from ..quality.decorrelation import decorrelation_cutoff_cycles_per_px
from ..quality.frc import Crossing, Frc, Threshold, crossing, frc
from ..quality.halves import split_frames
from .planes import channel_name, channels, described, liveliest, pixel_um, same_axes

MOST_FRAMES: Final = 64
"""Frames of a movie that are averaged into its halves, around the frame looked at."""


@dataclass(frozen=True)
class Resolution:
    """One estimate of resolution.

    Attributes
    ----------
    channel, plane : str
        What was looked at.
    method : str
        ``"decorrelation"``, ``"FRC 1/7"``, ``"FRC half-bit"``, or FRC of even and odd frames.
    value_px, low_px, high_px : float or None
        The finest period, and the same one standard error better and worse; None where there is none.
    pixel_um : float or None
        Size of the pixels.
    at_limit : bool
        The curve never falls: 2 px, the pixels' limit.
    """

    channel: str
    plane: str
    method: str
    value_px: float | None
    low_px: float | None = None
    high_px: float | None = None
    pixel_um: float | None = None
    at_limit: bool = False

    @property
    def value_um(self) -> float | None:
        """The finest period in µm, where the pixel size is known."""
        return None if self.value_px is None or self.pixel_um is None else self.value_px * self.pixel_um


MEANING: Final = {
    "decorrelation": "finest detail above the noise: where signal ends, not how close two points may be and still be "
    "told apart. Noise that was interpolated, filtered or deconvolved counts as detail",
    "FRC": "finest detail that the two images share: reproducible, not true. Whatever is in both counts: fixed "
    "patterns, the grid of an interpolation, the same wrong PSF",
}
"""What the numbers are and what they are not, by method."""


def resolution_of_one(image: Image) -> list[Resolution]:
    """Estimate the resolution of each channel of an image; of a movie also from its even and odd frames.

    Parameters
    ----------
    image : Image
        Any axes; the plane that varies most is looked at.

    Returns
    -------
    list of Resolution
        By decorrelation for each channel, and by FRC for movies of two frames or more.

    Examples
    --------
    >>> frames = np.random.default_rng(0).poisson(5, (4, 64, 64))
    >>> [found.method for found in resolution_of_one(Image(frames, "TYX"))]
    ['decorrelation', 'FRC of even and odd frames, 1/7']
    """
    found = []
    for channel in channels(image):
        index = liveliest(image, channel)
        cutoff = decorrelation_cutoff_cycles_per_px(image.block(**index))
        about = (channel_name(image, index), described(index))
        value = None if cutoff is None else 1 / cutoff
        found.append(Resolution(*about, "decorrelation", value, pixel_um=pixel_um(image)))
        if image.sizes.get("T", 1) >= 2 and min(image.sizes["Y"], image.sizes["X"]) >= 32:
            count = min(image.sizes["T"], MOST_FRAMES)
            first = min(max(0, index["T"] - count // 2), image.sizes["T"] - count)
            where: dict[str, int | slice] = {**index, "T": slice(first, first + count)}
            frames = image.block(**where)
            plane = described({**index, "T": first}) + f" to {first + count - 1}"
            curve = frc(*split_frames(frames.astype(np.float32)))
            found.append(_found((about[0], plane), "FRC of even and odd frames, 1/7", crossing(curve), image))
    return found


def resolution_of_two(first: Image, second: Image) -> tuple[list[Resolution], list[Frc]]:
    """Estimate down to which detail two images of one object agree, for each channel.

    Parameters
    ----------
    first, second : Image
        Of the same axes and sizes; the plane of the first that varies most is looked at in both.

    Returns
    -------
    list of Resolution
        With the thresholds 1/7 and half-bit.
    list of Frc
        The curve of each channel.

    Raises
    ------
    InputError
        If axes or sizes differ, or the images are the same pixel by pixel.

    Examples
    --------
    >>> image = Image(np.random.default_rng(0).random((64, 64)), "YX")
    >>> resolution_of_two(image, image)
    Traceback (most recent call last):
    ...
    sparsescope.errors.InputError: the two images are the same pixel by pixel...
    """
    same_axes(first, second)
    found, curves = [], []
    for channel in channels(first):
        index = liveliest(first, channel)
        planes = [image.block(**index).astype(np.float64) for image in (first, second)]
        if np.array_equal(planes[0], planes[1]):
            raise InputError(
                "the two images are the same pixel by pixel, so that their correlation says nothing: give two "
                "exposures, or two halves of one"
            )
        curve = frc(*planes)
        curves.append(curve)
        about = (channel_name(first, index), described(index))
        thresholds: tuple[Threshold, ...] = ("1/7", "half-bit")
        found += [_found(about, f"FRC {kind}", crossing(curve, kind), first) for kind in thresholds]
    return found, curves


def _found(about: tuple[str, str], method: str, cross: Crossing, image: Image) -> Resolution:
    return Resolution(
        *about, method, cross.resolution_px, cross.low_px, cross.high_px, pixel_um(image), cross.at_limit
    )  # fmt: skip
