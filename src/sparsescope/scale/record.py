"""The journal of a run: one line for each thing that is done, appended, and read again after any end."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from ..errors import OutputError
from ..io.atomic import explain
from ..pipeline.account import Account
from ..pipeline.piecework import PieceDone
from ..pipeline.stages import Levels
from ..pipeline.survey import Ground
from ..solvers.loop import Outcome

SYNC_S: Final = 1.0
"""Longest time that lines of work done may be lost by a power failure; a killed process loses none."""


class Record:
    """A file of JSON objects, one in each line.

    A line that was cut off by the end of the process that wrote it is dropped.

    Parameters
    ----------
    file : Path
        Made when it is missing.

    Attributes
    ----------
    entries : list of dict
        What the file held when it was opened.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "journal.jsonl"
    >>> record = Record(file)
    >>> record.add({"piece": 0}); record.close()
    >>> _ = file.write_bytes(file.read_bytes() + b'{"pie')
    >>> record = Record(file)
    >>> record.entries
    [{'piece': 0}]
    >>> record.close()
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.entries: list[dict[str, Any]] = []
        whole = 0
        if file.exists():
            for line in file.read_bytes().splitlines(keepends=True):
                entry = _entry(line)
                if entry is None:
                    break
                self.entries.append(entry)
                whole += len(line)
        try:
            self._open = file.open("ab")
            self._open.truncate(whole)
        except OSError as error:
            raise OutputError(explain(file, error)) from None
        self._synced = time.monotonic()

    def add(self, entry: dict[str, Any]) -> None:
        """Append one line; it outlives the process from here on."""
        try:
            self._open.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            self._open.flush()
            if time.monotonic() - self._synced > SYNC_S:
                os.fsync(self._open.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise OutputError(explain(self.file, error)) from None

    def close(self) -> None:
        """Close the file."""
        self._open.close()


def _entry(line: bytes) -> dict[str, Any] | None:
    """Return the object in a line, None where the line is not complete."""
    if not line.endswith(b"\n"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def ground_entry(channel: int | None, ground: Ground) -> dict[str, Any]:
    """Return what a channel rests on as plain values; :func:`ground_of` gives it back."""
    return {"channel": channel, **asdict(ground)}


def ground_of(entry: dict[str, Any]) -> Ground:
    """Return what :func:`ground_entry` was given.

    Examples
    --------
    >>> ground = Ground(Levels(9.5, 0.1, 8.0), -1.0, 3, (17, 4))
    >>> ground_of(json.loads(json.dumps(ground_entry(None, ground)))) == ground
    True
    """
    return Ground(Levels(**entry["levels"]), entry["least"], entry["hot"], tuple(entry["checks"]))


def piece_entry(done: PieceDone) -> dict[str, Any]:
    """Return what became of a piece as plain values; :func:`piece_of` gives it back."""
    plain = {one.name: getattr(done, one.name) for one in fields(done)}
    return {**plain, "account": asdict(done.account), "outcome": done.outcome.name}


def piece_of(entry: dict[str, Any]) -> PieceDone:
    """Return what :func:`piece_entry` was given.

    Examples
    --------
    >>> done = PieceDone(3, 0, Account([1.0], [0.1]), Outcome.COMPLETED, (5, 6), (0.0, 0.1))
    >>> piece_of(json.loads(json.dumps(piece_entry(done)))) == done
    True
    """
    plain = {**entry, "account": Account(**entry["account"]), "outcome": Outcome[entry["outcome"]]}
    return PieceDone(**{**plain, "checks": tuple(entry["checks"]), "range": tuple(entry["range"])})
