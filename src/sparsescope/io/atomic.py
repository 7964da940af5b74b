"""Write a file or folder beside its final name and rename it when it is complete: no half-written output, ever."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import OutputError

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}

LEFT_OVER_S = 86_400
"""Age from which a part is one that a killed process has left: while it is written, it changes all the time."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name only when the ``with`` block ends without an error.

    The bytes go to a hidden file ending in ``.part`` in the same folder, are flushed to the disk and then renamed.
    Whatever goes wrong, an existing file keeps its content and the ``.part`` file is removed.

    Parameters
    ----------
    path : path-like
        Final name; its folder must exist. A symbolic link is followed.
    overwrite : bool
        Replace an existing file; without it an existing file is an error, also when it appears while writing.

    Yields
    ------
    binary file
        Open for reading, writing and seeking.

    Raises
    ------
    OutputError
        If the file exists, the folder is missing or not writable, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "report.html") as file:
    ...     _ = file.write(b"complete")
    >>> [entry.name for entry in folder.iterdir()]
    ['report.html']
    """
    target = check_target(path, overwrite=overwrite)
    part = _new_part(target.parent)
    try:
        file: BinaryIO = part.open("x+b")
    except OSError as error:
        raise OutputError(explain(target, error)) from None
    try:
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()
        _give_name(part, target, overwrite)
    except OSError as error:
        raise OutputError(explain(target, error)) from None
    finally:
        with contextlib.suppress(OSError):  # a buffer that could not be written raises again on closing
            file.close()
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)


@contextlib.contextmanager
def replacing_folder(
    path: str | os.PathLike[str], *, overwrite: bool = False, marks: Collection[str] = ()
) -> Iterator[Path]:
    """Make a folder that gets its name only when the ``with`` block ends without an error.

    Parameters
    ----------
    path : path-like
        Final name; the folder that it lies in must exist.
    overwrite : bool
        Replace an existing folder, but only one that is empty or holds one of `marks`. Should the program end between
        the two renames, the old folder is left beside it under a hidden name ending in ``.old``.
    marks : collection of str
        Names of files by which a folder is known to be of the kind that is written.

    Yields
    ------
    Path
        A hidden, empty folder beside the final one.

    Raises
    ------
    OutputError
        As :func:`replacing`.
    """
    target = check_target(path, overwrite=overwrite, marks=marks)
    part = _new_part(target.parent)
    try:
        part.mkdir()
        yield part
        give_folder_name(part, target, overwrite=overwrite, marks=marks)
    except OSError as error:
        raise OutputError(explain(target, error)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def unfinished(target: Path) -> Path:
    """Return the hidden folder beside a target in which a result grows that can be gone on with.

    Examples
    --------
    >>> unfinished(Path("data/cell_sparse.ome.zarr")).name
    '.cell_sparse.ome.zarr.sparsescope'
    """
    return target.with_name(f".{target.name}.sparsescope")


def give_folder_name(part: Path, target: Path, *, overwrite: bool = False, marks: Collection[str] = ()) -> None:
    """Give a complete folder its final name beside it; the second half of :func:`replacing_folder`.

    Parameters
    ----------
    part : Path
        The complete folder; it keeps its name after an error.
    target, overwrite, marks
        As :func:`replacing_folder`.
    """
    old = part.with_name(part.name + ".old")
    try:
        if target.exists():
            check_target(target, overwrite=overwrite, marks=marks)
            shutil.rmtree(old, ignore_errors=True)  # left by a program that ended before it could do so itself
            target.rename(old)
        try:
            part.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    except OSError as error:
        raise OutputError(explain(target, error)) from None
    finally:
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
    _sync_folder(target.parent)


def _new_part(folder: Path) -> Path:
    """Return a hidden name that is free, after what killed processes have left in the folder has been removed."""
    with contextlib.suppress(OSError):
        for old in folder.glob(".sparsescope-*.part"):
            if time.time() - _last_change(old) > LEFT_OVER_S:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    return folder / f".sparsescope-{secrets.token_hex(8)}.part"


def _last_change(path: Path) -> float:
    """Return when a file, or anything in a folder, was changed last."""
    inside = list(path.rglob("*")) if path.is_dir() and not path.is_symlink() else []
    return max([path.lstat().st_mtime, *(one.lstat().st_mtime for one in inside)])


def check_target(
    path: str | os.PathLike[str], *, overwrite: bool = False, marks: Collection[str] | None = None
) -> Path:
    """Return the path to write to, links followed; raise OutputError where writing there cannot succeed.

    With `marks`, a folder is to be written: one that is there may be replaced if it is empty or holds one of these
    files.
    """
    try:
        target = Path(os.path.realpath(path))
        folder, exists = target.is_dir(), target.exists()
        parent = target.parent.is_dir()
    except (OSError, ValueError) as error:  # an unreadable folder, too long a name, a zero byte in it
        reason = error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))
        raise OutputError(explain(Path(path), reason)) from None
    if folder and marks is None:
        raise OutputError(f"{path} is a folder: give the name of a file in it")
    if not parent:
        raise OutputError(f"cannot write {path}: the folder {target.parent} does not exist; create it first")
    if exists and not overwrite:
        raise OutputError(_exists(target))
    if exists and marks is not None and not (folder and _ours(target, marks)):
        raise OutputError(f"{path} is there and is nothing that may be replaced: move it away, or choose another name")
    return target


def _ours(folder: Path, marks: Collection[str]) -> bool:
    """Whether a folder is empty or of the kind that is written."""
    inside = {entry.name for entry in folder.iterdir()}
    return not inside or not inside.isdisjoint(marks)


def explain(target: Path, error: OSError) -> str:
    """Say in plain words why `target` could not be written and what to do."""
    if isinstance(error, FileExistsError):
        return _exists(target)
    if error.errno in _FULL or error.errno is None:  # NumPy reports a short write without a number
        return (
            f"cannot write {target}: the disk is full or a quota is reached; nothing half-written was left behind. "
            "Free some space or write to another folder"
        )
    if error.errno in _DENIED:
        return f"cannot write {target}: no permission to write in {target.parent}; write to another folder"
    if error.errno == errno.ENAMETOOLONG:
        return f"cannot write {target}: the name is too long; choose a shorter one"
    return (
        f"cannot write {target}: {error.strerror or error}; nothing half-written was left behind. "
        "Write to another folder or disk"
    )


def _exists(target: Path) -> str:
    return f"{target} exists already: choose another name, or allow replacing it (--overwrite, overwrite=True)"


def _give_name(part: Path, target: Path, overwrite: bool) -> None:
    """Rename `part` to `target`; without `overwrite` in a way that fails if the target has appeared meanwhile."""
    if overwrite:
        part.replace(target)
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except (
        OSError
    ):  # file systems without hard links (FAT, some network shares): the check and the rename are two steps
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        part.rename(target)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable where the system can (not on Windows); the content is on the disk already."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
