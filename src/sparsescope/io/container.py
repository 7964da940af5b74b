"""Files that hold several images, with axes of their own: which one is meant, and its planes, at once or later."""

from __future__ import annotations

import hashlib
import itertools
import math
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Image
from . import axes as axes_of
from . import damage
from .damage import check_claim
from .facts import Facts
from .guard import explained, opening
from .lazy import lazy_array, read_later, stamp

SHOWN = 12
"""Images of a file that a message lists."""


@dataclass(frozen=True)
class Stored:
    """One image of a file as it is stored.

    Attributes
    ----------
    axes : str
        Letter of each stored axis, those of a plane last: it ends in ``YX``, or ``YXS`` for colour samples. Letters
        other than ``TCZ`` before the plane make several images of it.
    shape : tuple of int
        Length of each axis.
    dtype : dtype
        Type of the numbers, as :meth:`Opened.plane` returns them.
    facts : callable
        Returns what the file says of it, for the chosen index of each letter that is no ``TCZ``.
    label : str
        Its name in the file, for messages.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    facts: Callable[[Mapping[str, int]], Facts]
    label: str = ""

    @property
    def lead(self) -> int:
        """Number of axes before those of a plane."""
        return self.axes.index("Y")


class Opened(Protocol):
    """An open file."""

    @property
    def images(self) -> Sequence[Stored]:
        """Return every image in the file."""

    def plane(self, image: int, number: int) -> npt.NDArray[Any]:
        """Return a plane of an image; planes are numbered in C order of the axes before them."""

    def close(self) -> None:
        """Close the file."""


OpenFile = Callable[[Path], Opened]


def read(
    path: Path, kind: str, open_file: OpenFile, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]
) -> Image:
    """Read one image of a file; see :func:`sparsescope.io.read`.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        Name of the format for messages and ``meta["format"]``.
    open_file : callable
        A function of a module, so that a lazily read image can be sent to another process.
    axes, series, lazy
        As the user gave them.
    """
    name = path.name
    with opening(name, f"it is not a readable {kind} file"):
        opened = open_file(path)
    try:
        with opening(name, "its description of the images is damaged"):
            choices = list(_choices(opened.images, axes))
            number = _choose(name, choices, series)
            choice = choices[number]
            shape, dtype = choice.shape, choice.stored.dtype
            nbytes = math.prod(shape) * dtype.itemsize
            check_claim(name, nbytes, stored_bytes(path, nbytes / damage.BOMB_RATIO))
            letters, notes = axes_of.resolve(name, choice.axes, shape, axes)
            facts = choice.stored.facts(choice.fixed)
        facts.notes[:0] = notes
        facts.meta |= {"format": kind, "series": number, "series_count": len(choices)}
        reader = _Reader(path, open_file, choice.plain(), stamp(path))
        data = reader.array() if read_later(lazy, nbytes) else reader.whole(opened)
    finally:
        opened.close()
    return facts.image(*axes_of.arrange(data, letters))


def _nothing(fixed: Mapping[str, int]) -> Facts:  # noqa: ARG001
    return Facts()


@dataclass(frozen=True)
class _Choice:
    """A stored image with an index for each axis that is no T, C or Z."""

    image: int
    stored: Stored
    fixed: Mapping[str, int] = field(default_factory=dict)

    @property
    def axes(self) -> str:
        return "".join(letter for letter in self.stored.axes if letter not in self.fixed)

    @property
    def shape(self) -> tuple[int, ...]:
        pairs = zip(self.stored.axes, self.stored.shape, strict=True)
        return tuple(length for letter, length in pairs if letter not in self.fixed)

    def plain(self) -> _Choice:
        """Return the choice without what may hold on to the open file."""
        return replace(self, stored=replace(self.stored, facts=_nothing))

    def said(self) -> str:
        """Name the choice for a message."""
        parts = [f"{axes_of.meaning(letter)} {index}" for letter, index in self.fixed.items()]
        label = ", ".join([*([self.stored.label] if self.stored.label else []), *parts])
        size = f"{self.axes} {' × '.join(map(str, self.shape))}"
        return f"{label} ({size})" if label else size

    def plane_number(self, number: int) -> int:
        """Return the number of a plane of the chosen part among those of the stored image."""
        stored = self.stored
        free = [i for i in range(stored.lead) if stored.axes[i] not in self.fixed]
        index = [self.fixed.get(letter, 0) for letter in stored.axes[: stored.lead]]
        if free:
            for i, at in zip(free, np.unravel_index(number, [stored.shape[i] for i in free]), strict=True):
                index[i] = int(at)
        return int(np.ravel_multi_index(index, stored.shape[: stored.lead])) if index else 0


def _choices(images: Sequence[Stored], axes: str | None) -> Iterator[_Choice]:
    """Yield each image that can be meant: those stored, times the lengths of their axes that are no T, C or Z.

    Axes that nobody knows make none: the user is asked what they are. Where the user names as many axes as are stored,
    all are taken as named.
    """
    for i, stored in enumerate(images):
        lengths = dict(zip(stored.axes[: stored.lead], stored.shape, strict=False))
        extra = {letter: n for letter, n in lengths.items() if letter not in "TCZ" + axes_of.UNKNOWN}
        named = axes is not None and len(axes) in (len(stored.axes), sum(n > 1 for n in stored.shape))
        if named and any(n > 1 for n in extra.values()):
            extra = {}
        for index in itertools.product(*(range(n) for n in extra.values())):
            yield _Choice(i, stored, dict(zip(extra, index, strict=True)))


def _choose(name: str, choices: Sequence[_Choice], wanted: int | None) -> int:
    """Return the number of the image that is wanted; one of several is never guessed."""
    if not choices:
        raise InputError(f"{name} holds no image that can be read. Re-export it as OME-TIFF")
    said = [f"{i}: {one.said()}" for i, one in enumerate(choices)]
    listing = "; ".join(said if len(said) <= SHOWN else [*said[: SHOWN - 1], "…", said[-1]])
    if wanted is None and len(choices) > 1:
        raise InputError(
            f"{name} holds {len(choices)} images: add --series N (in Python series=N) with the number of one of them "
            f"({listing})"
        )
    if wanted is not None and not 0 <= wanted < len(choices):
        raise InputError(f"{name} has no series {wanted}: allowed are 0 to {len(choices) - 1} ({listing})")
    return wanted or 0


def stored_bytes(path: Path, enough: float = math.inf) -> int:
    """Return the bytes of a file, or of all files in a folder; counting ends where the claim is covered anyway."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for file in path.rglob("*") if path.is_dir() else path.parent.glob(path.name):
        total += file.stat().st_size if file.is_file() else 0
        if total >= enough:
            break
    return total


