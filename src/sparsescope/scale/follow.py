"""Live acquisition: a recording is deconvolved while it is written, frame by frame, into an OME-Zarr that grows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..engines import Engine
from ..errors import InputError, OutputError
from ..image import Image
from ..io.growing import POLL_S, Growing
from ..pipeline import Plan
from ..pipeline.provenance import provenance
from ..pipeline.room import Room
from .live_ends import Arrived, Reading, Writing
from .live_frames import WAITING, Frames, of_length

FIRST: Final = 5
"""Frames that everything is decided on."""

IDLE_S: Final = 30.0
"""A recording is over when nothing new has come for so long."""


@dataclass(frozen=True)
class Step:
    """How far a followed recording is.

    Attributes
    ----------
    done, waiting : int
        Frames whose result is on disk, and further complete ones.
    latency_s : float or None
        Of the last frame: from being seen complete to its result on disk.
    """

    done: int
    waiting: int
    latency_s: float | None


@dataclass(frozen=True)
class Followed:
    """What became of a recording that was followed.

    Attributes
    ----------
    image : Image
        The result, read from its folder when it is indexed.
    plan : Plan
        The values of the run.
    notes : tuple of str
        What the user should know.
    ended : str
        Why it ended.
    latencies_s : list of float
        From a frame being seen complete to its result on disk, in the order of the frames; those that were complete
        before the first result was on disk, so that they waited for the start, are not among them.
    at_start : int
        How many those are.
    engine : str
        What computed.
    seconds : float
        From the first frames being there to the end.
    outcome : str
        How the solvers ended.
    measures : dict
        Parts of the sum removed by each stage, in percent.
    """

    image: Image
    plan: Plan
    notes: tuple[str, ...]
    ended: str
    latencies_s: list[float]
    at_start: int
    engine: str
    seconds: float
    outcome: str
    measures: Mapping[str, float]

    @property
    def median_s(self) -> float | None:
        """Median latency."""
        return float(np.median(self.latencies_s)) if self.latencies_s else None

    @property
    def most_s(self) -> float | None:
        """Latency that 95 % of the frames stay below."""
        return float(np.percentile(self.latencies_s, 95)) if self.latencies_s else None


@dataclass(frozen=True)
class Limits:
    """When a recording is taken to be over, and what all is decided on.

    Attributes
    ----------
    idle_s : float
        Nothing new for so long.
    frames : int or None
        So many frames are done.
    first : int
        Frames that parameters, resolution and scale are decided on; fewer where no more come.
    """

    idle_s: float = IDLE_S
    frames: int | None = None
    first: int = FIRST


def wait(open_source: Callable[[], Growing], limits: Limits) -> tuple[Growing, int]:
    """Wait until a recording is there and its first frames are complete; return it and how many there are.

    Raises
    ------
    InputError
        If that did not happen in time; what the last look at it said.
    """
    end = time.monotonic() + limits.idle_s
    source: Growing | None = None
    known, last = 0, ""
    while True:
        try:
            source = source or open_source()
            count = source.count()
        except (InputError, OSError) as error:
            count, last = 0, str(error)
        if count > known:
            known, end = count, time.monotonic() + limits.idle_s
        most = min(n for n in (limits.first, limits.frames, source and source.nature.declared) if n)
        if source is not None and known >= most:
            return source, known
        if time.monotonic() > end:
            if source is None or not known:
                raise InputError(f"no frame was complete in {limits.idle_s:g} s: {last or 'the recording is empty'}")
            return source, known
        time.sleep(POLL_S)


def follow(
    source: Growing,
    first: Image,
    plan: Plan,
    target: Path,
    *,
    engine: Engine,
    limits: Limits,
    room: Room,
    version: str = "0.5",
    overwrite: bool = False,
    recorded: Mapping[str, Any] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Followed:
    """Deconvolve a recording while it is written.

    The next frame is read and the last one written while one is solved. The result's name appears with its first
    frame; from then on it is a valid image at all times, with the frames that are done, marked as ``following`` among
    our own attributes until the end.

    Parameters
    ----------
    source : Growing
        The recording.
    first : Image
        Its first frames, on which levels and scale are decided.
    plan : Plan
        Resolved on them.
    target : Path
        Folder of the result; ends in ``.zarr``.
    engine : Engine
        What computes.
    limits : Limits
        When it is over.
    room : Room
        What memory there is.
    version : str
        Of OME-Zarr.
    overwrite : bool
        Replace a result that is there, when the first frame is done.
    recorded : mapping, optional
        What is added to the provenance.
    on_step : callable, optional
        Called after each frame.

    Raises
    ------
    InputError, OutputError
        If a frame cannot be read or no result be written; the result holds the frames done until then.

    Notes
    -----
    It ends when `limits` say so, when the source says that all frames are there, or by KeyboardInterrupt.
    """
    return _Following(
        source, first, plan, target, engine, limits, room, version, overwrite, dict(recorded or {}),
        on_step or (lambda _: None),
    ).done()  # fmt: skip


@dataclass
class _Following:
    """One recording that is followed."""

    source: Growing
    first: Image
    plan: Plan
    target: Path
    engine: Engine
    limits: Limits
    room: Room
    version: str
    overwrite: bool
    recorded: dict[str, Any]
    on_step: Callable[[Step], None]
    ended: str = ""
    done_frames: int = 0
    latencies_s: list[float] = field(default_factory=list)
    before: int = 0

    def done(self) -> Followed:
        """Follow to the end."""
        started = time.perf_counter()
        self.frames = Frames(self.first, self.plan, self.engine, self.room)
        self.first = of_length(self.first, self.first.sizes["T"])  # its pixels are not needed any longer
        ahead = max(WAITING, 0 if self.frames.windows.halo else self.frames.at_once)
        reading = Reading(self.source, self.limits.frames, self.limits.idle_s, ahead)

        def written(number: int, arrived: Arrived) -> None:
            self._written(number, arrived, reading.complete - number - 1)

        writing = Writing(self.target, self._described, self.frames.shape, self.version, self.overwrite, written)
        try:
            with writing, reading:
                self._all(reading, writing)
        except BaseException:
            with contextlib.suppress(OutputError):
                writing.close(self._described("an error"))
            raise
        if writing.stream is None:
            raise InputError(f"{self.source.path} ended before a frame was done: nothing was written")
        image = self._described(self.ended, whole=reading.over)
        image = image.replace(data=writing.close(image))
        account, outcome = self.frames.account, self.frames.outcome
        return Followed(
            image, self.plan, self._notes(), self.ended, self.latencies_s, self.before, self.engine.describe(),
            time.perf_counter() - started, outcome.value, account.measures(),
        )  # fmt: skip

    def _all(self, reading: Reading, writing: Writing) -> None:
        """Solve what is read and hand it on; what is solved already is written, whatever happens."""
        try:
            for number, arrived, results in self._solved(reading):
                writing.put(number, arrived, results)
            self.ended = reading.ended
        except KeyboardInterrupt:
            reading.stop()
            self.ended = "stopped by the user"

    def _solved(self, reading: Reading) -> Iterator[tuple[int, Arrived, npt.NDArray[Any]]]:
        """Yield number and result of each frame: one by one, or in windows where they are tied."""
        windows, held, begin, kept = self.frames.windows, list[Arrived](), 0, 0
        while found := reading.take(1 if windows.halo else self.frames.at_once):
            held += found
            step = windows.kept if windows.halo else len(found)
            if begin + len(held) < kept + step + windows.halo:
                continue
            yield from self._window(held, begin, kept, kept + step)
            kept += step
            gone = max(0, kept - windows.halo - begin)
            held, begin = held[gone:], begin + gone
        if begin + len(held) > kept:
            yield from self._window(held, begin, kept, begin + len(held))

    def _window(self, held: list[Arrived], begin: int, start: int, stop: int) -> Iterator[Any]:
        results = self.frames.solve([one.data for one in held], slice(start - begin, stop - begin))
        for number in range(start, stop):
            yield number, held[number - begin], results[number - start]

    def _written(self, number: int, arrived: Arrived, waiting: int) -> None:
        """Take note of a frame whose result is on disk; called by the thread that writes."""
        now = time.monotonic()
        self.done_frames = number + 1
        if number == 0:
            self._started = now
        live = number > 0 and arrived.seen_s >= self._started
        if live:
            self.latencies_s.append(now - arrived.seen_s)
        else:
            self.before += 1
        self.on_step(Step(number + 1, waiting, now - arrived.seen_s if live else None))

    def _notes(self) -> tuple[str, ...]:
        """Return what the user should know."""
        levels = " and ".join(f"{one.scale:.5g}" for one in self.frames.levels)
        count = self.first.sizes["T"]
        notes = [
            *self.plan.notes,
            f"parameters, resolution and scale ({levels} counts) were decided on the first {count} frames",
        ]
        windows = self.frames.windows
        if windows.halo:
            notes.append(
                f"frames are tied along t: {windows.kept} are solved together with {windows.halo} on both sides, so a "
                f"frame waits for up to {windows.waits} others"
            )
        notes += self.frames.account.notes(self.plan.recipe)
        if not self.frames.outcome.ok:
            notes.append(self.frames.outcome.value)
        more = self.source.unfinished()
        return (*notes, *([self.frames.note] if self.frames.note else []), *([more] if more else []))

    def _described(self, ended: str = "", *, whole: bool = False) -> Image:
        """Return an image that says what the result does; the input's checksum only where it is complete."""
        factor, meta = self.plan.recipe.upsample, dict(self.first.meta)
        spacing = {a: size / (factor if a in "xy" else 1) for a, size in self.first.spacing_um.items()}
        plain = self.first if whole else self.first.replace(meta={**meta, "path": None})
        notes = self._notes() if ended else ()
        made = provenance(plain, self.plan, self.engine.describe(), notes, None, self.frames.levels)
        made |= {"input": str(self.source.path), **self.recorded}
        made["followed"] = {"frames": self.done_frames, "first": self.first.sizes["T"], "ended": ended or "not yet"}
        return self.first.replace(spacing_um=spacing, meta={**meta, "provenance": made})
