"""An OME-Zarr image that grows along T, or whose chunks appear one by one: a chunk that is missing is not there yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import AXES
from . import axes as axes_of
from .growing import SETTLE_LONG_S, SETTLE_S, Growing, Nature, Still
from .guard import explained
from .zarr_read import KIND, array_of
from .zarr_store import Grid, grid, inside, open_array


class GrowingZarr(Growing):
    """Frames of an OME-Zarr image, complete when every chunk of theirs in the full resolution has a file.

    The last file is only believed when it has come to rest, as not every writer gives a chunk its name when it is
    complete. Where a file holds several frames, they count when a later file has begun; after a longer rest, those up
    to the last that holds anything.
    """

    def __init__(self, path: Path, axes: str | None = None, series: int | None = None) -> None:
        self.path = path
        with explained(path.name, "its description of the images is damaged"):
            self._key, stored = array_of(path, series)
            letters, notes = axes_of.resolve(path.name, stored.axes, stored.shape, axes)
            facts = stored.facts({})
        if "T" not in letters:
            raise InputError(f"{path.name} has axes {letters} and no time: there is nothing to follow")
        self._letters = letters
        kept = "".join(sorted(letters.replace(axes_of.DROPPED, ""), key=AXES.index))
        lengths = dict(zip(letters, stored.shape, strict=True))
        facts.notes[:0] = notes
        self.nature = Nature(
            kept, tuple(lengths[axis] for axis in kept if axis != "T"), stored.dtype.newbyteorder("="), facts, KIND
        )
        self._array: Any = None
        self._complete, self._still = 0, Still()

    def count(self) -> int:
        """Return how many frames are complete."""
        try:
            found = grid(self.path, self._key)
        except InputError:  # its metadata are being written
            return self._complete
        at = self._letters.index("T")
        depth, frames = found.files[at], found.shape[at]
        while self._complete < frames:
            part = self._complete // depth
            if not all(path.is_file() for path in self._files(found, part)):
                break
            end = min((part + 1) * depth, frames)
            if not (end < frames and next(self._files(found, part + 1)).is_file()):
                state = [(s.st_size, s.st_mtime_ns) for s in (path.stat() for path in self._files(found, part))]
                if not self._still.unchanged((part, end, state), SETTLE_S if depth == 1 else SETTLE_LONG_S):
                    break
                end = end if depth == 1 else self._written(end)
                self._complete = max(end, self._complete)
                break
            self._complete = end
        return self._complete

    def _written(self, end: int) -> int:
        """Return the end of what is written of frames that share files: those after it hold the fill value alone."""
        while end > self._complete:
            try:
                if np.any(self.frame(end - 1)):
                    return end
            except InputError:  # being written again
                return self._complete
            end -= 1
        return end

    def frame(self, number: int) -> npt.NDArray[Any]:
        """Return one time point."""
        at = self._letters.index("T")
        with explained(self.path.name, f"frame {number} is damaged"):
            if self._array is None or self._array.shape[at] <= number:  # its length was read when it was opened
                self._array = open_array(self.path, self._key)
            place = tuple(number if axis == "T" else slice(None) for axis in self._letters)
            found, axes = axes_of.arrange(np.asarray(self._array[place]), self._letters.replace("T", ""))
            assert axes == self.nature.axes.replace("T", "")
            return np.ascontiguousarray(found, self.nature.dtype)

    def unfinished(self) -> str:
        """Say what is there beyond the complete frames."""
        found = grid(self.path, self._key)
        at = self._letters.index("T")
        begun = sum(
            any(path.is_file() for path in self._files(found, part))
            for part in range(self._complete // found.files[at], -(-found.shape[at] // found.files[at]))
        )
        if not begun:
            return ""
        return (
            f"{self.path.name} holds chunks of {begun} more frame{'s' * (begun > 1)}, but not all of frame "
            f"{self._complete}: left out. "
            "Where the program that writes it leaves out empty chunks, run again without --follow"
        )

    def _files(self, found: Grid, part: int) -> Iterator[Path]:
        """Yield the file of each chunk (or shard) of one part along T."""
        at = self._letters.index("T")
        counts = [-(-n // c) for n, c in zip(found.shape, found.files, strict=True)]
        counts[at] = 1
        for index in np.ndindex(*counts):
            yield inside(self.path, found.name((*index[:at], part, *index[at + 1 :])))
