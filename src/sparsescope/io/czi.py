"""Zeiss CZI files in: scenes, tiles and detectors as images, planes read block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt

from ..errors import InputError
from ..image import Channel, Image
from . import container
from .container import Stored
from .czi_blocks import Block, check_blocks, read_block, read_directory
from .damage import check_count
from .facts import IMMERSION_INDEX, Facts, length_um, per_channel, positive
from .safe_xml import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

KIND = "Zeiss CZI"
_ORDER = "BVRIHTCZ"
"""Dimensions besides Y and X, slowest first; S (scene) and M (mosaic tile) make images of their own. I
(illumination) and H (phase, or detector of an Airyscan) are called U and D here."""


def read(path: Path, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]) -> Image:
    """Read one scene, tile and detector of a CZI file; see :func:`sparsescope.io.read`."""
    return container.read(path, KIND, _File, axes=axes, series=series, lazy=lazy)


def read_provenance(path: Path) -> dict[str, Any]:  # noqa: ARG001 - the same for every format
    """Return nothing: no result is written in this format."""
    return {}


class _File:
    """An open CZI file."""

    def __init__(self, path: Path) -> None:
        self._name, self._size = path.name, path.stat().st_size
        blocks, text = read_directory(path)
        root = parse_xml(path.name, text, "metadata") if text else None
        full = [block for block in blocks if not block.reduced]
        check_blocks(path, full)
        self._groups = list(_groups(path.name, full))
        self.images = [
            Stored(axes, shape, first.dtype, partial(_facts, root, channels, bool(text)), label)
            for label, axes, shape, first, channels, _ in self._groups
        ]
        self._file = path.open("rb")

    def plane(self, image: int, number: int) -> npt.NDArray[Any]:
        """Read a block."""
        return read_block(self._file, self._groups[image][-1][number], self._size, self._name)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_Group = tuple[str, str, tuple[int, ...], Block, tuple[int, ...], list[Block]]
"""Label, axes, shape, first block, numbers of the channels, blocks in C order."""


def _groups(name: str, blocks: list[Block]) -> Iterator[_Group]:
    """Yield the images: one per scene and tile, and one per channel where channels differ in their planes."""
    parts: dict[tuple[int, int], list[Block]] = {}
    for block in blocks:
        parts.setdefault((block.at.get("S", 0), block.at.get("M", 0)), []).append(block)
    several = [len({key[place] for key in parts}) > 1 for place in (0, 1)]
    for key in sorted(parts):
        named = zip(("scene", "tile"), key, several, strict=True)
        words = [f"{word} {number}" for word, number, counted in named if counted]
        here = parts[key]
        if _complete(here):
            yield _group(name, ", ".join(words), here)
            continue
        for channel in sorted({block.at.get("C", 0) for block in here}):
            only = [block for block in here if block.at.get("C", 0) == channel]
            yield _group(name, ", ".join([*words, f"channel {channel}"]), only)


def _starts(blocks: Iterable[Block]) -> dict[str, list[int]]:
    """Return the different positions along each dimension."""
    return {axis: sorted({block.at.get(axis, 0) for block in blocks}) for axis in _ORDER}


def _complete(blocks: list[Block]) -> bool:
    """Whether each combination of positions is there once, all planes alike."""
    expected = math.prod(len(starts) for starts in _starts(blocks).values())
    places = {tuple(block.at.get(axis, 0) for axis in _ORDER) for block in blocks}
    alike = len({(block.shape, block.pixel_type) for block in blocks}) == 1
    return alike and len(places) == len(blocks) == expected


def _group(name: str, label: str, blocks: list[Block]) -> _Group:
    starts = _starts(blocks)
    if not _complete(blocks):
        if len({(block.shape, block.pixel_type) for block in blocks}) > 1:
            raise InputError(f"{name} holds planes of different sizes in one image: export it from ZEN as OME-TIFF")
        check_count(name, math.prod(len(one) for one in starts.values()), len(blocks))
    ordered = sorted(blocks, key=lambda block: tuple(block.at.get(axis, 0) for axis in _ORDER))
    lead = [axis for axis in _ORDER if len(starts[axis]) > 1]
    first = ordered[0]
    axes = "".join(lead).translate({ord("I"): "U", ord("H"): "D"}) + ("YXS" if len(first.shape) == 3 else "YX")
    shape = (*(len(starts[axis]) for axis in lead), *first.shape)
    return label, axes, shape, first, tuple(starts["C"]), ordered


def _facts(root: Element | None, channels: tuple[int, ...], there: bool, fixed: Mapping[str, int]) -> Facts:
    """Collect sizes, interval, channels and optics from the XML."""
    facts = Facts()
    if root is None:
        facts.notes += ["the metadata of the file are damaged and were left out"] if there else []
        return facts
    for distance in root.iterfind("Metadata/Scaling/Items/Distance"):
        size = length_um(distance.findtext("Value"), "m")
        if size is not None and distance.get("Id") in ("X", "Y", "Z"):
            facts.spacing_um[str(distance.get("Id")).lower()] = size
    image = root.find("Metadata/Information/Image")
    if image is not None:
        facts.interval_s = positive(image.findtext("Dimensions/T/Positions/Interval/Increment"))
        every = image.findall("Dimensions/Channels/Channel")
        chosen = [every[number] for number in channels if number < len(every)]
        colors = {one.get("Id"): one.findtext("Color") for one in root.iterfind("Metadata/DisplaySetting/Channels/*")}
        facts.channels = tuple(_channel(one, colors.get(one.get("Id"))) for one in chosen)
        _optics(root, image, chosen, facts)
    if "D" in fixed and facts.meta.get("modality") == "Airyscan":
        facts.notes.append("one detector of an Airyscan was read: they were not summed or reassigned")
    return facts


def _channel(element: Element, color: str | None) -> Channel:
    text = (color or element.findtext("Color") or "").removeprefix("#")
    try:
        rgb = tuple(bytes.fromhex(text)[-3:])
    except ValueError:
        rgb = ()
    emission, excitation = (_rounded(element.findtext(f"{kind}Wavelength")) for kind in ("Emission", "Excitation"))
    return Channel(
        element.get("Name"),
        (rgb[0], rgb[1], rgb[2]) if len(rgb) == 3 else None,
        emission,
        excitation,
    )


def _optics(root: Element, image: Element, channels: list[Element], facts: Facts) -> None:
    """Add objective, bits, kind of microscope and pinhole."""
    settings = image.find("ObjectiveSettings")
    reference = image.find("ObjectiveSettings/ObjectiveRef")
    objectives = root.findall("Metadata/Information/Instrument/Objectives/Objective")
    wanted = reference.get("Id") if reference is not None else None
    objective = next((one for one in objectives if one.get("Id") == wanted), None)
    if objective is None and len(objectives) == 1:
        objective = objectives[0]
    aperture = _rounded(objective.findtext("LensNA")) if objective is not None else None
    if aperture is not None:
        facts.meta["numerical_aperture"] = aperture
    index = positive(settings.findtext("RefractiveIndex")) if settings is not None else None
    medium = (settings.findtext("Medium") if settings is not None else None) or (
        objective.findtext("Immersion") if objective is not None else None
    )
    if index is None and (medium or "").lower() in IMMERSION_INDEX:
        index = IMMERSION_INDEX[(medium or "").lower()]
        facts.notes.append(f"refractive index {index} assumed for the immersion medium {medium}")
    if index is not None:
        facts.meta["refractive_index"] = index
    bits = positive(image.findtext("ComponentBitCount"))
    if bits is not None:
        facts.meta["bits"] = int(bits)
    each = [one.findtext("AcquisitionMode") for one in channels]
    modes = set(each) - {None, "Other"}
    if len(set(each)) > 1:
        facts.meta["channel_modalities"] = tuple(each)
    if any(one.find(".//AiryscanSettings") is not None for one in channels):
        modes = {"Airyscan"}
    if modes:
        facts.meta["modality"] = " / ".join(sorted(str(mode) for mode in modes))
    pinhole = per_channel([_rounded(one.findtext("PinholeSizeAiry")) for one in channels])
    if pinhole is not None:
        facts.meta["pinhole_airy"] = pinhole


def _rounded(text: str | None) -> float | None:
    number = positive(text)
    return None if number is None else round(number, 6)
