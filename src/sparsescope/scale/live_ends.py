"""Both ends of a followed recording: a thread that reads the next frame, and one that writes the last."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy.typing as npt

from ..errors import InputError
from ..image import Image
from ..io.atomic import replacing_folder
from ..io.growing import LATE_S, POLL_S, Growing
from ..io.zarr_store import MARKS
from ..io.zarr_stream import ZarrStream
from .live_frames import WAITING

DESCRIBE_S: Final = 1.0
"""Least time between two writings of the attributes while a result grows."""

_LOOK_S: Final = 0.1


@dataclass(frozen=True)
class Arrived:
    """A frame that was read, when it was seen to be complete, and how many complete ones there were then."""

    data: npt.NDArray[Any]
    seen_s: float


class Reading:
    """Reads frames in a thread of its own as soon as they are complete.

    Parameters
    ----------
    source : Growing
        The recording.
    frames : int or None
        How many to read at most.
    idle_s : float
        It is over when nothing new has come for so long.
    ahead : int
        How many frames are read before they are asked for, where they are there.

    Attributes
    ----------
    ended : str
        Why it is over.
    over : bool
        Whether the recording itself is over, as far as can be told.
    """

    def __init__(self, source: Growing, frames: int | None, idle_s: float, ahead: int) -> None:
        self._source, self._frames, self._idle_s = source, frames, idle_s
        self._queue: queue.Queue[Arrived | Exception | None] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._seen: list[float] = []
        self._last: Exception | None = None
        self.ended, self.over = "", False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Read no more."""
        self._stop.set()
        self._thread.join()

    @property
    def complete(self) -> int:
        """How many frames have been seen to be complete."""
        return len(self._seen)

    def take(self, most: int) -> list[Arrived]:
        """Wait for the next frame; return it with those after it that are read already, none at the end."""
        found = [one] if (one := self._next(wait=True)) is not None else []
        while found and len(found) < most and (one := self._next(wait=False)) is not None:
            found.append(one)
        return found

    def _next(self, *, wait: bool) -> Arrived | None:
        """Return the next frame; None at the end, or where it is not there and is not waited for."""
        while self._last is None:
            try:
                found = self._queue.get(wait, _LOOK_S)  # not for ever, so that Ctrl-C is met on every system
            except queue.Empty:
                if wait:
                    continue
                return None
            if isinstance(found, Arrived):
                return found
            self._last = found or StopIteration()
        if isinstance(self._last, StopIteration) or not wait:
            return None
        raise self._last

    def _run(self) -> None:
        try:
            for number in range(self._frames or 2**62):
                if not self._wait(number):
                    break
                self._put(Arrived(self._frame(number), self._seen[number]))
            else:
                self.ended = f"{self._frames} frames are done"
            self._put(None)
        except OSError as error:
            self._put(InputError(f"{self._source.path} cannot be followed any longer: {error.strerror or error}"))
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            self._put(error)

    def _wait(self, number: int) -> bool:
        """Wait until a frame is complete; return whether it is."""
        declared, end = self._source.nature.declared, time.monotonic() + self._idle_s
        while not self._stop.is_set():
            count = self._count()
            self._seen += [time.monotonic()] * (count - len(self._seen))
            if number < count:
                return True
            if declared is not None and number >= declared:
                self.ended, self.over = f"all {declared} frames that {self._source.path.name} declares are done", True
                return False
            if time.monotonic() > end:
                self.ended, self.over = f"nothing new for {self._idle_s:g} s", True
                return False
            self._stop.wait(POLL_S)
        return False

    def _count(self) -> int:
        """Return how many frames are complete; where the writer keeps others out for the moment, as many as before."""
        try:
            return self._source.count()
        except PermissionError:
            return self.complete

    def _frame(self, number: int) -> npt.NDArray[Any]:
        """Read a frame, again and again for a while where it cannot be read."""
        end = time.monotonic() + LATE_S
        while True:
            try:
                return self._source.frame(number)
            except InputError:
                if time.monotonic() > end or self._stop.is_set():
                    raise
            self._stop.wait(POLL_S)

    def _put(self, item: Arrived | Exception | None) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_LOOK_S)
                break


class Writing:
    """Writes results in a thread of its own into an image that grows; its name appears with the first.

    Parameters
    ----------
    target : Path
        Folder of the image.
    described : callable
        Returns an image that says what the attributes are to say.
    shape : tuple of int
        Of one result.
    version : str
        Of OME-Zarr.
    overwrite : bool
        Replace an image that is there.
    written : callable
        Told number, frame and how many results wait when a result is on disk.

    Attributes
    ----------
    stream : ZarrStream or None
        The image, from its first frame on.
    """

    def __init__(
        self, target: Path, described: Callable[[], Image], shape: tuple[int, ...], version: str, overwrite: bool,
        written: Callable[[int, Arrived], None],
    ) -> None:  # fmt: skip
        self._target, self._described, self._shape = target, described, shape
        self._version, self._overwrite, self._told = version, overwrite, written
        self._queue: queue.Queue[tuple[int, Arrived, npt.NDArray[Any]] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: Exception | None = None
        self._described_s, self._known = 0.0, list[list[float]]()
        self.stream: ZarrStream | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, then end."""
        self._hand(None)
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def put(self, number: int, arrived: Arrived, result: npt.NDArray[Any]) -> None:
        """Hand on a result; waits while too many do; raises what went wrong with an earlier one."""
        self._hand((number, arrived, result))
        if self._error is not None:
            raise self._error

    def close(self, image: Image) -> ZarrStream | None:
        """Write the attributes of the image as it is to stay, with the frames that are complete; return it."""
        if self.stream is None:
            return None
        stream = ZarrStream.open(self._target, image.axes, target=self._target)  # without a frame half written
        stream.ranges.merge(self.stream.ranges)
        stream.finish(image, self._target.name)
        return stream

    def _hand(self, item: tuple[int, Arrived, npt.NDArray[Any]] | None) -> None:
        while self._error is None:
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_LOOK_S)
                break

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                number, arrived, result = item
                self._write(number, result)
                self._told(number, arrived)
        except Exception as error:  # noqa: BLE001 - told by the thread that puts
            self._error = error

    def _write(self, number: int, result: npt.NDArray[Any]) -> None:
        if self.stream is None:
            self._begin(result)
            return
        self.stream.grow(number + 1)
        self.stream[number] = result
        self.stream.show()
        ranges, now = self.stream.ranges.listed(), time.monotonic()
        if ranges != self._known and now - self._described_s > DESCRIBE_S:
            self.stream.describe(self._described(), self._target.name, following=True)
            self._known, self._described_s = ranges, now

    def _begin(self, result: npt.NDArray[Any]) -> None:
        """Make the image with its first frame, and give it its name when it is complete."""
        image = self._described()
        with replacing_folder(self._target, overwrite=self._overwrite, marks=MARKS) as part:
            first = ZarrStream.make(part, (1, *self._shape), image.axes, version=self._version, target=self._target)
            first[0] = result
            first.describe(image, self._target.name, following=True)
        self.stream = ZarrStream.open(self._target, image.axes, target=self._target)
        self.stream.ranges.merge(first.ranges)
