"""Leica LIF and LOF files in; the one file that names liffile."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Channel, Image
from . import container
from .container import Stored
from .damage import check_end
from .facts import IMMERSION_INDEX, Facts, positive
from .safe_xml import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from liffile import LifImageABC

KIND = "Leica LIF"
_MOST_XML = 2**28
_LETTERS = {"λ": "E", "Λ": "L", "N": "N", "Q": "Q", "A": "A", "M": "M", "L": "B"}
"""liffile's letters to ours, for axes that are none of TCZYX."""

_COLORS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
    "gray": (255, 255, 255),
    "grey": (255, 255, 255),
}
"""Display colours by the name of the look-up table."""


def read(path: Path, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]) -> Image:
    """Read one image of a LIF file; see :func:`sparsescope.io.read`."""
    return container.read(path, KIND, _File, axes=axes, series=series, lazy=lazy)


def read_provenance(path: Path) -> dict[str, Any]:  # noqa: ARG001 - the same for every format
    """Return nothing: no result is written in this format."""
    return {}


class _File:
    """An open LIF file: each image is one run of bytes, seen through a memory map."""

    def __init__(self, path: Path) -> None:
        _check_header(path)
        import liffile

        self._file = liffile.LifFile(path)
        try:
            size = path.stat().st_size
            usable = [image for image in self._file.images if not image.is_flim]
            self._maps = [_map(path, image, size) for image in usable]
            self.images = [_stored(image, data) for image, data in zip(usable, self._maps, strict=True)]
        except BaseException:
            self._file.close()
            raise

    def plane(self, image: int, number: int) -> npt.NDArray[Any]:
        """Return a view of a plane."""
        data = self._maps[image]
        lead = data.shape[: self.images[image].lead]
        plane: npt.NDArray[Any] = data[tuple(np.unravel_index(number, lead))] if lead else data
        return plane

    def close(self) -> None:
        """Close the file."""
        self._maps = []
        self._file.close()


def _check_header(path: Path) -> None:
    """Raise InputError unless the XML of the file is whole and harmless: liffile parses it with an ordinary parser."""
    size, name = path.stat().st_size, path.name
    again = "Copy it again from where it was acquired"
    with path.open("rb") as file:
        text = _text(file, size)
        if text == "LMS_Object_File":
            file.seek(10, 1)
            (length,) = struct.unpack("<xQ", file.read(9).ljust(9, b"\0"))
            check_end(name, file.tell() + length, size)
            file.seek(length, 1)
            text = _text(file, size)
    if text is None:
        raise InputError(f"{name} is cut off or damaged: its description is not complete. {again}")
    if parse_xml(name, text, "metadata") is None:
        raise InputError(f"{name} is damaged: its description cannot be read. {again}")


def _text(file: Any, size: int) -> str | None:
    """Return the text that follows in the file, None where it is not complete."""
    head = file.read(13)
    if len(head) < 13:
        return None
    start, _, star, count = struct.unpack("<IIBI", head)
    if start != 0x70 or star != 0x2A or 2 * count > min(size, _MOST_XML):
        return None
    content = file.read(2 * count)
    return content.decode("utf-16-le", "replace") if len(content) == 2 * count else None


def _map(path: Path, image: LifImageABC, size: int) -> npt.NDArray[Any]:
    """Return the pixels of an image as a memory map, axes in stored order."""
    block, shape, dtype = image.memory_block, image.shape, image.dtype
    if 0 in shape or min(shape, default=1) < 0:
        raise InputError(f"{path.name} is damaged: its image {image.name} has shape {shape}")
    check_end(path.name, block.offset + max(block.size, math.prod(shape) * dtype.itemsize), size)
    if math.prod(shape) * dtype.itemsize > block.size:
        raise InputError(
            f"{path.name} is damaged: its image {image.name} of shape {shape} needs more than the {block.size} bytes "
            "that are stored for it. Copy it again from where it was acquired"
        )
    padded = getattr(image, "_shape_stored", None)  # rows of colour images may be longer than they are wide
    data: npt.NDArray[Any] = np.memmap(path, dtype, "r", block.offset, padded or shape)
    data = data[tuple(slice(n) for n in shape)]
    letters = _letters(image)
    tail = [letters.index(axis) for axis in "YXS" if axis in letters]
    lead = [i for i in range(len(letters)) if i not in tail]
    return np.transpose(data, lead + tail)


