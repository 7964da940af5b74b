"""What a file says besides its pixels, in our units: the common ground of all formats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..image import Channel, Image

_LENGTH_UM = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "µm": 1.0,
    "nm": 1e-3,
    "Å": 1e-4,
    "pm": 1e-6,
    "meter": 1e6,
    "metre": 1e6,
    "centimeter": 1e4,
    "millimeter": 1e3,
    "micron": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "angstrom": 1e-4,
}
_TIME_S = {
    "d": 86400.0,
    "day": 86400.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "min": 60.0,
    "minute": 60.0,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "µs": 1e-6,
    "microsecond": 1e-6,
    "ns": 1e-9,
}
_MICRO = {"\\u00b5": "µ", "\\u00B5": "µ", "Âµ": "µ", "μ": "µ", "\u212b": "Å"}
_ASCII = {"um": "µm", "us": "µs", "usec": "µs"}

IMMERSION_INDEX = {"air": 1.0, "water": 1.333, "waterdipping": 1.333, "glycerol": 1.47, "oil": 1.518}
"""Refractive index by immersion medium; oil: ISO 8036 (n_e = 1.518 at 23 °C), glycerol: about 98 % by volume."""


@dataclass
class Facts:
    """Sizes, channels and notes found in a file; what is not known is left out."""

    spacing_um: dict[str, float] = field(default_factory=dict)
    interval_s: float | None = None
    channels: tuple[Channel, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def image(self, data: Any, axes: str) -> Image:
        """Join pixels and facts; drop the step of an axis that is not there and channels that do not fit."""
        spacing = {name: size for name, size in self.spacing_um.items() if name.upper() in axes}
        count = data.shape[axes.index("C")] if "C" in axes else 1
        channels = self.channels if any(channel != Channel() for channel in self.channels) else ()
        if len(channels) not in (0, count):
            self.notes.append(
                f"the file describes {len(channels)} channels, but has {count}: the descriptions are left out"
            )
            channels = ()
        meta = {**self.meta, "notes": tuple(self.notes)}
        return Image(data, axes, spacing, self.interval_s if "T" in axes else None, channels, meta)


def per_channel(values: Sequence[Any]) -> Any:
    """Return the one value that all channels share, a tuple where they differ, None where nothing is known.

    Examples
    --------
    >>> per_channel([1.0, 1.0]), per_channel([1.0, None]), per_channel([None])
    (1.0, (1.0, None), None)
    """
    found = tuple(values)
    return found[0] if len(set(found)) == 1 else found or None


def positive(value: object) -> float | None:
    """Return a number that is finite and above zero as a float, anything else as None."""
    try:
        number = float(value)  # type: ignore[arg-type]  # what cannot be a number raises
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def length_um(value: object, unit: str | None) -> float | None:
    """Return a length in µm, or None when the value is not positive or the unit is no length of a microscope.

    Pixels, inches and no unit at all say nothing about the specimen and give None.

    Examples
    --------
    >>> length_um("65", "nm")
    0.065
    >>> length_um(1, "inch") is None
    True
    """
    return _scaled(value, unit, _LENGTH_UM)


def time_s(value: object, unit: str | None) -> float | None:
    """Return a time in seconds, or None when the value is not positive or the unit is not known."""
    return _scaled(value, unit, _TIME_S)


def _scaled(value: object, unit: str | None, table: dict[str, float]) -> float | None:
    number = positive(value)
    name = (unit or "").strip().strip("\0")
    for odd, plain in _MICRO.items():
        name = name.replace(odd, plain)
    name = _ASCII.get(name, name)
    if len(name) > 2 and name not in table:  # symbols mean what their case says (mm, Mm), words do not
        name = name.lower().removesuffix("s")
    factor = table.get(name)
    if number is None or factor is None:
        return None
    exponent = round(math.log10(factor))
    # dividing by a power of ten is exact where multiplying by its inverse is not: 65 nm is 0.065 µm
    return number / 10.0**-exponent if factor < 1 and math.isclose(factor, 10.0**exponent) else number * factor
