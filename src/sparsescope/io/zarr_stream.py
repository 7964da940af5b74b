"""An OME-Zarr image that is filled plane by plane, in any order, from threads and processes, and can grow."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..image import Image
from .atomic import explain
from .encode import Encoding
from .planewise import Planewise
from .zarr_attributes import ome, ours
from .zarr_read import OURS
from .zarr_store import arrays_of, hold_sizes, new_array, new_group, open_group, show_sizes, tidy

CHUNK = 1024
"""Longest side of a chunk: 4 MB in float32, one plane deep, so that a viewer loads what it shows."""

SMALLEST = 256
"""Levels are added until no side is longer than this."""

BUSY_S = 2.0
"""How long a reader may keep a file busy that is to be written again."""

FLOAT32 = Encoding(np.dtype(np.float32))


@dataclass
class Ranges:
    """Smallest and largest number written, by channel; for the display of an image.

    Examples
    --------
    >>> seen = Ranges()
    >>> seen.add(0, np.array([[1.0, 5.0]]))
    >>> seen.merge(Ranges.of([[0, -2.0, 3.0]]))
    >>> seen.listed()
    [[0, -2.0, 5.0]]
    """

    found: dict[int, tuple[float, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @classmethod
    def of(cls, listed: Sequence[Sequence[float]]) -> Ranges:
        """Return what :meth:`listed` gave."""
        return cls({int(channel): (float(low), float(high)) for channel, low, high in listed})

    def listed(self) -> list[list[float]]:
        """Return ``[channel, smallest, largest]`` of each channel: plain numbers that JSON keeps exactly."""
        return [[channel, *self.found[channel]] for channel in sorted(self.found)]

    def add(self, channel: int, plane: npt.NDArray[Any]) -> None:
        """Look at one plane."""
        low, high = float(plane.min()) + 0.0, float(plane.max()) + 0.0  # -0.0 becomes 0.0: no order of planes shows
        self.merge(Ranges({channel: (low, high)}))

    def merge(self, other: Ranges) -> None:
        """Take in what others have seen."""
        with self._lock:
            for channel, (low, high) in other.found.items():
                known = self.found.get(channel, (math.inf, -math.inf))
                self.found[channel] = (min(low, known[0]), max(high, known[1]))

    def windows(self, count: int) -> list[tuple[float, float]]:
        """Return the range of each of `count` channels; 0 and 0 where nothing was written."""
        return [self.found.get(channel, (0.0, 0.0)) for channel in range(count)]


class ZarrStream(Planewise):
    """An OME-Zarr image in the making: planes in any order, each with its part of the pyramid.

    A plane is chunk files of its own in every level, so that several threads, and several processes that have each
    opened the folder, can write different planes at once. The same planes give the same files, in whatever order they
    come. Numbers that stand for nothing (NaN, infinite) are refused.

    Attributes
    ----------
    ranges : Ranges
        What was written through this object, for the display; :meth:`part` gives an object with ranges of its own.

    Raises
    ------
    OutputError
        If a plane holds NaN or infinite numbers, or the disk is full.

    Notes
    -----
    Each level of the pyramid is the mean of 2 × 2 pixels of the one before; where a length is odd the last row or
    column stands for itself. Integers are rounded.

    Examples
    --------
    >>> import tempfile
    >>> from sparsescope.image import as_image
    >>> from sparsescope.io import read
    >>> folder = Path(tempfile.mkdtemp()) / "movie.ome.zarr"
    >>> stream = ZarrStream.make(folder, (3, 8, 8), "TYX")
    >>> for frame in (2, 0, 1):
    ...     stream[frame] = np.full((8, 8), frame, "float32")
    >>> stream.finish(as_image(stream, axes="TYX", pixel_size_um=0.1), folder.name)
    >>> read(folder).data[:, 0, 0].tolist(), stream.ranges.listed()
    ([0.0, 1.0, 2.0], [[0, 0.0, 2.0]])
    """

    whole_planes = True

    def __init__(self, folder: Path, group: Any, axes: str, encoding: Encoding, target: Path) -> None:
        self.folder, self.axes, self.encoding, self.target = folder, axes, encoding, target
        self.ranges = Ranges()
        self._group, self._arrays = group, arrays_of(group)
        self._check()
        super().__init__(self._arrays[0].shape, encoding.dtype)

    @classmethod
    def make(
        cls, folder: Path, shape: Sequence[int], axes: str, encoding: Encoding = FLOAT32, *, version: str = "0.5",
        target: Path | None = None,
    ) -> ZarrStream:  # fmt: skip
        """Make the arrays of an image in a folder that is new or empty.

        Parameters
        ----------
        folder : Path
            Not the final name, unless the image may be seen while it grows.
        shape, axes : tuple of int, str
            Of the full resolution; the last two axes are YX.
        encoding : Encoding
            How values become numbers of the file; float32 as they are when left out.
        version : str
            ``"0.5"`` or ``"0.4"``.
        target : Path, optional
            Final name, for messages.
        """
        with _explained(target or folder):
            group = new_group(folder, 3 if version == "0.5" else 2)
            names = [axis.lower() for axis in axes]
            for level, lengths in enumerate(_levels(tuple(shape))):
                new_array(group, str(level), lengths, _chunks(lengths), encoding.dtype.name, names)
        return cls(folder, group, axes, encoding, target or folder)

    @classmethod
    def open(cls, folder: Path, axes: str, encoding: Encoding = FLOAT32, *, target: Path | None = None) -> ZarrStream:
        """Open what :meth:`make` has made, in this or another process, to write more planes.

        Raises
        ------
        InputError
            If there is no such store, it is damaged, or it is none of ours.
        """
        return cls(folder, open_group(folder), axes, encoding, target or folder)

    @property
    def version(self) -> str:
        """Version of OME-Zarr."""
        return "0.5" if self._group.metadata.zarr_format == 3 else "0.4"

    def part(self) -> ZarrStream:
        """Return the same image with ranges of its own, so that one piece of work can say what it has seen."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.ranges = Ranges()
        return other

    def grow(self, frames: int) -> None:
        """Make room for more frames along T; others see the new length from :meth:`show` on."""
        at = self.axes.index("T")
        if frames < self.shape[at]:
            raise ValueError(f"{frames} frames are fewer than the {self.shape[at]} that are there")
        hold_sizes(self._group)
        for array in self._arrays:
            array.resize((*array.shape[:at], frames, *array.shape[at + 1 :]))
        self.shape = tuple(self._arrays[0].shape)

    def show(self) -> None:
        """Write the length that :meth:`grow` gave, once its frames are written: what a reader sees is complete."""
        with _explained(self.target):
            _patiently(lambda: show_sizes(self._group))

    def describe(self, image: Image, name: str, **more: Any) -> None:
        """Write the attributes: sizes, channels and provenance of an image, ranges for its display.

        Parameters
        ----------
        image : Image
            Only what it says about itself is used, not its pixels.
        name : str
            Final name of the folder.
        **more
            What else is noted among our own attributes.
        """
        described = ome(image, name, len(self._arrays), self.ranges.windows(image.sizes.get("C", 1)))
        found: dict[str, Any] = {"ome": {"version": self.version, **described}} if self.version == "0.5" else described
        if self.version == "0.4":
            described["multiscales"][0]["version"] = described["omero"]["version"] = self.version
        noted = {**found, OURS: {**ours(image, self.encoding), **more}}
        with _explained(self.target):
            _patiently(lambda: self._group.update_attributes(json.loads(json.dumps(noted, default=str))))

    def finish(self, image: Image, name: str) -> None:
        """Write the attributes of the complete image, and remove what killed writers have left."""
        self.show()
        self.describe(image, name)
        tidy(self.folder)

    def _read(self, index: tuple[int, ...], rows: slice) -> npt.NDArray[Any]:
        return np.array(self._arrays[0][(*index, rows)])

    def _write(self, index: tuple[int, ...], rows: slice, values: npt.NDArray[Any]) -> None:  # noqa: ARG002 - all rows
        plane = self.encoding(values)
        self.ranges.add(index[self.axes.index("C")] if "C" in self.axes else 0, plane)
        with _explained(self.target):
            for level, array in enumerate(self._arrays):
                plane = halved(plane) if level else plane
                array[index] = plane

    def _check(self) -> None:
        """Raise OutputError unless the folder holds the arrays that would be made."""
        shapes = [tuple(array.shape) for array in self._arrays]
        fits = bool(shapes) and len(shapes[0]) == len(self.axes) and shapes == _levels(shapes[0])
        if not fits or any(array.dtype != self.encoding.dtype for array in self._arrays):
            raise OutputError(f"{self.folder} holds another image than the one to be written: remove it")

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self).open, target=self.target), (self.folder, self.axes, self.encoding)


