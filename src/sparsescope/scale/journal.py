"""A run that outlives its process: planes and a journal in a hidden folder beside the result, gone on with later."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from ..errors import OutputError
from ..image import Image
from ..io.atomic import explain, give_folder_name, unfinished
from ..io.zarr_store import MARKS
from ..io.zarr_stream import Ranges, ZarrStream
from ..pipeline.needs import Portion
from ..pipeline.piecework import PieceDone
from ..pipeline.room import Array, disk_free_bytes, process, say_bytes, still_runs
from ..pipeline.survey import Ground
from .record import Record, ground_entry, ground_of, piece_entry, piece_of
from .work_array import WorkArray

FORMAT: Final = 1
"""Of the journal; another one is not gone on with."""

LINES: Final = "journal.jsonl"
OWNER: Final = "running.json"


class Journal:
    """Keeps what a run has done; see :class:`sparsescope.pipeline.keeping.Keeper`.

    As a context: after an error, the folder stays where something was done that can be gone on with.

    Parameters
    ----------
    target : Path
        Final name of the result.
    facts : mapping
        What the result depends on, by name: plain values. A run is gone on with only where all are the same.
    axes : str
        Axes of the result.
    resume : bool
        Go on with an unfinished run where there is one.
    overwrite : bool
        Begin anew where there is an unfinished run, and replace the result.
    stream : str, optional
        Version of OME-Zarr where the result is written in its final form at once; otherwise it is kept in the folder.

    Attributes
    ----------
    resumed : bool
        Whether there was an unfinished run.

    Raises
    ------
    OutputError
        If there is an unfinished run that may not be gone on with, or another process is working on it.
    """

    lasting = True

    def __init__(
        self, target: Path, facts: Mapping[str, Any], *, axes: str, resume: bool = False, overwrite: bool = False,
        stream: str | None = None,
    ) -> None:  # fmt: skip
        self.target, self.axes, self.stream = target, axes, stream
        self.folder = unfinished(target)
        self.facts = json.loads(json.dumps(facts))
        self._finished = False
        self._result: Array | None = None
        clear(target, resume=resume, overwrite=overwrite)
        try:
            self.folder.mkdir(exist_ok=True)
            (self.folder / OWNER).unlink(missing_ok=True)
            with (self.folder / OWNER).open("x") as file:  # of two that begin at once, one fails here
                json.dump(process(), file)
        except OSError as error:
            raise OutputError(explain(target, error)) from None
        self.record = Record(self.folder / LINES)
        entries = self.record.entries
        self.resumed = bool(entries)
        if not entries:
            self.record.add({"format": FORMAT, "facts": self.facts, "overwrite": overwrite})
            entries = [{}]
        else:
            self._compare(entries[0])
        self.overwrite = overwrite or bool(entries[0].get("overwrite"))
        self._parts: dict[str, Any] | None = _last(entries, "parts")
        self._grounds = {e["ground"]["channel"]: ground_of(e["ground"]) for e in entries if "ground" in e}
        self._done = {e["piece"]["number"]: piece_of(e["piece"]) for e in entries if "piece" in e}
        self.named = _last(entries, "named") is not None
        """Whether the result has its final name already."""

    def _compare(self, first: Mapping[str, Any]) -> None:
        if first.get("format") != FORMAT:
            raise OutputError(self._refusal("it was begun by another version of sparsescope"))
        before = first.get("facts", {})
        for name in sorted({*before, *self.facts}):
            if before.get(name) != self.facts.get(name):
                raise OutputError(self._refusal(difference(name, before.get(name), self.facts.get(name))))

    def _refusal(self, why: str) -> str:
        self.record.close()
        (self.folder / OWNER).unlink(missing_ok=True)
        return (
            f"the unfinished run for {self.target} cannot be gone on with: {why}. Run with what it was begun with, or "
            "begin anew (--overwrite)"
        )

    def settle(self, parts: Portion) -> Portion:
        """Return how much is worked on at a time: as the run was begun, so that its blocks are the same."""
        planned = {one.name: getattr(parts, one.name) for one in fields(parts) if one.name != "need"}
        if self._parts is None:
            self.record.add({"parts": planned})
            return parts
        if not parts.allows(self._parts):
            raise OutputError(
                self._refusal("it was begun with more memory, in larger parts: give as much (--max-memory)")
            )
        together = parts.together and bool(self._parts.get("together", True))  # what follows changes no value
        return replace(
            parts, **{**self._parts, "together": together, "surveyed": parts.surveyed, "behind": parts.behind}
        )

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return the result or the background, with what an earlier run has put into it."""
        if name != "result" or self.stream is None:
            self._check_disk(name, shape)
            return WorkArray(self.folder / name, shape)
        folder = self.folder / name
        if self.named and not folder.exists():
            self._result = ZarrStream.open(self.target, self.axes)
        elif self._complete(folder):
            self._result = ZarrStream.open(folder, self.axes, target=self.target)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            self._result = ZarrStream.make(folder, shape, self.axes, version=self.stream, target=self.target)
            self.record.add({"made": name})
        return self._result

    def _complete(self, folder: Path) -> bool:
        """Whether all arrays of the result were made before the run was ended."""
        return folder.exists() and any("made" in entry for entry in self.record.entries)

    def _check_disk(self, name: str, shape: tuple[int, ...]) -> None:
        size = 4
        for length in shape:
            size *= length
        if not (self.folder / name).exists() and size > (free := disk_free_bytes(self.folder)):
            raise OutputError(
                f"the {name} takes up to {say_bytes(size)} and {self.folder.parent} has {say_bytes(free)} free: free "
                "some space, or write to another disk (--out)"
            )

    def ground(self, channel: int | None) -> Ground | None:
        """Return what a channel rests on, where that is known."""
        return self._grounds.get(channel)

    def keep_ground(self, channel: int | None, ground: Ground) -> None:
        """Take over what a channel rests on."""
        self.record.add({"ground": ground_entry(channel, ground)})
        self._grounds[channel] = ground

    def done(self) -> list[PieceDone]:
        """Return the pieces that are done."""
        return list(self._done.values())

    def keep(self, done: PieceDone) -> None:
        """Take over that a piece is done."""
        self.record.add({"piece": piece_entry(done)})
        self._done[done.number] = done

    def finish(self, image: Image) -> Image:
        """Give a result that is written in its final form its name, and return the image there."""
        stream = self._result
        assert isinstance(stream, ZarrStream)
        for done in self._done.values():
            if done.range:
                stream.ranges.merge(Ranges.of([[done.channel, *done.range]]))
        if (self.folder / "result").exists():
            stream.finish(image, self.target.name)
            give_folder_name(self.folder / "result", self.target, overwrite=self.overwrite, marks=MARKS)
            self.record.add({"named": True})
        self.named = True
        return image.replace(data=ZarrStream.open(self.target, self.axes))

    def finished(self) -> None:
        """Say that everything is written: the folder is not needed after this."""
        self._finished = True

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.record.close()
        if self._finished or not (self._done or self._grounds):
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            (self.folder / OWNER).unlink(missing_ok=True)


