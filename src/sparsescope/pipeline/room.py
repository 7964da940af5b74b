"""Memory of a run: what is free, what is needed, which arrays are kept in files; the one file that names psutil."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import psutil

from ..engines import Float32Array
from ..errors import InputError, OutputError
from ..io.planewise import Planewise
from .shelf import Shelf

Array: TypeAlias = Float32Array | Planewise

PART_OF_FREE: Final = 0.8
"""Part of the free memory that a run plans with when no limit is given."""

KERNEL_BYTES: Final = 130_000_000
"""What loading the kernels and their libraries adds to a process, once (measured: 90 to 130 MB)."""

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
          "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)")


def parse_bytes(text: str) -> int:
    """Return the number of bytes that a text such as ``2GB`` or ``512 MiB`` says.

    Raises
    ------
    InputError
        If it is no size, or none above zero.

    Examples
    --------
    >>> parse_bytes("2GB"), parse_bytes("1.5 GiB"), parse_bytes("800m")
    (2000000000, 1610612736, 800000000)
    """
    found = _SIZE.fullmatch(text.strip().lower())
    unit = "" if found is None else found[2]
    factor = _UNITS.get(unit, _UNITS.get(f"{unit}b"))
    count = 0 if found is None or factor is None else int(float(found[1]) * factor)
    if count < 1:
        raise InputError(f"{text!r} is no size of memory: allowed are numbers with a unit, such as 2GB or 1.5GiB")
    return count


def say_bytes(count: float) -> str:
    """Return a number of bytes as a short text.

    Examples
    --------
    >>> say_bytes(52_428_800), say_bytes(1.6e10)
    ('52.4 MB', '16 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def free_bytes() -> int:
    """Memory that can be used without swapping: what the system has, or the group of a container or a job if less."""
    return max(0, min(int(psutil.virtual_memory().available), *_group_free(Path("/sys/fs/cgroup"))))


def resident_bytes() -> int:
    """Memory of this process that is in use now."""
    return int(psutil.Process().memory_info().rss)


def disk_free_bytes(folder: Path) -> int:
    """Free space of the disk that a folder is on."""
    return int(shutil.disk_usage(folder).free)


def process() -> dict[str, Any]:
    """Return what tells this process from all others, on this machine and elsewhere, now and later."""
    return {"host": platform.node(), "pid": os.getpid(), "began": psutil.Process().create_time()}


def still_runs(known: Mapping[str, Any]) -> bool:
    """Whether a process that :func:`process` told of may still run; of other machines that cannot be known.

    Examples
    --------
    >>> still_runs(process()), still_runs({**process(), "began": 1.0}), still_runs({})
    (True, False, False)
    """
    if known.get("host") != platform.node():
        return bool(known.get("host"))
    try:
        return bool(psutil.Process(int(known["pid"])).create_time() == known["began"])
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def _group_free(base: Path) -> list[int]:
    """Return what control groups leave, if they limit anything; 2**62 first, so that there is always a number."""
    found = [2**62]
    for most, now in _GROUPS:
        try:
            limit, used = (base / most).read_text().strip(), (base / now).read_text().strip()
        except OSError:
            continue
        if limit.isdigit() and used.isdigit():
            found.append(int(limit) - int(used))
    return found


@dataclass(frozen=True)
class Need:
    """What a run needs beyond what the process holds already, in bytes.

    Attributes
    ----------
    solver : int
        Planes, blocks or stacks being worked on, with their state.
    result, background : int
        Arrays of the whole image.
    remedy : str
        What makes `solver` smaller.
    files : int
        What is kept in temporary files whatever the memory, while a plane or a stack is worked on.
    """

    solver: int
    result: int
    background: int
    remedy: str = ""
    files: int = 0

    def without_arrays(self) -> Need:
        """Return what is needed where the arrays of the whole image are kept by another."""
        return replace(self, result=0, background=0)


@dataclass
class Room:
    """Where the arrays of a run go.

    Parameters
    ----------
    allowed : int
        Bytes that a run may take beyond what the process holds already.
    folder : Path
        For arrays that do not fit: beside the output, or the system's folder for temporary files.
    given : int or None
        The limit that the user gave for the whole process.
    """

    allowed: int
    folder: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    given: int | None = None
    need: Need | None = None
    shelved: tuple[str, ...] = ()

    @classmethod
    def of(cls, max_memory_bytes: int | None = None, folder: Path | None = None, coming: int = 0) -> Room:
        """Return the room that is left: up to a limit for the whole process, else a part of the free memory.

        `coming` bytes will be taken by what is not loaded yet.
        """
        folder = Path(tempfile.gettempdir()) if folder is None else folder
        free = free_bytes()
        if max_memory_bytes is None:
            return cls(int(PART_OF_FREE * free), folder)
        if max_memory_bytes < 1:
            raise InputError(f"max_memory_bytes = {max_memory_bytes}: allowed is a positive number of bytes, or None")
        return cls(min(max_memory_bytes - resident_bytes() - coming, free), folder, max_memory_bytes)

    def settle(self, need: Need) -> None:
        """Decide what is kept in files; raise where even that is too much.

        Raises
        ------
        InputError
            If what is worked on at once does not fit, with what makes it smaller.
        OutputError
            If the disk has no room for what does not fit into memory.
        """
        self.need, self.shelved = need, ()
        if need.solver > self.allowed:
            raise InputError(self._refusal(need))
        left = self.allowed - need.solver
        for name in ("result", "background"):
            size = getattr(need, name)
            if size > left:
                self.shelved += (name,)
            else:
                left -= size
        on_disk = self.on_disk_bytes
        if on_disk > (free := disk_free_bytes(self.folder)):
            raise OutputError(
                f"{say_bytes(on_disk)} do not fit into memory, and {self.folder} has {say_bytes(free)} free for them: "
                "free some space, write to another disk (--out), or give more memory (--max-memory)"
            )

    @property
    def on_disk_bytes(self) -> int:
        """Size of the arrays that are kept in files."""
        return (0 if self.need is None else self.need.files) + self._shelved_bytes

    @property
    def _shelved_bytes(self) -> int:
        return sum(getattr(self.need, name) for name in self.shelved)

    @property
    def in_memory_bytes(self) -> int:
        """What a run takes in memory beyond what the process holds already."""
        if self.need is None:
            return 0
        return self.need.solver + self.need.result + self.need.background - self._shelved_bytes

    def _refusal(self, need: Need) -> str:
        what = f"this needs about {say_bytes(need.solver)} of memory at once"
        if self.given is None:
            return f"{what}, and {say_bytes(self.allowed)} can be used: {need.remedy}, or use a larger machine"
        more = say_bytes(need.solver + self.given - self.allowed)
        left = say_bytes(max(0, self.allowed))
        return (
            f"{what}, and the limit of {say_bytes(self.given)} leaves {left}: {need.remedy}, "
            f"or allow about {more} (--max-memory, max_memory_bytes)"
        )

    def array(self, name: str, shape: tuple[int, ...], *, zero: bool = False) -> Array:
        """Return the array of that name, in memory or in a file as settled."""
        if name in self.shelved:
            return Shelf(shape, self.folder)
        made: Any = np.zeros if zero else np.empty
        whole: Float32Array = made(shape, np.float32)
        return whole

    def spare(self, shape: tuple[int, ...], most_bytes: float) -> Array:
        """Return a zeroed array of a block: in a file where it is larger than `most_bytes`."""
        return (
            Shelf(shape, self.folder)
            if 4 * np.prod(shape, dtype=np.int64) > most_bytes
            else np.zeros(shape, np.float32)
        )
