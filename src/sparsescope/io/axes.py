"""From the axes of a file to TCZYX, or a message that says which flag decides."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from ..errors import InputError
from ..image import AXES, AXES_HELP

DROPPED = "-"
UNKNOWN = "IQ"  # a sequence of pages without meaning, and "other"
_MEANING = {
    "A": "angle",
    "B": "acquisition block",
    "D": "phase or detector",
    "E": "wavelength",
    "H": "lifetime",
    "L": "exposure",
    "M": "mosaic tile",
    "P": "position",
    "R": "scene or tile",
    "U": "illumination",
    "V": "view or volume",
}


def meaning(letter: str) -> str:
    """Return what an axis that is none of TCZYX stands for, in words."""
    return _MEANING.get(letter, f"axis {letter}")


def resolve(name: str, axes: str, shape: tuple[int, ...], given: str | None) -> tuple[str, list[str]]:
    """Name every stored axis by a letter of TCZYX, or ``-`` for an axis of length 1 that is dropped.

    Parameters
    ----------
    name : str
        File name for messages.
    axes : str
        Letters of the stored axes as the file tells them; ``I`` and ``Q`` are unknown, ``S`` are colour samples.
    shape : tuple of int
        Lengths of the stored axes.
    given : str or None
        What the user says the axes are; wins over the file. ``C`` may stand for the colour samples wherever it is.

    Returns
    -------
    letters : str
        One letter per stored axis.
    notes : list of str
        What was dropped or overridden.

    Raises
    ------
    InputError
        If the file does not say what an axis is, or `given` does not fit.

    Examples
    --------
    >>> resolve("cell.tif", "QYX", (1, 8, 8), None)
    ('-YX', ['an axis of length 1 (Q) was dropped'])
    >>> resolve("cell.tif", "IYX", (5, 8, 8), "TYX")
    ('TYX', [])
    """
    if given is not None:
        return _override(name, axes, shape, given.upper())
    letters, notes = "", []
    for letter, length in zip(axes, shape, strict=True):
        drop = letter not in AXES and length == 1
        letters += DROPPED if drop else letter
        if drop:
            notes.append(f"an axis of length 1 ({letter}) was dropped")
    kept = letters.replace(DROPPED, "")
    lengths = tuple(n for n, letter in zip(shape, letters, strict=True) if letter != DROPPED)
    if "S" in kept:
        raise InputError(_rgb(name, kept, lengths))
    strange = [letter for letter in kept if letter not in AXES]
    if set(strange) & set(UNKNOWN) or len(set(kept)) < len(kept):
        raise InputError(_bare(name, kept, lengths))
    if strange:
        what = ", ".join(f"{meaning(letter)} ({letter})" for letter in strange)
        raise InputError(
            f"{name} has axes {kept} of lengths {_times(lengths)}, and {what} cannot be used (only {AXES}). "
            f"Export one part of it to a file of its own, or say what the axes stand for: {_flag(_suggest(kept)[0])}"
        )
    return letters, notes


def arrange(data: Any, letters: str) -> tuple[Any, str]:
    """Drop and reorder the axes of an array so that they follow TCZYX; returns a view and its axes."""
    data = data[tuple(0 if letter == DROPPED else slice(None) for letter in letters)]
    kept = letters.replace(DROPPED, "")
    order = sorted(range(len(kept)), key=lambda i: AXES.index(kept[i]))
    return np.transpose(data, order), "".join(kept[i] for i in order)


def _override(name: str, axes: str, shape: tuple[int, ...], given: str) -> tuple[str, list[str]]:
    if len(set(given)) != len(given) or not set("YX") <= set(given) <= set(AXES):
        raise InputError(f"axes {given!r}: allowed is {AXES_HELP}")
    letters = given
    if "S" in axes and "C" in given and "C" not in axes:
        rest = iter(given.replace("C", ""))
        letters = "".join("C" if letter == "S" else next(rest, "") for letter in axes) + "".join(rest)
    elif len(given) == sum(length > 1 for length in shape) < len(shape):
        rest = iter(given)
        letters = "".join(DROPPED if length == 1 else next(rest) for length in shape)
    if len(letters) != len(shape):
        raise InputError(
            f"axes {given!r} name {len(given)} axes, but {name} has {len(shape)} of lengths {_times(shape)} "
            f"(stored as {axes}): give one letter for each"
        )
    changed = any(a in AXES and b not in (a, DROPPED) for a, b in zip(axes, letters, strict=True))
    return letters, [f"axes {given} as given; the file says {axes}"] if changed else []


def _bare(name: str, axes: str, shape: tuple[int, ...]) -> str:
    if len(axes) > len(AXES):
        return (
            f"{name} holds {_times(shape)} values on {len(axes)} axes; at most the five {AXES} can be used. "
            "Export one part of it to a file of its own"
        )
    choices = _suggest(axes)
    meaning = {"T": "time", "Z": "depth", "C": "channels"}
    if len(choices) > 1 and len(axes) == 3:
        remedy = " or ".join(f"--axes {c} if it is {meaning[c[0]]}" for c in choices[:2])
        return (
            f"{name} holds {_times(shape)} values and does not say what its first axis is: add {remedy} "
            f'(in Python axes="{choices[0]}")'
        )
    return f"{name} holds {_times(shape)} values and does not say what its axes are: add {_flag(*choices[:3])}"


def _rgb(name: str, axes: str, shape: tuple[int, ...]) -> str:
    samples = shape[axes.index("S")]
    choice = _suggest(axes.replace("S", ""), reserved="C")[0]
    choice = "".join(sorted(choice + "C", key=AXES.index))
    return (
        f"{name} is an RGB photograph ({samples} colour samples per pixel), not a measured intensity. Convert it to "
        "grey or split its channels (Fiji: Image > Color > Split Channels), or treat red, green and blue as channels: "
        f"{_flag(choice)}"
    )


def _suggest(axes: str, reserved: str = "") -> list[str]:
    """Propose axes: unknown letters replaced by those of T, Z, C that are free, time first."""
    free = [letter for letter in "TZC" if letter not in axes and letter not in reserved]
    unknown = [i for i, letter in enumerate(axes) if letter not in AXES or letter in axes[:i]]
    proposals = []
    for letters in combinations(free, len(unknown)):
        text = list(axes)
        for i, letter in zip(unknown, letters, strict=True):
            text[i] = letter
        proposals.append("".join(text))
    return proposals or ["TCZYX"[-len(axes) :]]


def _flag(*choices: str) -> str:
    return " or ".join(f"--axes {choice}" for choice in choices) + f' (in Python axes="{choices[0]}")'


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
