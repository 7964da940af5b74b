"""What the attributes of an OME-Zarr image say: axes, sizes of pixels, channels and their display, provenance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..image import Channel, Image
from .encode import Encoding
from .facts import positive

_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
_COLORS = ("FFFFFF",), ("00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")


def ome(image: Image, name: str, levels: int, windows: Sequence[tuple[float, float]]) -> dict[str, Any]:
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
    return {"multiscales": [multiscale], "omero": {"channels": _channels(image, windows), "rdefs": {"model": "color"}}}


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


def _channels(image: Image, windows: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    described = image.channels or (Channel(),) * image.sizes.get("C", 1)
    colors = _COLORS[len(described) > 1]
    return [
        {
            "label": channel.name or f"channel {i}",
            "color": bytes(channel.color).hex().upper() if channel.color else colors[i % len(colors)],
            "active": True,
            "window": {"min": low, "max": high, "start": low, "end": high},
        }
        for i, (channel, (low, high)) in enumerate(zip(described, windows, strict=True))
    ]


def ours(image: Image, encoding: Encoding) -> dict[str, Any]:
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