def _levels(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shape of each level."""
    shapes = [shape]
    while max(shapes[-1][-2:]) > SMALLEST:
        shapes.append((*shape[:-2], *(-(-n // 2) for n in shapes[-1][-2:])))
    return shapes


def _chunks(shape: Sequence[int]) -> tuple[int, ...]:
    return (*(1 for _ in shape[:-2]), *(min(n, CHUNK) for n in shape[-2:]))


def halved(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean of each 2 × 2 pixels; where a length is odd the last row or column stands for itself.

    Examples
    --------
    >>> halved(np.array([[1.0, 3, 8], [1, 3, 2]], "float32"))
    array([[2., 5.]], dtype=float32)
    """
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2)), "edge")
    wide = np.float32 if plane.dtype.itemsize < 4 or plane.dtype == np.float32 else np.float64
    mean: npt.NDArray[Any] = even[::2, ::2].astype(wide)
    for corner in (even[1::2, ::2], even[::2, 1::2], even[1::2, 1::2]):
        mean += corner
    mean *= 0.25
    smaller: npt.NDArray[Any] = (np.rint(mean) if plane.dtype.kind in "iu" else mean).astype(plane.dtype)
    return smaller


def _patiently(write: Callable[[], Any]) -> None:
    """Write again for a while where that is not permitted: on Windows, while a viewer has the old file open."""
    end = time.monotonic() + BUSY_S
    while True:
        try:
            write()
        except PermissionError:
            if time.monotonic() > end:
                raise
            time.sleep(BUSY_S / 100)
        else:
            return


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Say in plain words why an image could not be written."""
    try:
        yield
    except OSError as error:
        raise OutputError(explain(target, error)) from None
