"""OME-XML in: sizes, interval, channels, objective and provenance; any version of the schema, no entity expansion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..image import Channel
from .camera_facts import stated
from .damage import MAX_PLANES
from .facts import IMMERSION_INDEX, Facts, length_um, positive, time_s
from .provenance import NAMESPACE, unpack
from .safe_xml import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def parse(name: str, text: str) -> Element | None:
    """Return the root of an OME-XML text, or None when it is not well-formed.

    Raises
    ------
    InputError
        If the text defines entities or a document type (no microscope writes them; they can exhaust the memory), or
        declares more planes than any recording has.
    """
    root = parse_xml(name, text, "OME-XML metadata")
    if root is None:
        return None
    for pixels in _all(root, "Pixels"):
        planes = [_whole(pixels.get(f"Size{axis}"), 1) for axis in "ZCT"]
        runs = [
            _whole(data.get(key), 0) for data in _all(pixels, "TiffData") for key in ("PlaneCount", "NumPlanes", "IFD")
        ]
        if planes[0] * planes[1] * planes[2] > MAX_PLANES or max(runs, default=0) > MAX_PLANES:
            raise InputError(
                f"{name} declares more than {MAX_PLANES} planes in its OME-XML: it is damaged; re-export it"
            )
    return root


def facts(root: Element, number: int, shape: dict[str, int]) -> Facts:
    """Collect what the OME-XML says about one image.

    Parameters
    ----------
    root : Element
        From :func:`parse`.
    number : int
        Number of the series in the file; used where several images fit the shape.
    shape : dict
        Lengths by axis letter as stored, to find the image among several.
    """
    images = [image for image in root if _tag(image) == "Image" and _child(image, "Pixels") is not None]
    fitting = [i for i, image in enumerate(images) if _fits(_child(image, "Pixels"), shape)]
    if not fitting:
        return Facts(notes=["the OME-XML metadata describe no image of this shape and were ignored"])
    image = images[number if number in fitting else fitting[0]]
    pixels = _child(image, "Pixels")
    assert pixels is not None
    found = Facts()
    for axis in "xyz":
        key = f"PhysicalSize{axis.upper()}"
        size = length_um(pixels.get(key), pixels.get(f"{key}Unit", "µm"))
        if size is not None:
            found.spacing_um[axis] = size
        elif pixels.get(key) is not None:
            found.notes.append(
                f"{key} = {pixels.get(key)} {pixels.get(f'{key}Unit', 'µm')} is no size on the specimen and is ignored"
            )
    found.interval_s = time_s(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")) or _plane_step(pixels)
    channels = list(_all(pixels, "Channel"))
    found.channels = tuple(map(_channel, channels))
    _kinds(channels, found)
    bits = positive(pixels.get("SignificantBits"))
    if bits is not None:
        found.meta["bits"] = int(bits)
    _optics(root, image, found)
    found.meta |= stated((entry.get("K", ""), entry.text or "") for entry in _entries(root))
    made = provenance(root)
    if made:
        found.meta["provenance"] = made
    return found


def arrangement(root: Element) -> tuple[str, dict[str, int], int]:
    """Return the order of planes (letters of TCZ, slowest first), their declared numbers, and the number of images.

    Of several images, the first is described; without any, there is one plane in all.
    """
    every = [pixels for image in root if _tag(image) == "Image" and (pixels := _child(image, "Pixels")) is not None]
    if not every:
        return "TZC", {}, 0
    order = (every[0].get("DimensionOrder") or "XYCZT")[:1:-1].upper()
    counts = {axis: max(_whole(every[0].get(f"Size{axis}"), 1), 1) for axis in "TCZ"}
    return (order if sorted(order) == ["C", "T", "Z"] else "TZC"), counts, len(every)


def _kinds(channels: list[Element], found: Facts) -> None:
    """Add kind of microscope and pinhole: one value where the channels agree, one for each where they do not."""
    modes = [mode if (mode := channel.get("AcquisitionMode")) != "Other" else None for channel in channels]
    named = sorted({mode for mode in modes if mode})
    if named:
        found.meta["modality"] = " / ".join(named)
    if len(named) > 1:
        found.meta["channel_modalities"] = tuple(modes)
    holes = [length_um(channel.get("PinholeSize"), channel.get("PinholeSizeUnit", "µm")) for channel in channels]
    if any(holes):
        found.meta["pinhole_um"] = holes[0] if len(set(holes)) == 1 else tuple(holes)


def _entries(root: Element, namespace: str | None = None) -> Iterator[Element]:
    """Every key and value of the map annotations, or of those of one namespace."""
    for annotation in _all(root, "MapAnnotation"):
        if namespace is None or annotation.get("Namespace") == namespace:
            yield from _all(annotation, "M")


def provenance(root: Element) -> dict[str, Any]:
    """Return what sparsescope has noted in the file about its making; empty when there is nothing."""
    return unpack((entry.get("K", ""), entry.text or "") for entry in _entries(root, NAMESPACE))


def _optics(root: Element, image: Element, found: Facts) -> None:
    """Add numerical aperture and refractive index of the objective that the image refers to, or the only one."""
    settings = _child(image, "ObjectiveSettings")
    if settings is None:
        settings = _child(image, "ObjectiveRef")  # until the schema of 2012
    objectives = {objective.get("ID"): objective for objective in _all(root, "Objective")}
    objective = objectives.get(settings.get("ID")) if settings is not None else None
    if objective is None and settings is None and len(objectives) == 1:
        objective = next(iter(objectives.values()))
    aperture = positive(objective.get("LensNA")) if objective is not None else None
    if aperture is not None:
        found.meta["numerical_aperture"] = aperture
    index = positive(settings.get("RefractiveIndex")) if settings is not None else None
    medium = (settings.get("Medium") if settings is not None else None) or (
        objective.get("Immersion") if objective is not None else None
    )
    if index is None and medium and medium.lower() in IMMERSION_INDEX:
        index = IMMERSION_INDEX[medium.lower()]
        found.notes.append(f"refractive index {index} assumed for the immersion medium {medium}")
    if index is not None:
        found.meta["refractive_index"] = index


def _channel(element: Element) -> Channel:
    def wavelength(kind: str) -> float | None:
        size = length_um(element.get(f"{kind}Wavelength"), element.get(f"{kind}WavelengthUnit", "nm"))
        return None if size is None else round(size * 1e3, 9)

    color = None
    try:
        rgba = int(element.get("Color", "")) & 0xFFFFFFFF  # a signed number in the file
        color = (rgba >> 24, rgba >> 16 & 255, rgba >> 8 & 255)
    except ValueError:
        pass
    return Channel(element.get("Name"), color, wavelength("Emission"), wavelength("Excitation"))


def _plane_step(pixels: Element) -> float | None:
    """Return the median time between frames from the time stamps of the planes (first channel, first z), in seconds."""
    times: dict[int, float] = {}
    for plane in _all(pixels, "Plane"):
        if _whole(plane.get("TheC"), 0) == 0 and _whole(plane.get("TheZ"), 0) == 0:
            delta = time_s(plane.get("DeltaT"), plane.get("DeltaTUnit", "s"))
            times[_whole(plane.get("TheT"), 0)] = delta or 0.0
    steps = np.diff([times[frame] for frame in sorted(times)])
    return positive(np.median(steps)) if len(steps) else None


def _fits(pixels: Element | None, shape: dict[str, int]) -> bool:
    if pixels is None:
        return False
    size = {axis: _whole(pixels.get(f"Size{axis}"), 1) for axis in "XYZCT"}
    others = np.prod([n for axis, n in shape.items() if axis not in "XY"], dtype=float)
    return all(size[axis] == shape.get(axis, 1) for axis in "XY") and size["Z"] * size["C"] * size["T"] == others


def _whole(text: str | None, default: int) -> int:
    try:
        return int(text or default)
    except ValueError:
        return default


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _all(element: Element, tag: str) -> Iterator[Element]:
    return (found for found in element.iter() if _tag(found) == tag)


def _child(element: Element, tag: str) -> Element | None:
    return next((child for child in element if _tag(child) == tag), None)
