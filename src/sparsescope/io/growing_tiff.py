"""A TIFF file to which pages are appended: its chain of directories is walked on from where it ended before."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .damage import Layout, first_directory, next_directory, value_ends
from .growing import SETTLE_S, Growing, Nature, Still, frame_axes
from .tiff import first_page, page_at

DESCRIPTION = 270
"""Tag of the text in which ImageJ and OME say what the pages are."""


class GrowingTiff(Growing):
    """Pages of a TIFF file in the order of their directories, each with a directory of its own.

    A page with one after it is complete. The last one is when all its bytes are there, it can be decoded, and the file
    has come to rest. The file is opened anew for every page, so that it may be written, moved and extended meanwhile.
    """

    def __init__(self, path: Path, axes: str | None = None) -> None:
        self.path = path
        self._offsets: list[int] = []
        self._layout: Layout | None = None
        self._complete, self._still = 0, Still()
        self._broken: object = None
        self._walk()
        if axes is None:
            self._check_description()
        first = first_page(path)
        within = frame_axes(path.name, axes, first.counts)
        given = axes is not None and not within
        self._lengths = {axis: within[axis] for axis in first.order if axis in within}
        if self._lengths and first.order[0] != "T" and first.counts.get("T", 1) > 1:
            raise InputError(
                f"{path.name} is written in the order {first.order} (slowest first): frames can be followed where time "
                "is slowest, as then a frame is complete before the next begins"
            )
        declared = None if given else first.counts.get("T")
        letters = "".join(axis for axis in "CZ" if axis in within)
        self.nature = Nature(
            f"T{letters}YX", (*(within[axis] for axis in letters), *first.shape), first.dtype, first.facts, first.kind,
            declared if declared and declared > 1 else None, None if first.counts else "TYX",
        )  # fmt: skip

    @property
    def _pages(self) -> int:
        """Pages of one frame."""
        return math.prod(self._lengths.values())

    def count(self) -> int:
        """Return how many frames are complete."""
        status = self.path.stat()
        state = (status.st_size, status.st_mtime_ns)
        self._walk()
        known = len(self._offsets)
        self._complete = max(self._complete, known - 1)
        if known > self._complete and state != self._broken and self._still.unchanged(state, SETTLE_S):
            if self._whole(known - 1):
                self._complete = known
            else:
                self._broken = state
        return self._complete // self._pages

    def frame(self, number: int) -> npt.NDArray[Any]:
        """Return one time point."""
        shape, dtype = self.nature.shape, self.nature.dtype
        lead = tuple(self._lengths.values())
        out = np.empty((*lead, *shape[-2:]), dtype)
        for i, index in enumerate(np.ndindex(lead)):
            at = number * self._pages + i
            page = page_at(self.path, self._offsets[at], at)
            if page.shape != shape[-2:] or page.dtype != dtype:
                raise InputError(
                    f"{self.path.name}: page {at + 1} holds {page.dtype} values of shape {page.shape}, the first "
                    f"{dtype} of {shape[-2:]}"
                )
            out[index] = page
        stored = "".join(self._lengths)
        order = [stored.index(axis) for axis in self.nature.axes[1:-2]]
        return np.ascontiguousarray(out.transpose(*order, len(lead), len(lead) + 1))

    def unfinished(self) -> str:
        """Say what is there beyond the complete frames."""
        over = len(self._offsets) - self._complete // self._pages * self._pages
        if not over:
            return ""
        pages = f"{over} page{'s' * (over > 1)}"
        return f"{self.path.name} ends with {pages} of a frame that is not complete: left out"

    def _check_description(self) -> None:
        """Raise InputError while the description is not there, which says what the pages are."""
        with self.path.open("rb") as file:
            size, end = self.path.stat().st_size, 0
            if self._offsets and self._layout is not None:
                end = value_ends(file, self._offsets[0], self._layout).get(DESCRIPTION, 0)
        if end > size:
            raise InputError(
                f"the description of {self.path.name}, which says what its pages are, is not there yet: some programs "
                "write it at the end. Such a file can be followed with --axes TYX, every page a frame"
            )

    def _walk(self) -> None:
        """Follow the chain of directories to its present end; one that is not all there does not count yet."""
        with self.path.open("rb") as file:
            size = self.path.stat().st_size
            if self._layout is None:
                self._layout, offset = first_directory(self.path.name, file, size)
            else:
                offset = self._offsets.pop() if self._offsets else first_directory(self.path.name, file, size)[1]
            while offset:
                following = next_directory(file, offset, size, self._layout)
                if following is None:
                    break
                if offset in self._offsets[-1:] or following == offset:
                    raise InputError(f"{self.path.name} is damaged: its directories of images run in a circle")
                self._offsets.append(offset)
                offset = following

    def _whole(self, number: int) -> bool:
        """Whether a page can be decoded."""
        try:
            page_at(self.path, self._offsets[number], number)
        except InputError:
            return False
        return True
