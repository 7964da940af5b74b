"""The one plane of a channel that is looked at when an image is judged without a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Image

SAMPLED: Final = 9
"""Planes along time and z that are looked at, at most."""


def liveliest(image: Image, channel: int | None) -> dict[str, int]:
    """Return the plane of a channel whose values vary most, of nine spread evenly.

    Examples
    --------
    >>> data = np.zeros((3, 8, 8)); data[1, 2, 2] = 5
    >>> liveliest(Image(data, "TYX"), None)
    {'T': 1}
    """
    fixed = {} if channel is None else {"C": channel}
    axes = [axis for axis in image.axes if axis in "TZ"]
    places = [dict(zip(axes, map(int, at), strict=True)) for at in np.ndindex(*(image.sizes[a] for a in axes))]
    sample = sorted({round(i) for i in np.linspace(0, len(places) - 1, min(SAMPLED, len(places)))})
    best = max(sample, key=lambda i: _spread(image.block(**fixed, **places[i])))
    return {**fixed, **places[best]}


def _spread(plane: npt.NDArray[Any]) -> float:
    values = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
    return float(values.std()) if values.size else -np.inf


def channels(image: Image) -> list[int | None]:
    """Return the index of each channel, or None where there is no C axis."""
    return list(range(image.sizes["C"])) if "C" in image.axes else [None]


def channel_name(image: Image, index: Mapping[str, int]) -> str:
    """Return the name of a channel for the reader, or its number."""
    at = index.get("C")
    if at is None:
        return ""
    known = image.channels[at].name if at < len(image.channels) else None
    return known or f"channel {at}"


def described(index: Mapping[str, int]) -> str:
    """Say which plane it is.

    Examples
    --------
    >>> described({"T": 3, "Z": 1}), described({})
    ('T 3, Z 1', 'the plane')
    """
    return ", ".join(f"{axis} {i}" for axis, i in index.items() if axis != "C") or "the plane"


def same_axes(first: Image, second: Image) -> None:
    """Raise InputError unless two images have the same axes and sizes."""
    if first.axes != second.axes or first.shape != second.shape:
        said = [" × ".join(f"{axis} {n}" for axis, n in image.sizes.items()) for image in (first, second)]
        raise InputError(
            f"images of {said[0]} and {said[1]}: only images of the same axes and sizes can be compared pixel by "
            "pixel; crop or resample one of them first"
        )


def pixel_um(image: Image) -> float | None:
    """Return the pixel size where pixels are square, else None."""
    x, y = image.spacing_um.get("x"), image.spacing_um.get("y")
    return x if x is not None and (y is None or abs(y / x - 1) < 0.02) else None
