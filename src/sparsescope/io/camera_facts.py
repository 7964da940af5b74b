"""What a file says of its camera, where the unit is in the name and nothing has to be guessed."""

from __future__ import annotations

import math
from collections.abc import Iterable

NAMES = ("gain_e_per_count", "offset_counts", "read_noise_e")
"""Electrons for each count, counts of no light, read noise in electrons: keys of annotations and of ``Image.meta``."""


def stated(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Return the numbers of a camera among key-value pairs.

    Only the names of `NAMES` are taken. OME's own Gain and Offset of a detector have no unit in the standard, and
    programs write voltages, percents and multiplications there. A value that is no number, or that no camera has, is
    left out; so is a name that two values are given for.

    Examples
    --------
    >>> stated([("gain_e_per_count", "0.46"), ("offset_counts", "100"), ("Gain", "300"), ("read_noise_e", "-1")])
    {'gain_e_per_count': 0.46, 'offset_counts': 100.0}
    """
    found: dict[str, set[float]] = {}
    for key, text in pairs:
        if key in NAMES and (value := _number(text)) is not None and _possible(key, value):
            found.setdefault(key, set()).add(value)
    return {key: values.pop() for key, values in found.items() if len(values) == 1}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _possible(name: str, value: float) -> bool:
    return {"gain_e_per_count": value > 0, "offset_counts": True, "read_noise_e": value >= 0}[name]
