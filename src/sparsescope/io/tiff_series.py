"""Many TIFF files of one plane each as one image: their names say which plane is which."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Channel, Image
from . import container, tiff
from .container import Stored
from .damage import BOMB_BYTES, check_claim
from .facts import Facts

KIND = "TIFF series"
SUFFIXES = (".tif", ".tiff")
RESULTS = ("_sparse", "_background")
"""What the names of our results end in before the ending; they are no planes of a series."""

_WORDS = {
    "T": ("t", "time", "timepoint", "frame"),
    "Z": ("z", "slice", "plane", "section", "depth"),
    "C": ("c", "ch", "chan", "channel", "w", "wave", "wavelength"),
    "P": ("p", "pos", "position", "s", "stage", "series", "xy", "m", "tile", "f", "field", "fov"),
}
"""Words before a number in a file name and the axis that it counts; P makes images of their own."""

_LETTER = {word: letter for letter, words in _WORDS.items() for word in words}


def read(path: Path, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]) -> Image:
    """Read the TIFF files of a folder, or those that fit a pattern, as one image; see :func:`sparsescope.io.read`."""
    return container.read(path, KIND, _Folder, axes=axes, series=series, lazy=lazy)


def read_provenance(path: Path) -> dict[str, Any]:  # noqa: ARG001 - the same for every format
    """Return nothing: no result is written as many files."""
    return {}


def matching(path: Path) -> list[Path]:
    """Return the TIFF files in a folder, or those that fit a pattern; hidden ones and results of ours are left out."""
    folder = path if path.is_dir() else path.parent
    return [folder / name for name in sorted(names(path))]


def names(path: Path) -> list[str]:
    """Return the names of the files of :func:`matching`, in no order."""
    folder, pattern = (path, "*") if path.is_dir() else (path.parent, path.name)
    fits = re.compile(fnmatch.translate(pattern)).match
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if fits(entry.name) and is_plane(entry.name) and entry.is_file()]


def is_plane(name: str) -> bool:
    """Whether a file of this name can be a plane of a series."""
    ours = name.partition(".")[0].endswith(RESULTS)
    return name.lower().endswith(SUFFIXES) and not name.startswith(".") and not ours


class _Folder:
    """The files of a series in the order of their planes."""

    def __init__(self, path: Path) -> None:
        files = matching(path)
        if not files:
            raise InputError(f"{path} holds no TIFF file: give a folder or a pattern of files with one plane each")
        axes, shape, ordered, labels = arrange(path.name, [file.name for file in files])
        folder = path if path.is_dir() else path.parent
        self._files = [folder / name for name in ordered]
        self._first = one_plane(self._files[0])
        self._labels = labels
        whole = (*shape, *self._first.shape)
        nbytes = int(np.prod(whole, dtype=object)) * self._first.dtype.itemsize
        if nbytes > BOMB_BYTES:
            check_claim(path.name, nbytes, sum(file.stat().st_size for file in self._files))
        self.images = [Stored(f"{axes}YX", whole, self._first.dtype, self._facts)]

    def plane(self, image: int, number: int) -> npt.NDArray[Any]:  # noqa: ARG002 - there is one
        """Read a file."""
        found = one_plane(self._files[number])
        check_kind(self._files[number], found, (self._files[0].name, self._first.shape, self._first.dtype))
        return np.asarray(found.data)

    def close(self) -> None:
        """Do nothing: each file is closed when it has been read."""

    def _facts(self, fixed: Mapping[str, int]) -> Facts:  # noqa: ARG002 - the same for each
        joined = f"{len(self._files)} files were joined in the order of their names; sizes are of the first"
        return facts_of(self._first, self._labels, joined)


def facts_of(first: Image, labels: Sequence[str], joined: str) -> Facts:
    """Return what the first file says for all of a series, with a note on how they were joined."""
    facts = Facts(dict(first.spacing_um), None, (), dict(first.meta))
    facts.notes = list(facts.meta.pop("notes", ()))
    own = first.channels[0] if first.channels else Channel()
    facts.channels = tuple(replace(own, name=name) for name in labels)
    for key in ("provenance", "sha256"):
        facts.meta.pop(key, None)
    facts.notes.append(joined)
    return facts


def check_kind(file: Path, found: Image, first: tuple[str, tuple[int, ...], np.dtype[Any]]) -> None:
    """Raise InputError unless a file holds a plane like the first, of which name, shape and type are given."""
    name, shape, dtype = first
    if found.shape != shape or found.dtype != dtype:
        raise InputError(
            f"{file.name} has {found.dtype} values of shape {found.shape}, but {name} {dtype} of {shape}: one image "
            "needs planes of one kind"
        )


def one_plane(file: Path) -> Image:
    """Read a file of one plane."""
    image = tiff.read(file, axes=None, series=None, lazy=False)
    if image.data.ndim != 2:
        raise InputError(
            f"{file.name} holds more than one plane ({image.axes} {' × '.join(map(str, image.shape))}): a series is "
            "made of files with one plane each. Give such files one by one"
        )
    return image


def arrange(name: str, files: Sequence[str]) -> tuple[str, tuple[int, ...], list[str], list[str]]:
    """Order file names by the numbers in them.

    Parameters
    ----------
    name : str
        Name of the folder or pattern for messages.
    files : sequence of str
        File names; all have the same words between their numbers, but one word may name the channel.

    Returns
    -------
    axes : str
        Letter of each number that differs, slowest first; ``Q`` where the name does not say what it counts.
    shape : tuple of int
        How many different values each has.
    ordered : list of str
        The files in C order.
    labels : list of str
        Words that name the channels; empty where numbers do.

    Raises
    ------
    InputError
        If the names do not follow one pattern, or a combination is missing.

    Examples
    --------
    >>> arrange("cells", ["a_z10_c0.tif", "a_z9_c0.tif"])
    ('Z', (2,), ['a_z9_c0.tif', 'a_z10_c0.tif'], [])
    """
    split = [parts_of(file) for file in files]
    varying, letters = varying_parts(name, files)
    words = [i for i in varying if i % 2 == 0]
    named = _words([parts[words[0]] for parts in split]) if words else []
    counted = next((i for i, letter in zip(varying, letters, strict=True) if letter == "C" and i % 2), None)
    if words and counted is not None:  # as in w1DAPI, w2GFP: the word belongs to the number
        if len({(int(parts[counted]), word) for parts, word in zip(split, named, strict=True)}) > len(set(named)):
            raise InputError(_mixed(name, files))
        letters.pop(varying.index(words[0]))
        varying.remove(words[0])
    if len(set(letters)) < len(letters):
        raise InputError(
            f"{name}: the names of its {len(files)} files differ in {len(letters)} places, and do not say what each "
            "counts. Name them like cell_t001_z01_c1.tif, or give a pattern with fewer, such as 'cell_t*.tif'"
        )
    order = sorted(range(len(letters)), key=lambda k: "PQTCZ".index(letters[k]))
    keys = [
        tuple(int(parts[varying[k]]) if varying[k] % 2 else word for k in order)
        for parts, word in zip(split, named or files, strict=True)
    ]
    values = [sorted({key[k] for key in keys}) for k in range(len(order))]
    shape = tuple(len(one) for one in values)
    expected = int(np.prod(shape, dtype=np.int64))
    if len(set(keys)) < len(keys) or expected != len(files):
        raise InputError(
            f"{name} holds {len(files)} files, but their numbers span "
            f"{' × '.join(f'{letters[k]} {n}' for k, n in zip(order, shape, strict=True))} = {expected} planes: some "
            "are missing or there twice. Copy the missing ones, or give a pattern that leaves out the incomplete part"
        )
    sequence = sorted(range(len(files)), key=lambda i: keys[i])
    axes = "".join(letters[k] for k in order)
    at = axes.find("C")
    labels = list(dict.fromkeys(named[i] for i in sorted(sequence, key=lambda i: keys[i][at]))) if words else []
    return axes, shape, [files[i] for i in sequence], labels


def parts_of(file: str) -> list[str]:
    """Return the words (even places) and numbers (odd places) of a file name without its ending."""
    return re.split(r"(\d+)", file.rpartition(".")[0])


def varying_parts(name: str, files: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return which parts of file names differ, and the letter of the axis that each names, ``Q`` where that is none."""
    split = [parts_of(file) for file in files]
    if len({len(parts) for parts in split}) > 1:
        raise InputError(_mixed(name, files))
    places = range(len(split[0]))
    varying = [i for i in places if len({int(p[i]) if i % 2 else p[i].lower() for p in split}) > 1]
    words = [i for i in varying if i % 2 == 0]
    if len(words) > 1:
        raise InputError(_mixed(name, files))
    return varying, ["C" if i in words else _meaning(split[0][i - 1]) for i in varying]


