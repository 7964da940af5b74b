"""Sizes, times and channels from what ImageJ, Zeiss LSM and plain TIFF files say; plain values in, Facts out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..image import Channel
from .facts import IMMERSION_INDEX, Facts, length_um, positive, time_s
from .provenance import read_info

Resolution = tuple[float | None, float | None]
"""Pixels per unit in x and y."""

CENTIMETER = 3
PLAUSIBLE_UM = (0.001, 5.0)
"""Pixel sizes that a plain TIFF's resolution in pixels per centimetre is believed for: below scanners and printers."""


def ratio(value: object) -> float | None:
    """Return a TIFF rational (numerator, denominator) as a number above zero, else None."""
    if not isinstance(value, Sequence) or len(value) != 2 or not value[1]:
        return positive(value)
    return positive(value[0] / value[1])


def imagej(meta: Mapping[str, Any], resolution: Resolution) -> Facts:
    """Read sizes, interval and display colours of an ImageJ TIFF.

    The unit in ImageJ's description holds for the resolution tags, whatever their own unit tag says. ``inch``,
    ``pixel`` and no unit are no sizes of the specimen.
    """
    facts = Facts()
    unit = str(meta.get("unit") or "")
    units = {"x": unit, "y": str(meta.get("yunit") or unit), "z": str(meta.get("zunit") or unit)}
    steps = {axis: 1 / per for axis, per in zip("xy", resolution, strict=True) if per}
    steps["z"] = meta.get("spacing", 0)
    for axis, step in steps.items():
        size = length_um(step, units[axis])
        if size is not None:
            facts.spacing_um[axis] = size
    if unit and "x" not in facts.spacing_um and unit.lower() not in ("pixel", "pixels"):
        facts.notes.append(f"the unit {unit!r} of the file is not one of a microscope: its pixel size is ignored")
    facts.interval_s = time_s(meta.get("finterval"), str(meta.get("tunit") or "s"))
    facts.channels = tuple(Channel(color=_lut_color(lut)) for lut in _several(meta.get("LUTs"), 2))
    made = read_info(str(meta.get("Info") or ""))
    if made:
        facts.meta["provenance"] = made
        labels = _several(meta.get("Labels"), 0)[: len(facts.channels)]  # ours name channels, those of others planes
        if len(labels) == len(facts.channels):
            pairs = zip(facts.channels, labels, strict=True)
            facts.channels = tuple(Channel(str(label), one.color) for one, label in pairs)
    return facts


def _several(values: Any, ndim: int) -> list[Any]:
    """Return what tifffile gives as a list, or bare where there is one of it."""
    if values is None:
        return []
    return [values] if isinstance(values, str) or np.ndim(values) == ndim else list(values)


def _lut_color(lut: Any) -> tuple[int, int, int] | None:
    """Return the brightest colour of a look-up table of shape (3, 256), None where it is not one."""
    table = np.asarray(lut)
    if table.shape != (3, 256):
        return None
    red, green, blue = (int(level) for level in table[:, -1])
    return red, green, blue


def plain(resolution: Resolution, unit: object) -> Facts:
    """Read the pixel size of a TIFF that says nothing else.

    Only a resolution per centimetre that gives 1 nm to 5 µm is believed (per inch, or coarser, it is that of a screen,
    a scanner or a printer), and a note says so.
    """
    facts = Facts()
    sizes = {axis: 1e4 / per for axis, per in zip("xy", resolution, strict=True) if per}
    if unit == CENTIMETER and len(sizes) == 2 and all(PLAUSIBLE_UM[0] <= s <= PLAUSIBLE_UM[1] for s in sizes.values()):
        facts.spacing_um = sizes
        facts.notes.append(
            f"pixel size {sizes['x']:.6g} µm from the TIFF resolution tags; give --pixel-size-um if it is another"
        )
    return facts


def lsm(meta: Mapping[str, Any]) -> Facts:
    """Read sizes (metres), interval, channels and objective of a Zeiss LSM file; sizes below 0.1 nm are no sizes."""
    facts = Facts()
    for axis in "xyz":
        size = length_um(meta.get(f"VoxelSize{axis.upper()}"), "m")
        if size is not None and size >= 1e-4:
            facts.spacing_um[axis] = size
    facts.interval_s = positive(meta.get("TimeIntervall")) or _median_step(meta.get("TimeStamps"))
    scan = meta.get("ScanInformation") or {}
    objective = str(scan.get("Objective") or "")
    aperture = re.search(r"/\s*([01][.,]\d+)", objective)
    if aperture:
        facts.meta["numerical_aperture"] = float(aperture[1].replace(",", "."))
    for medium, word in (("oil", "Oil"), ("water", r"W|Water"), ("glycerol", r"Glyc\w*")):
        if aperture and re.search(rf"\b(?:{word})\b", objective):
            facts.meta["refractive_index"] = IMMERSION_INDEX[medium]
            facts.notes.append(
                f"refractive index {IMMERSION_INDEX[medium]} assumed for {medium} immersion ({objective})"
            )
    facts.channels = _lsm_channels(meta)
    tracks = [track for track in scan.get("Tracks") or () if isinstance(track, Mapping)]
    detectors = [one for track in tracks for one in track.get("DetectionChannels") or () if isinstance(one, Mapping)]
    pinholes = {positive(one.get("PinholeDiameter")) for one in detectors if one.get("Acquire")} - {None}
    if len(pinholes) == 1:
        facts.meta["pinhole_um"] = pinholes.pop()
    if pinholes or "pinhole_um" in facts.meta:
        facts.meta["modality"] = "LaserScanningConfocal"  # the format is that of Zeiss' laser scanning microscopes
    return facts


def _lsm_channels(meta: Mapping[str, Any]) -> tuple[Channel, ...]:
    table = meta.get("ChannelColors") or {}
    names, colors = table.get("ColorNames") or [], table.get("Colors") or []
    bands = meta.get("ChannelWavelength")
    bands = [] if bands is None else np.asarray(bands, dtype=float).reshape(-1, 2)
    count = int(meta.get("DimensionChannels") or 0)
    channels = []
    for i in range(count):
        color = tuple(int(level) for level in colors[i][:3]) if len(colors) == count else None
        emission = length_um(float(np.mean(bands[i])), "m") if len(bands) == count else None
        channels.append(
            Channel(
                name=str(names[i]) if len(names) == count else None,
                color=color if color and len(color) == 3 else None,
                emission_nm=round(emission * 1e3, 6) if emission and 0.1 < emission < 3 else None,
            )
        )
    return tuple(channels)


def _median_step(stamps: Any) -> float | None:
    """Return the median time between frames from their time stamps in seconds."""
    if stamps is None or len(stamps) < 2:
        return None
    return positive(np.median(np.diff(np.asarray(stamps, dtype=float))))
