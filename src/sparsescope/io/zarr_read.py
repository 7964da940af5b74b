"""OME-Zarr 0.4 and 0.5 (and what earlier versions wrote) in, read chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Channel, Image
from . import container, ome_read
from .container import Stored
from .facts import Facts, length_um, positive, time_s
from .zarr_store import attributes, inside, is_array, is_store, join, missing_chunks, open_array

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

KIND = "OME-Zarr"
OURS = "sparsescope"
"""Name of our own attributes beside OME's: what OME-Zarr has no place for."""

SLAB_BYTES = 256 * 2**20
"""A row of chunks up to this size is kept, so that planes that share chunks are not decoded again and again."""

_OLD_AXES = [{"name": name} for name in "tczyx"]
_MOST_IMAGES = 10_000


def read(path: Path, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]) -> Image:
    """Read the full resolution of an OME-Zarr image; see :func:`sparsescope.io.read`."""
    image = container.read(path, KIND, _Store, axes=axes, series=series, lazy=lazy)
    if attributes(path) and not _ome(attributes(path) or {}) and is_array(path):
        image = image.replace(meta={**image.meta, "format": "Zarr array"})
    return image


def read_provenance(path: Path) -> dict[str, Any]:
    """Return how the image was made, as far as sparsescope wrote it there."""
    ours = (attributes(path) or {}).get(OURS)
    made = ours.get("provenance") if isinstance(ours, dict) else None
    return made if isinstance(made, dict) else {}


def array_of(path: Path, series: int | None) -> tuple[str, Stored]:
    """Return key and description of the full resolution of one image in a store that is still being written."""
    store = _Store(path, growing=True)
    count = len(store.images)
    if count != 1 and series is None:
        raise InputError(
            f"{path.name} holds {count} images: add --series N (in Python series=N) with the number of one"
        )
    if series is not None and not 0 <= series < count:
        raise InputError(f"{path.name} has no series {series}: allowed are 0 to {count - 1}")
    return store.keys[series or 0], store.images[series or 0]


def _none() -> None:
    """Say nothing of missing chunks: in a store that is being written they are not there yet."""