def _words(texts: Sequence[str]) -> list[str]:
    """Return what differs between texts, without the words that they share at either end."""
    split = [[word for word in re.split(r"[_\-. ]+", text) if word] for text in texts]
    shared = min(len(words) for words in split) - 1
    head = next((i for i in range(shared) if len({words[i] for words in split}) > 1), max(shared, 0))
    tail = next((i for i in range(shared - head) if len({words[-1 - i] for words in split}) > 1), max(shared - head, 0))
    return [" ".join(words[head : len(words) - tail]) for words in split]


def _meaning(before: str) -> str:
    """Return the axis that the word before a number names, ``Q`` where it names none."""
    word = re.search(r"([A-Za-z]+)[_\-. ]*$", before)
    if not word:
        return "Q"
    found = _LETTER.get(word[1].lower())
    inside = re.search(r"(?:[a-z](T|Z|C|W|S|P)|[^A-Za-z](?:xy))$", word[1])  # as in imageT001Z02
    return found or (_LETTER[inside[1].lower()] if inside and inside[1] else "Q")


def _mixed(name: str, files: Sequence[str]) -> str:
    return (
        f"{name} holds files that are not named alike, such as {files[0]} and {files[-1]}: give a pattern that only "
        "fits the planes of one image, such as 'folder/cell_*.tif'"
    )
