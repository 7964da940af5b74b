"""OME-Zarr out: 0.5 (Zarr 3) or 0.4 (Zarr 2), a pyramid, sizes, channels and provenance; written beside and renamed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..image import Channel, Image
from .atomic import replacing_folder
from .encode import Encoding, choose
from .facts import positive
from .zarr_read import OURS
from .zarr_store import MARKS, new_array, new_group

SUFFIXES_OUT = (".zarr",)
CHUNK = 1024
"""Longest side of a chunk: 4 MB in float32, one plane deep, so that a viewer loads what it shows."""

SMALLEST = 256
"""Levels are added until no side is longer than this."""

_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
_COLORS = ("FFFFFF",), ("00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")


def write(path: Path, image: Image, *, dtype: str, overwrite: bool, version: str = "0.5") -> list[str]:
    """Write an OME-Zarr image plane by plane.

    Parameters
    ----------
    path : Path
        Folder to make; ends in ``.zarr``.
    image, dtype, overwrite
        See :func:`sparsescope.io.write`. An existing folder is only ever replaced when it is a Zarr store.
    version : str
        ``"0.5"`` or ``"0.4"``.

    Notes
    -----
    Each level of the pyramid is the mean of 2 × 2 pixels of the one before; where a length is odd the last row or
    column stands for itself. Integers are rounded.
    """
    if not path.name.lower().endswith(SUFFIXES_OUT):
        raise OutputError(f"cannot write {path.name}: the name of an OME-Zarr ends in .ome.zarr or .zarr")
    encoding = choose(image, dtype)
    with replacing_folder(path, overwrite=overwrite, marks=MARKS) as part:
        group = new_group(part, 3 if version == "0.5" else 2)
        levels = _levels(image)
        names = [axis.lower() for axis in image.axes]
        arrays = [
            new_array(group, str(i), shape, _chunks(shape), encoding.dtype.name, names)
            for i, shape in enumerate(levels)
        ]
        ranges = _fill(image, encoding, arrays)
        described = _description(image, path.name, len(levels), ranges)
        ours = _ours(image, encoding)
        found = {"ome": {"version": version, **described}} if version == "0.5" else described
        if version == "0.4":
            described["multiscales"][0]["version"] = version
            described["omero"]["version"] = version
        group.update_attributes(json.loads(json.dumps({**found, OURS: ours}, default=str)))
    return list(encoding.notes)


def write_04(path: Path, image: Image, *, dtype: str, overwrite: bool) -> list[str]:
    """Write version 0.4, for programs that read no Zarr 3 yet."""
    return write(path, image, dtype=dtype, overwrite=overwrite, version="0.4")


def _levels(image: Image) -> list[tuple[int, ...]]:
    """Return the shape of each level."""
    shapes = [image.shape]
    while max(shapes[-1][-2:]) > SMALLEST:
        shapes.append((*image.shape[:-2], *(-(-n // 2) for n in shapes[-1][-2:])))
    return shapes


def _chunks(shape: Sequence[int]) -> tuple[int, ...]:
    return (*(1 for _ in shape[:-2]), *(min(n, CHUNK) for n in shape[-2:]))


def halved(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean of each 2 × 2 pixels; where a length is odd the last row or column stands for itself.

    Examples
    --------
    >>> halved(np.array([[1.0, 3, 8], [1, 3, 2]], "float32"))
    array([[2., 5.]], dtype=float32)
    """
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2)), "edge")
    wide = np.float32 if plane.dtype.itemsize < 4 or plane.dtype == np.float32 else np.float64
    mean: npt.NDArray[Any] = even[::2, ::2].astype(wide)
    for corner in (even[1::2, ::2], even[::2, 1::2], even[1::2, 1::2]):
        mean += corner
    mean *= 0.25
    smaller: npt.NDArray[Any] = (np.rint(mean) if plane.dtype.kind in "iu" else mean).astype(plane.dtype)
    return smaller


@dataclass
class _Ranges:
    """Smallest and largest value of each channel."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)


def _fill(image: Image, encoding: Encoding, arrays: Sequence[Any]) -> _Ranges:
    """Write every plane into every level; return what the display needs."""
    count = image.sizes.get("C", 1)
    ranges = _Ranges([math.inf] * count, [-math.inf] * count)
    for index in np.ndindex(image.shape[:-2]):
        plane = encoding(np.asarray(image.data[index]))
        channel = index[image.axes.index("C")] if "C" in image.axes else 0
        ranges.low[channel] = min(ranges.low[channel], float(plane.min()))
        ranges.high[channel] = max(ranges.high[channel], float(plane.max()))
        for level, array in enumerate(arrays):
            plane = halved(plane) if level else plane
            array[index] = plane
    return ranges


def _description(image: Image, name: str, levels: int, ranges: _Ranges) -> dict[str, Any]:
    """Return OME's attributes: axes, the size of a pixel in each level, channels."""
    axes = [_axis(image, axis) for axis in image.axes]
    base = [_scale(image, axis) for axis in image.axes]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [*base[:-2], *(size * 2.0**level for size in base[-2:])]},
                *_translation(image, base, level),
            ],
        }
        for level in range(levels)
    ]
    multiscale = {"name": name.rsplit(".zarr", 1)[0], "axes": axes, "datasets": datasets, "type": "mean"}
    return {"multiscales": [multiscale], "omero": {"channels": _channels(image, ranges), "rdefs": {"model": "color"}}}


def _axis(image: Image, axis: str) -> dict[str, str]:
    found = {"name": axis.lower(), "type": _TYPES[axis]}
    if axis.lower() in image.spacing_um:
        found["unit"] = "micrometer"
    elif axis == "T" and positive(image.interval_s):
        found["unit"] = "second"
    return found


def _scale(image: Image, axis: str) -> float:
    """Return the size along an axis; 1 without a unit where it is not known."""
    known = image.interval_s if axis == "T" else image.spacing_um.get(axis.lower())
    return float(positive(known) or 1.0)


def _translation(image: Image, base: Sequence[float], level: int) -> list[dict[str, Any]]:
    """Return the shift of the first pixel's centre: that of a level lies between those that it is the mean of."""
    if not level:
        return []
    shift = (2.0**level - 1) / 2
    return [{"type": "translation", "translation": [*(0.0 for _ in image.axes[:-2]), *(shift * s for s in base[-2:])]}]


def _channels(image: Image, ranges: _Ranges) -> list[dict[str, Any]]:
    described = image.channels or (Channel(),) * image.sizes.get("C", 1)
    colors = _COLORS[len(described) > 1]
    return [
        {
            "label": channel.name or f"channel {i}",
            "color": bytes(channel.color).hex().upper() if channel.color else colors[i % len(colors)],
            "active": True,
            "window": {"min": low, "max": high, "start": low, "end": high},
        }
        for i, (channel, low, high) in enumerate(zip(described, ranges.low, ranges.high, strict=True))
    ]


def _ours(image: Image, encoding: Encoding) -> dict[str, Any]:
    """Return what OME-Zarr has no place for: wavelengths, optics, provenance."""
    keys = (
        "numerical_aperture",
        "refractive_index",
        "pinhole_um",
        "pinhole_airy",
        "modality",
        "channel_modalities",
        "bits",
    )
    known = {key: image.meta[key] for key in keys if image.meta.get(key) is not None}
    waves = [{"emission_nm": one.emission_nm, "excitation_nm": one.excitation_nm} for one in image.channels]
    made = encoding.noted(image)
    return {**known, **({"channels": waves} if waves else {}), **({"provenance": made} if made else {})}
