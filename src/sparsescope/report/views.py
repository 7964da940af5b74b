"""Which planes of a run the report shows, and their pixels as numbers that a page can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..image import Image
from .page import png_uri
from .picture import busiest
from .png import number_png

Floats = npt.NDArray[np.float32]

BUDGET_BYTES: Final = 3_300_000
"""Of all pictures of a page as data URIs: with its text and script a page stays below 4 MB."""
PLANES: Final = 5
"""Planes along z or t that are shown of each channel, as far as the budget reaches."""
SIDE: Final = 512
"""Longest side of a picture in pixels of the input; a larger field is averaged, and its busy part shown whole."""
LEVELS: Final = (4096, 1024, 256)
"""Steps between the least and the largest value of a picture: fewer where pictures would not fit."""
FAR: Final = 99.995
"""Percentile of a picture that takes the last level; brighter pixels go on in the same steps, up to 16 bits."""


@dataclass(frozen=True)
class Numbers:
    """A picture as a page holds it: value = low + step × (256 red + green).

    Attributes
    ----------
    uri : str
        PNG as a data URI.
    width, height : int
        In pixels.
    low, step : float
        In counts, or the unit of a map.
    """

    uri: str
    width: int
    height: int
    low: float
    step: float


@dataclass(frozen=True)
class Layer:
    """A map of evidence over part of a view.

    Attributes
    ----------
    name, unit, meaning : str
        For the reader.
    picture : Numbers
        Level 0 where nothing was measured.
    box : tuple of float
        Left, top, width, height in the pixels of the view's input picture.
    """

    name: str
    unit: str
    meaning: str
    picture: Numbers
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """One plane, or part of one, before and after.

    Attributes
    ----------
    channel, plane, part : str
        What the choosers say.
    index : mapping
        The plane by axis letter.
    before, after : Numbers
        Input and result.
    averaged : int
        Pixels of the input along one pixel shown.
    corner : tuple of int
        First row and column shown, in pixels of the input.
    layers : tuple of Layer
        Maps over it.
    """

    channel: str
    plane: str
    part: str
    index: Mapping[str, int]
    before: Numbers
    after: Numbers
    averaged: int
    corner: tuple[int, int]
    layers: tuple[Layer, ...] = field(default=())


def encoded(values: Floats, levels: int) -> Numbers:
    """Return values as a picture of so many levels; NaN takes level 0, which is then kept for it.

    Examples
    --------
    >>> import numpy as np
    >>> made = encoded(np.array([[0.0, 1.0, np.nan]], np.float32), 256)
    >>> round(made.low + made.step * 255, 3), made.width
    (1.0, 3)
    """
    known = np.isfinite(values)
    least = float(values[known].min()) if known.any() else 0.0
    most = float(np.percentile(values[known], FAR)) if known.any() else 1.0
    first = 0 if known.all() else 1
    step = (max(most, least) - least) / (levels - 1 - first) or 1.0
    scaled = np.rint((np.where(known, values, least).astype(np.float64) - least) / step) + first
    whole = np.where(known, np.clip(scaled, first, 65535), 0).astype(np.uint16)
    height, width = values.shape
    return Numbers(png_uri(number_png(whole)), width, height, least - first * step, step)


def averaged(plane: Floats, factor: int) -> Floats:
    """Mean over squares of `factor` pixels; what is left over at the far borders is left out."""
    height, width = (n // factor * factor for n in plane.shape)
    if factor == 1:
        return plane
    parts = plane[:height, :width].reshape(height // factor, factor, width // factor, factor)
    return np.asarray(parts.mean((1, 3)), np.float32)


def chosen_planes(image: Image, first: Mapping[int, Mapping[str, int]]) -> Iterator[dict[str, int]]:
    """Yield the index of every plane to show, the most wanted of each channel first.

    Parameters
    ----------
    image : Image
        The input.
    first : mapping
        Plane that the evidence looked at, by channel; the middle one where there is none.
    """
    channels = range(image.sizes.get("C", 1))
    others = [axis for axis in "TZ" if image.sizes.get(axis, 1) > 1]
    middle = {axis: image.sizes[axis] // 2 for axis in "TZ" if axis in image.axes}

    def with_channel(channel: int, index: Mapping[str, int]) -> dict[str, int]:
        return {**({"C": channel} if "C" in image.axes else {}), **middle, **{a: index[a] for a in "TZ" if a in index}}

    wanted = [with_channel(channel, first.get(channel, {})) for channel in channels]
    yield from wanted
    for axis in others:
        for where in np.linspace(0, image.sizes[axis] - 1, min(PLANES, image.sizes[axis])).round().astype(int):
            for index in wanted:
                if int(where) != index[axis]:
                    yield {**index, axis: int(where)}


def views(image: Image, result: Image, evidence: Mapping[int, Any]) -> tuple[View, ...]:
    """Return the views that fit into a page, every channel's most wanted plane among them.

    Parameters
    ----------
    image, result : Image
        Before and after, in counts.
    evidence : mapping of int to Evidence
        By channel; its maps become layers of the plane that they are of.
    """
    planes = list(chosen_planes(image, {channel: found.index for channel, found in evidence.items()}))
    first, more = planes[: image.sizes.get("C", 1)], planes[image.sizes.get("C", 1) :]
    for levels in LEVELS:
        for side in (SIDE, SIDE // 2, SIDE // 4):
            made: list[View] = []
            last = (levels, side) == (LEVELS[-1], SIDE // 4)
            if _added(made, image, result, first, evidence, levels, side) or last:
                _added(made, image, result, more, evidence, levels, side)
                return tuple(made)
    raise AssertionError("the last try always returns")


def _added(
    made: list[View],
    image: Image,
    result: Image,
    planes: list[dict[str, int]],
    evidence: Mapping[int, Any],
    levels: int,
    side: int,
) -> bool:
    """Add the views of planes until the budget is spent; say whether all fit."""
    spent = sum(map(_size, made))
    for index in planes:
        for view in _of_plane(image, result, index, evidence.get(index.get("C", 0)), levels, side):
            spent += _size(view)
            if spent > BUDGET_BYTES:
                return False
            made.append(view)
    return True


def _size(view: View) -> int:
    return sum(len(p.uri) for p in (view.before, view.after, *(layer.picture for layer in view.layers)))


def _of_plane(
    image: Image, result: Image, index: dict[str, int], evidence: Any, levels: int, side: int
) -> Iterator[View]:
    """Yield the whole plane, averaged where it is large, and then its busy part as well."""
    before = np.asarray(image.block(**index), np.float32)
    after = np.asarray(result.block(**index), np.float32)
    fine = after.shape[1] // before.shape[1]
    factor = -(-max(before.shape) // side)
    names: dict[str, Any] = {"index": index, "channel": _channel(image, index), "plane": _plane(index)}
    looked_at = evidence is not None and all(index.get(a) == i for a, i in evidence.index.items())
    if factor > 1:
        row, column = _window(evidence, before, side) if looked_at else busiest(before, side)
        height, width = (min(side, n) for n in before.shape)
        box = (slice(row, row + height), slice(column, column + width))
        finer = tuple(slice(s.start * fine, s.stop * fine) for s in box)
        yield View(
            before=encoded(before[box], levels), after=encoded(after[finer], levels), averaged=1, corner=(row, column),
            part="busy part", layers=_layers(evidence, (row, column), 1, levels) if looked_at else (), **names,
        )  # fmt: skip
    small = (
        encoded(averaged(before, factor), levels),
        encoded(averaged(after, factor * (fine if factor > 1 else 1)), levels),
    )
    whole = "whole field" if factor == 1 else f"whole field, {factor} × {factor} pixels averaged"
    yield View(
        before=small[0], after=small[1], averaged=factor, corner=(0, 0), part=whole,
        layers=_layers(evidence, (0, 0), factor, levels) if looked_at else (), **names,
    )  # fmt: skip


def _window(evidence: Any, plane: Floats, side: int) -> tuple[int, int]:
    """Corner of a square of `side` pixels around the window that the evidence looked at."""
    ends = zip((evidence.rows, evidence.columns), plane.shape, strict=True)
    row, column = (max(0, min((a + b) // 2 - side // 2, n - side)) for (a, b), n in ends)
    return row, column


def _layers(evidence: Any, corner: tuple[int, int], factor: int, levels: int) -> tuple[Layer, ...]:
    top, left = (start - c for (start, _), c in zip((evidence.rows, evidence.columns), corner, strict=True))
    height, width = (stop - start for start, stop in (evidence.rows, evidence.columns))
    box = (left / factor, top / factor, width / factor, height / factor)
    return tuple(
        Layer(m.name, m.unit, _words(m.meaning, m.blind), encoded(m.values, min(levels, 256)), box)
        for m in evidence.maps
    )


def _words(meaning: str, blind: str) -> str:
    return f"{meaning}. It cannot see: {blind}." if blind else f"{meaning}."


def _channel(image: Image, index: Mapping[str, int]) -> str:
    if "C" not in index:
        return ""
    names = [channel.name for channel in image.channels]
    return (names[index["C"]] if names else None) or f"channel {index['C']}"


def _plane(index: Mapping[str, int]) -> str:
    return ", ".join(f"{axis} {index[axis]}" for axis in "TZ" if axis in index)