class _Store:
    """An open store: the full resolution of each image in it."""

    def __init__(self, path: Path, *, growing: bool = False) -> None:
        self._root, self._growing = path, growing
        self.keys: list[str] = []
        self._slab: tuple[Any, npt.NDArray[Any]] | None = None
        self._arrays: list[Any] = []
        self.images: list[Stored] = []
        xml = _ome_xml(path)
        for number, (label, key, entry) in enumerate(_images(path)):
            self._add(label, key, entry, xml, number)

    def _add(self, label: str, key: str, entry: Mapping[str, Any] | None, xml: Element | None, number: int) -> None:
        name = self._root.name
        level = "" if entry is None else _dataset(name, entry)[0]
        array = open_array(self._root, join(key, level))
        described = _axes(name, entry, array)
        letters = _letters(described)
        if len(letters) != array.ndim or letters[-2:] != "YX":
            raise InputError(
                f"{name} has axes {' '.join(str(axis.get('name')) for axis in described)} for an array of shape "
                f"{array.shape}: the last two must be y and x. Convert it with its planes as the last two axes"
            )
        shape = tuple(int(n) for n in array.shape)
        facts = partial(
            _facts, self._root, key, entry, described, dict(zip(letters, shape, strict=True)), (xml, number),
            _none if self._growing else partial(missing_chunks, self._root, join(key, level), array),
        )  # fmt: skip
        self.keys.append(join(key, level))
        self._arrays.append(array)
        self.images.append(Stored(letters, shape, np.dtype(array.dtype), facts, label))

    def plane(self, image: int, number: int) -> npt.NDArray[Any]:
        """Read a plane; where chunks hold several planes, all of them are kept for the next call."""
        array = self._arrays[image]
        lead = array.shape[:-2]
        index = tuple(int(i) for i in np.unravel_index(number, lead)) if lead else ()
        depth = array.chunks[: len(lead)]
        nbytes = math.prod(depth) * math.prod(array.shape[-2:]) * array.dtype.itemsize
        if math.prod(depth) == 1 or nbytes > SLAB_BYTES:
            return np.asarray(array[index])
        start = tuple(i // n * n for i, n in zip(index, depth, strict=True))
        if self._slab is None or self._slab[0] != (image, start):
            self._slab = None
            part = tuple(slice(i, i + n) for i, n in zip(start, depth, strict=True))
            self._slab = (image, start), np.asarray(array[part])
        plane: npt.NDArray[Any] = self._slab[1][tuple(i - j for i, j in zip(index, start, strict=True))]
        return plane

    def close(self) -> None:
        """Forget what was kept."""
        self._slab = None


def _ome(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return OME's attributes: under ``ome`` from version 0.5 on, before that among all."""
    ome = found.get("ome")
    if isinstance(ome, dict):
        return ome
    return found if "multiscales" in found or "plate" in found or "bioformats2raw.layout" in found else {}


def _images(root: Path) -> Iterator[tuple[str, str, Mapping[str, Any] | None]]:
    """Yield label, key and description (None for a plain array) of each image in a store."""
    ome = _ome(attributes(root) or {})
    if "plate" in ome:
        wells = [well.get("path") for well in _dicts(ome["plate"], "wells")]
        example = f", such as {root / str(wells[0]) / '0'}" if wells else ""
        raise InputError(f"{root.name} is a plate of {len(wells)} wells: give one field of a well{example}")
    if is_array(root):
        yield "", "", None
    elif "multiscales" in ome:
        for entry in _dicts(ome, "multiscales"):
            yield str(entry.get("name") or ""), "", entry
    elif "bioformats2raw.layout" in ome:
        for key in _series(root):
            for entry in _dicts(_ome(attributes(root, key) or {}), "multiscales"):
                yield str(entry.get("name") or key), key, entry
    else:
        parts = [part.name for part in sorted(root.iterdir()) if is_store(part)][:5]
        hint = f"give one of its parts ({', '.join(parts)})" if parts else "it holds no image"
        raise InputError(f"{root.name} is a Zarr group that says nothing about images in it: {hint}")


def _series(root: Path) -> list[str]:
    """Return the keys of the images of a converted file: those it lists, else its numbered parts."""
    listed = _ome(attributes(root, "OME") or {}).get("series") or (attributes(root, "OME") or {}).get("series")
    if isinstance(listed, list):
        return [str(key) for key in listed[:_MOST_IMAGES]]
    numbered = [part.name for part in root.iterdir() if part.name.isdigit() and is_store(part)]
    return sorted(numbered, key=int)


def _dicts(found: Any, key: str) -> list[dict[str, Any]]:
    entries = found.get(key) if isinstance(found, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _dataset(name: str, entry: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return path and description of the full resolution."""
    datasets = _dicts(entry, "datasets")
    if not datasets or not isinstance(datasets[0].get("path"), str) or not datasets[0]["path"]:
        raise InputError(f"{name} is damaged: its image lists no array. Copy the folder again")
    return datasets[0]["path"], datasets[0]


def _axes(name: str, entry: Mapping[str, Any] | None, array: Any) -> Sequence[Mapping[str, Any]]:
    """Return the description of the axes of an array."""
    if entry is None:
        names = getattr(array.metadata, "dimension_names", None) or ["?"] * (array.ndim - 2) + ["y", "x"]
        return [{"name": str(one)} for one in names]
    if "coordinateSystems" in entry:
        raise InputError(f"{name} is written in a later version of OME-Zarr than 0.5: write it again as 0.4 or 0.5")
    axes = entry.get("axes")
    if axes is None:
        return _OLD_AXES
    if not isinstance(axes, list):
        raise InputError(f"{name} is damaged: its axes are {axes!r}")
    return [axis if isinstance(axis, dict) else {"name": str(axis)} for axis in axes]


def _letters(axes: Sequence[Mapping[str, Any]]) -> str:
    """Return a letter for each axis: those of TCZYX by name, others that of an unknown one."""
    letters = ""
    for axis in axes:
        letter = str(axis.get("name", "")).upper()
        known = len(letter) == 1 and letter in "TCZYX" and letter not in letters
        letters += letter if known else next((free for free in "QI" if free not in letters), "?")
    return letters


def _ome_xml(root: Path) -> Element | None:
    """Return the OME-XML that converters leave in the store."""
    path = inside(root, "OME/METADATA.ome.xml")
    if not path.is_file() or path.stat().st_size > 2**28:
        return None
    return ome_read.parse(root.name, path.read_text("utf-8", errors="replace"))


def _facts(
    root: Path, key: str, entry: Mapping[str, Any] | None, axes: Sequence[Mapping[str, Any]], shape: dict[str, int],
    xml: tuple[Element | None, int], missing: Any, fixed: Mapping[str, int],  # noqa: ARG001
) -> Facts:  # fmt: skip
    """Collect sizes, interval, channels and optics: those of OME-Zarr first, then of OME-XML, then our own."""
    facts = ome_read.facts(xml[0], xml[1], shape) if xml[0] is not None else Facts()
    if entry is not None:
        _sizes(entry, axes, facts)
    found = attributes(root, key) or {}
    named = [_channel(one) for one in _dicts(_ome(found).get("omero"), "channels")]
    if named and len(facts.channels) == len(named):
        facts.channels = tuple(_merged(one, more) for one, more in zip(named, facts.channels, strict=True))
    elif named:
        facts.channels = tuple(named)
    ours = found.get(OURS)
    if isinstance(ours, dict):
        _own(ours, facts)
    gaps = missing()
    if gaps is not None and gaps[0]:
        facts.notes.append(f"{gaps[0]} of {gaps[1]} chunks are not in the folder and were read as the fill value")
    return facts


def _sizes(entry: Mapping[str, Any], axes: Sequence[Mapping[str, Any]], facts: Facts) -> None:
    """Multiply the scales of the level and of the image; only a size with a unit is one."""
    scale = np.ones(len(axes))
    for part in (_dataset("", entry)[1], entry):
        for transform in _dicts(part, "coordinateTransformations"):
            factors = transform.get("scale")
            if transform.get("type") == "scale" and isinstance(factors, list) and len(factors) == len(axes):
                scale *= [positive(factor) or math.nan for factor in factors]
    for axis, size in zip(axes, scale, strict=True):
        name, unit = str(axis.get("name", "")).lower(), axis.get("unit")
        if not isinstance(unit, str):
            continue
        if name in ("x", "y", "z"):
            length = length_um(size, unit)
            facts.spacing_um |= {} if length is None else {name: length}
        elif name == "t":
            facts.interval_s = time_s(size, unit) or facts.interval_s


def _channel(found: Mapping[str, Any]) -> Channel:
    label, text = found.get("label"), str(found.get("color") or "")
    try:
        rgb = tuple(bytes.fromhex(text[:6]))
    except ValueError:
        rgb = ()
    return Channel(str(label) if label else None, (rgb[0], rgb[1], rgb[2]) if len(rgb) == 3 else None)


def _merged(one: Channel, more: Channel) -> Channel:
    return Channel(one.name or more.name, one.color or more.color, more.emission_nm, more.excitation_nm)


def _own(ours: Mapping[str, Any], facts: Facts) -> None:
    """Add what we have noted ourselves: wavelengths, optics, provenance."""
    waves = [(positive(one.get("emission_nm")), positive(one.get("excitation_nm"))) for one in _dicts(ours, "channels")]
    if waves and len(waves) == len(facts.channels):
        facts.channels = tuple(
            Channel(one.name, one.color, emission or one.emission_nm, excitation or one.excitation_nm)
            for one, (emission, excitation) in zip(facts.channels, waves, strict=True)
        )
    for key in ("numerical_aperture", "refractive_index", "pinhole_um", "pinhole_airy", "bits"):
        number = positive(ours.get(key))
        if number is not None:
            facts.meta[key] = int(number) if key == "bits" else number
    for key in ("pinhole_um", "pinhole_airy", "channel_modalities"):
        if isinstance(ours.get(key), list):
            facts.meta[key] = tuple(ours[key])
    if isinstance(ours.get("modality"), str):
        facts.meta["modality"] = ours["modality"]
    if ours.get("following"):
        facts.notes.append(
            "this result is still being written, or what wrote it was killed: the frames that are there are complete"
        )
    if isinstance(ours.get("provenance"), dict):
        facts.meta["provenance"] = ours["provenance"]
