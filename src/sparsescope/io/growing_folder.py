"""A folder that fills up with TIFF files of one plane each; their names say which plane is which."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .growing import SETTLE_S, Growing, Nature, Still
from .tiff_series import KIND, arrange, check_kind, facts_of, names, one_plane, parts_of, varying_parts

COARSE_S = 0.1
"""Times of folders and files are at least so fine on the systems in use."""

_Key = tuple[int | str, ...]
"""Parts of a file name without the number that counts frames."""


class GrowingFolder(Growing):
    """Frames in the order of the numbers that count them.

    What belongs to a frame shows when a second one begins: the planes of the first. The newest frame counts when its
    files can be read and have come to rest.
    """

    def __init__(self, path: Path, axes: str | None = None) -> None:
        self.path = path
        self._folder = path if path.is_dir() else path.parent
        there = names(path)
        self._time, said = _time_part(path.name, there, axes)
        self._frames: dict[int, dict[_Key, str]] = {}
        self._names, self._waiting, self._last = set[str](), set[int](), (-1, -1)
        self._take(sorted(there, key=lambda name: [int(n) for n in parts_of(name)[1::2]]))
        first = self._frames[min(self._frames)]
        letters, shape, ordered, labels = arrange(path.name, list(first.values()))
        if set(letters) - set("CZ"):
            raise InputError(
                f"{path}: the names of its files count {', '.join(letters)} beside time: followed are files that count "
                "t, c and z, such as cell_t001_c1.tif"
            )
        by_name = {name: key for key, name in first.items()}
        self._keys = [by_name[name] for name in ordered]
        self._template = ordered
        self._first = self._folder / ordered[0]
        plane = one_plane(self._first)
        facts = facts_of(plane, labels, "files are joined in the order of their names; sizes are of the first")
        order = sorted(range(len(letters)), key=lambda i: letters[i])
        self._lead, self._order = shape, order
        self.nature = Nature(
            f"T{''.join(letters[i] for i in order)}YX", (*(shape[i] for i in order), *plane.shape), plane.dtype, facts,
            KIND, unsaid=None if said else "TYX",
        )  # fmt: skip
        self._complete: list[int] = []
        self._still = Still()
        self._folder_still, self._listed, self._again = Still(), 0, True

    def count(self) -> int:
        """Return how many frames are complete."""
        self._look()
        waiting = sorted(self._waiting)
        if waiting and self._complete and waiting[0] < self._complete[-1]:
            late = next(iter(self._frames[waiting[0]].values()))
            raise InputError(
                f"{late} appeared after frames with higher numbers were taken: a folder is followed in the order of "
                "its numbers. Run again without --follow when it is complete"
            )
        for number in waiting:
            files = self._frames[number]
            if not all(key in files for key in self._keys):
                break
            if number == waiting[-1] and not self._rested(files):
                break
            self._complete.append(number)
            self._waiting.discard(number)
        return len(self._complete)

    def frame(self, number: int) -> npt.NDArray[np.generic]:
        """Return one time point."""
        files = self._frames[self._complete[number]]
        planes = []
        for key in self._keys:
            path = self._folder / files[key]
            found = one_plane(path)
            check_kind(path, found, (self._first.name, self.nature.shape[-2:], self.nature.dtype))
            planes.append(np.asarray(found.data))
        whole = np.stack(planes).reshape(*self._lead, *self.nature.shape[-2:])
        return np.ascontiguousarray(whole.transpose(*self._order, len(self._lead), len(self._lead) + 1))

    def unfinished(self) -> str:
        """Say what is there beyond the complete frames."""
        over = len(self._waiting)
        frames = f"{over} more frame{'s' * (over > 1)}"
        return f"{self.path.name} holds part of {frames}, not complete: left out" if over else ""

    def _look(self) -> None:
        """Find new files: by the names that the next frame should have, else by listing the folder when it has changed.

        Times of folders are so coarse that a file may come after the listing and leave the same time: the folder is
        listed once more when it has come to rest.
        """
        state = self._folder.stat().st_mtime_ns
        rested = self._folder_still.unchanged(state, COARSE_S)
        came = False
        while found := [name for name in self._expected() if (self._folder / name).is_file()]:
            self._take(found)
            came = True
            if len(found) < len(self._keys):
                break
        if came or state != self._listed or (self._again and rested):
            if not came:
                self._take(names(self.path))
            self._listed, self._again = state, came or not rested

    def _expected(self) -> list[str]:
        """Return the names of the files of the frame that should come next."""
        before, last = self._last
        number = 2 * last - before if len(self._frames[last]) >= len(self._keys) else last
        pattern = "*" if self.path == self._folder else self.path.name
        made = []
        for name in self._template:
            parts = parts_of(name)
            parts[self._time] = str(number).zfill(len(parts[self._time]))
            made.append("".join(parts) + name[name.rindex(".") :])
        return [name for name in made if name not in self._names and fnmatch.fnmatchcase(name, pattern)]

    def _take(self, found: Sequence[str]) -> None:
        """Sort new files by frame."""
        for name in found:
            if name in self._names:
                continue
            self._names.add(name)
            parts = parts_of(name)
            if len(parts) <= self._time:
                raise InputError(f"{self.path.name}: {name} is not named like the other files of the recording")
            key = tuple(int(part) if i % 2 else part.lower() for i, part in enumerate(parts) if i != self._time)
            number = int(parts[self._time])
            if number not in self._frames:
                self._waiting.add(number)
                self._last = (self._last[1], number) if number > self._last[1] else self._last
            self._frames.setdefault(number, {})[key] = name

    def _rested(self, files: dict[_Key, str]) -> bool:
        """Whether the newest files can be read and have not changed for a while."""
        paths = [self._folder / files[key] for key in self._keys]
        state = [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        if not self._still.unchanged((paths, state), SETTLE_S):
            return False
        try:
            for path in paths:
                one_plane(path)
        except InputError:
            return False
        return True


def _time_part(name: str, files: Sequence[str], axes: str | None) -> tuple[int, bool]:
    """Return which part of a file name counts frames, and whether its word says so.

    Raises
    ------
    InputError
        While that does not show.
    """
    if len(files) < 2:
        raise InputError(f"{name} holds {len(files)} TIFF files: what counts its frames shows from two on")
    varying, letters = varying_parts(name, files)
    found = [place for place, letter in zip(varying, letters, strict=True) if letter == "T"]
    said, alone = bool(found), len(varying) == 1 and varying[0] % 2 == 1
    if not found and alone and (letters[0] == "Q" or (axes or "").upper() == "TYX"):
        found = varying
    if len(found) != 1:
        raise InputError(
            f"the names of the files in {name} do not say what counts frames: name them like cell_t001.tif or "
            "cell_t001_c1.tif, or say --axes TYX where one number counts them"
        )
    return found[0], said