@dataclass(eq=False)
class _Reader:
    """Reads the planes of a chosen image; opens its file again when it has come to another process."""

    path: Path
    open_file: OpenFile
    choice: _Choice
    seen: tuple[int, int]
    _opened: Opened | None = None
    _lock: Any = field(default_factory=threading.Lock)

    def whole(self, opened: Opened) -> npt.NDArray[Any]:
        """Read every plane."""
        shape, dtype = self.choice.shape, self.choice.stored.dtype.newbyteorder("=")
        plane_shape = shape[self.choice.axes.index("Y") :]
        with explained(self.path.name, "its pixels are damaged"):
            data = np.empty(shape, dtype)
        planes = data.reshape(-1, *plane_shape)
        for number in range(len(planes)):
            with explained(self.path.name, self._damaged(number)):
                planes[number] = self._plane(opened, number, plane_shape)
        return data

    def array(self) -> Any:
        """Return an array that reads planes when it is indexed."""
        choice = self.choice
        key = (str(self.path), choice.image, tuple(choice.fixed.items()), choice.axes, choice.shape, self.seen)
        name = f"sparsescope-{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}"
        plane_shape = choice.shape[choice.axes.index("Y") :]
        return lazy_array(self, choice.shape, plane_shape, choice.stored.dtype.newbyteorder("="), name)

    def __call__(self, number: int) -> npt.NDArray[Any]:
        """Read one plane in native byte order."""
        with explained(self.path.name, self._damaged(number)), self._lock:
            if stamp(self.path) != self.seen:
                raise InputError(f"{self.path.name} was changed while it was being read: start again")
            if self._opened is None:
                with opening(self.path.name, "it cannot be opened again"):
                    self._opened = self.open_file(self.path)
                weakref.finalize(self, self._opened.close)
            return self._plane(self._opened, number, self.choice.shape[self.choice.axes.index("Y") :])

    def _damaged(self, number: int) -> str:
        """Say which plane is damaged."""
        axes = self.choice.axes[: self.choice.axes.index("Y")]
        index = np.unravel_index(number, self.choice.shape[: len(axes)]) if axes else ()
        where = ", ".join(f"{axis} {at}" for axis, at in zip(axes, index, strict=True))
        return f"the pixels of its plane {where} are damaged" if where else "its pixels are damaged"

    def _plane(self, opened: Opened, number: int, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Read one plane and check that it is what was promised."""
        dtype = self.choice.stored.dtype.newbyteorder("=")
        plane = opened.plane(self.choice.image, self.choice.plane_number(number))
        if plane.shape != shape or plane.dtype.newbyteorder("=") != dtype:
            raise InputError(
                f"{self.path.name} is damaged: plane {number} is {plane.dtype} of shape {plane.shape}, "
                f"not {dtype} of {shape}"
            )
        return np.array(plane, dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())
