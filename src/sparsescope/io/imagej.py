"""ImageJ hyperstacks out: opens in Fiji with sizes, interval, colours and display ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..image import Channel, Image
from .atomic import replacing
from .encode import Encoding, choose
from .provenance import write_info
from .tiff import per_um, write_pages

SUFFIXES_OUT = (".tif", ".tiff")
DTYPES = ("float32", "uint8", "uint16")
"""The only types of numbers that ImageJ has."""

LARGEST = 2**32 - 2**25
"""ImageJ's TIFF counts bytes in 32 bits."""

_ORDER = "TZC"
_NO_PLACE = ("numerical_aperture", "refractive_index", "modality")
_DEFAULT_COLORS = ((255, 255, 255),), ((0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 0), (255, 0, 0))
"""Of one channel, and of several without colours of their own."""


def write(path: Path, image: Image, *, dtype: str, overwrite: bool) -> list[str]:
    """Write an ImageJ hyperstack plane by plane.

    Raises
    ------
    OutputError
        If the type is none of ImageJ's, or the image does not fit into its TIFF.
    """
    name = path.name.lower()
    if not name.endswith(SUFFIXES_OUT) or name.endswith((".ome.tif", ".ome.tiff")):
        raise OutputError(f"cannot write {path.name}: the name of an ImageJ hyperstack ends in .tif, but not .ome.tif")
    if dtype not in DTYPES:
        raise OutputError(f"dtype {dtype} is not one of ImageJ: allowed are {', '.join(DTYPES)}")
    size = math.prod(image.shape) * np.dtype(dtype).itemsize
    if size > LARGEST:
        raise OutputError(
            f"{path.name} would have {size / 1e9:.1f} GB, and an ImageJ TIFF holds 4: choose ome-tiff or ome-zarr"
        )
    with replacing(path, overwrite=overwrite) as file:
        encoding = choose(image, dtype)
        sizes = image.sizes
        shape = (*(sizes.get(axis, 1) for axis in _ORDER), *image.shape[-2:])
        per_pixel = per_um(image)
        write_pages(
            file,
            _pages(image, encoding),
            shape,
            encoding.dtype,
            resolution=per_pixel,
            metadata=_metadata(image, encoding),
            software="sparsescope",
        )
    return [*encoding.notes, *_lost(image)]


def _lost(image: Image) -> list[str]:
    """Say what has no place in an ImageJ TIFF."""
    lost = [key.replace("_", " ") for key in _NO_PLACE if image.meta.get(key) is not None]
    waves = ["wavelengths"] if any(one.emission_nm or one.excitation_nm for one in image.channels) else []
    if not lost and not waves:
        return []
    return [f"{', '.join([*waves, *lost])}: there is no place for it in an ImageJ TIFF, so it is left out"]


def _places(image: Image) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield channel and index of each plane in ImageJ's order: channels fastest, then z, then t."""
    lead = image.axes[:-2]
    for place in np.ndindex(*(image.sizes.get(axis, 1) for axis in _ORDER)):
        where = dict(zip(_ORDER, place, strict=True))
        yield where["C"], tuple(where[axis] for axis in lead)


def _pages(image: Image, encoding: Encoding) -> Iterator[npt.NDArray[Any]]:
    for _, index in _places(image):
        yield encoding(np.asarray(image.data[index]))


def _metadata(image: Image, encoding: Encoding) -> Mapping[str, Any]:
    """Return what ImageJ shows; one pass over the values for the display ranges."""
    channels = image.channels or (Channel(),) * image.sizes.get("C", 1)
    low, high = [math.inf] * len(channels), [-math.inf] * len(channels)
    for channel, index in _places(image):
        plane = encoding(np.asarray(image.data[index]))
        low[channel] = min(low[channel], float(plane.min()))
        high[channel] = max(high[channel], float(plane.max()))
    colors = _DEFAULT_COLORS[len(channels) > 1]
    tables = [_table(channel.color or colors[i % len(colors)]) for i, channel in enumerate(channels)]
    ranges = [value for pair in zip(low, high, strict=True) for value in pair]
    found: dict[str, Any] = {"axes": "TZCYX", "unit": "um", "loop": False, "min": min(low), "max": max(high)}
    found |= {"mode": "composite" if len(channels) > 1 else "grayscale", "Ranges": tuple(ranges), "LUTs": tables}
    if not image.spacing_um:
        del found["unit"]
    if "z" in image.spacing_um:
        found["spacing"] = image.spacing_um["z"]
    if image.interval_s and "T" in image.axes:
        found |= {"finterval": image.interval_s, "tunit": "sec"}
    names = [channel.name for channel in channels]
    if any(names):
        found["Labels"] = [names[channel] or f"channel {channel}" for channel, _ in _places(image)]
    made = encoding.noted(image)
    if made:
        found["Info"] = write_info(made)
    return found


def _table(color: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Return the look-up table from black to a colour."""
    table: npt.NDArray[np.uint8] = (np.arange(256)[None, :] * np.array(color)[:, None] / 255).round().astype(np.uint8)
    return table