def clear(target: Path, *, resume: bool, overwrite: bool) -> None:
    """Remove an unfinished run for a result, where it is not to be gone on with and that is allowed.

    Raises
    ------
    OutputError
        If it may not be removed, or another process is working on it.
    """
    folder = unfinished(target)
    if not folder.exists():
        return
    try:
        owner = json.loads((folder / OWNER).read_text())
    except (OSError, ValueError):
        owner = {}
    if still_runs(owner):
        raise OutputError(
            f"{target} is being written by process {owner.get('pid')} on {owner.get('host')}: wait for it, or end it. "
            f"If it does not run any more, remove {folder / OWNER}"
        )
    if resume:
        return
    if not overwrite and (folder / LINES).exists():
        raise OutputError(
            f"an unfinished run for {target} is there, in {folder}: go on with it (--resume), or begin anew "
            "(--overwrite)"
        )
    shutil.rmtree(folder)


def _last(entries: list[dict[str, Any]], name: str) -> Any:
    return next((entry[name] for entry in reversed(entries) if name in entry), None)


def difference(name: str, before: Any, now: Any) -> str:
    """Say in words what is not as it was.

    Examples
    --------
    >>> difference("input", {"bytes": 10}, {"bytes": 12})
    'the input has changed since (bytes 12, was 10)'
    >>> difference("format", "ome-zarr", "ome-tiff")
    'format is ome-tiff, was ome-zarr'
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        parts = [
            f"{key} {now.get(key)}, was {before.get(key)}"
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key)
        ]
        what = "the input has changed since" if name == "input" else f"{name} differ"
        return f"{what} ({'; '.join(parts)})"
    return f"{name} is {now}, was {before}"