def _letters(image: LifImageABC) -> str:
    """Return our letters of the stored axes; raise InputError where they are not those of planes."""
    letters = "".join(axis if axis in tuple("TCZYXS") else _LETTERS.get(axis[:1], "Q") for axis in image.dims)
    if len(set(letters)) < len(letters) or not {"Y", "X"} <= set(letters):
        dims = ", ".join(f"{axis} {n}" for axis, n in image.sizes.items())
        raise InputError(f"image {image.name} has axes {dims}, which cannot be used: export it from LAS X as OME-TIFF")
    return letters


def _stored(image: LifImageABC, data: npt.NDArray[Any]) -> Stored:
    letters = _letters(image)
    axes = "".join(axis for axis in letters if axis not in "YXS") + "".join(axis for axis in "YXS" if axis in letters)
    name = image.path.split("/", 1)[-1] if "/" in image.path else image.name
    return Stored(axes, data.shape, image.dtype, partial(_facts, image.xml_element, dict(image.coords)), name)


def _facts(element: Element, coords: Mapping[str, npt.NDArray[Any]], fixed: Mapping[str, int]) -> Facts:  # noqa: ARG001
    """Collect sizes, interval, channels and optics of an image."""
    facts = Facts()
    for axis in "XYZ":
        step = _step(coords.get(axis))
        if step is not None:
            facts.spacing_um[axis.lower()] = step * 1e6
    facts.interval_s = _step(coords.get("T"))
    described = element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    settings = next(element.iter("ATLConfocalSettingDefinition"), None)
    if settings is None:
        settings = next(element.iter("ATLCameraSettingDefinition"), None)
    bands = _bands(settings) if settings is not None else []
    for i, one in enumerate(described):
        emission = bands[i] if len(bands) == len(described) else None
        facts.channels += (Channel(_name(one), _COLORS.get((one.get("LUTName") or "").lower()), emission),)
    bits = {one.get("Resolution") for one in described}
    if len(bits) == 1 and positive(next(iter(bits))):
        facts.meta["bits"] = int(next(iter(bits)) or 0)
    if settings is not None:
        _optics(settings, facts)
    return facts


def _step(values: Any) -> float | None:
    """Return the step of evenly spaced coordinates."""
    if values is None or len(values) < 2 or not np.issubdtype(np.asarray(values).dtype, np.floating):
        return None
    return positive(abs(float(values[-1]) - float(values[0])) / (len(values) - 1))


def _name(channel: Element) -> str | None:
    """Return the name of the dye, which newer files hold beside the channel."""
    entries: Iterable[Element] = channel.iterfind("ChannelProperty")
    names = {one.findtext("Key"): one.findtext("Value") for one in entries}
    return names.get("DyeName") or names.get("ChannelName") or None


def _bands(settings: Element) -> list[float | None]:
    """Return the middle of the detection band of each detector in use, in nm."""
    active = [one.get("Channel") for one in settings.iter("Detector") if one.get("IsActive") == "1"]
    bands: dict[str | None, float | None] = {}
    for band in settings.iter("MultiBand"):
        left, right = positive(band.get("LeftWorld")), positive(band.get("RightWorld"))
        if left and right and 200 < left <= right < 1500:
            bands[band.get("Channel")] = (left + right) / 2
    return [bands.get(channel) for channel in active]


def _optics(settings: Element, facts: Facts) -> None:
    """Add objective, pinhole and kind of microscope."""
    aperture, index = positive(settings.get("NumericalAperture")), positive(settings.get("RefractionIndex"))
    immersion = (settings.get("Immersion") or "").lower()
    if aperture is not None:
        facts.meta["numerical_aperture"] = round(aperture, 6)
    if index is None and immersion in IMMERSION_INDEX:
        index = IMMERSION_INDEX[immersion]
        facts.notes.append(f"refractive index {index} assumed for the immersion medium {immersion}")
    if index is not None:
        facts.meta["refractive_index"] = round(index, 6)
    if settings.tag != "ATLConfocalSettingDefinition":
        facts.meta["modality"] = "WideField"
        return
    facts.meta["modality"] = "LaserScanningConfocalMicroscopy"
    airy, pinhole = positive(settings.get("PinholeAiry")), positive(settings.get("Pinhole"))
    if airy is not None:
        facts.meta["pinhole_airy"] = round(airy, 6)
    elif pinhole is not None:
        facts.meta["pinhole_um"] = round(pinhole * 1e6, 6)
