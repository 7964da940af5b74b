"""From what stands on the command line to the files to work on and the names of their results."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..io import WRITERS, supported
from ..io.zarr_store import is_store
from .exits import UsageError

OME_TIFF = "ome-tiff"


def result_end(format: str = OME_TIFF) -> str:
    """Return what the name of a result ends in.

    Examples
    --------
    >>> result_end("ome-zarr")
    '_sparse.ome.zarr'
    """
    return f"_sparse{WRITERS[format][-1]}"


def background_end(format: str = OME_TIFF) -> str:
    """Return what the name of a subtracted background ends in."""
    return f"_background{WRITERS[format][-1]}"


REPORT = "_sparse.report.html"
"""What the name of a report ends in."""

OURS = tuple(end(format) for format in WRITERS for end in (result_end, background_end))
"""Ends of the names of all results."""


@dataclass
class Collected:
    """Files to work on, what was left out and why, and what could not be found."""

    files: list[Path] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def stem(path: Path) -> str:
    """Return a file's name without its ending, of a pattern what stands fast in it, of a folder its name.

    Examples
    --------
    >>> stem(Path("data/cell.OME.tif")), stem(Path("cell.lsm")), stem(Path("cell.v2.tif")), stem(Path("cell_t*.tif"))
    ('cell', 'cell', 'cell.v2', 'cell_t')
    """
    if path.is_dir() and path.suffix.lower() != ".zarr":
        return path.name
    name = path.name[: len(path.name) - len(path.suffix)]
    if glob.has_magic(name) and not path.exists():
        name = re.sub(r"\*|\?|\[.*?\]", "", name).strip("_-. ") or "series"
    return name[:-4] if name.lower().endswith(".ome") and len(name) > 4 else name


def is_ours(path: Path) -> bool:
    """Whether a file has the name of a result of ours."""
    return path.name.endswith(OURS)


def is_there(path: Path) -> bool:
    """Whether a file or folder is there, or a file that fits a pattern."""
    return path.exists() or (glob.has_magic(str(path)) and bool(_matches(path)))


def collect(names: Sequence[Path], *, stack: bool = False) -> Collected:
    """Find the files that names, folders and globs stand for, each once, in the order given.

    Folders give the images with a known ending directly inside, sorted by name; the folder of a Zarr store is one
    image. With `stack`, each folder or pattern is one image made of files. Results of ours are left out unless one is
    named alone.
    """
    found = Collected()
    if not names:
        raise UsageError("no file given: name files, folders or patterns, such as cell.tif, data/ or 'data/*.tif'")
    candidates: list[Path] = []
    for name in names:
        paths, problem = _expand(name, stack)
        candidates += paths
        if problem:
            found.failures[str(name)] = problem
    alone = len(names) == 1 and candidates == [names[0]]
    seen: set[str] = set()
    for path in candidates:
        key = os.path.realpath(path)
        if key in seen:
            continue
        seen.add(key)
        (found.left_out if is_ours(path) and not alone else found.files).append(path)
    return found


def _expand(name: Path, stack: bool) -> tuple[list[Path], str | None]:
    """Return the files that one argument stands for, or say why there are none."""
    if is_store(name) or (stack and is_there(name)):
        return [name], None
    if name.is_dir():
        inside = _known(name.iterdir())
        return inside, None if inside else f"the folder holds no file that can be read ({', '.join(supported())})"
    if name.exists() or not glob.has_magic(str(name)):
        return [name], None
    matches = _matches(name)
    return sorted(path for path in matches if _readable(path)), None if matches else "no file matches this pattern"


def _matches(pattern: Path) -> list[Path]:
    return [Path(match) for match in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207 - takes absolute patterns


def _readable(path: Path) -> bool:
    return path.is_file() or is_store(path)


def _known(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.name.lower().endswith(supported()) and _readable(path))


def targets(files: Sequence[Path], out: Path | None, format: str = OME_TIFF) -> dict[Path, Path]:
    """Return the name of the result for each file; two inputs for one result are an error."""
    found: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for path in files:
        target = (path.parent if out is None else out) / f"{stem(path)}{result_end(format)}"
        other = taken.setdefault(target, path)
        if other != path:
            raise UsageError(
                f"{other} and {path} would both become {target}: run them one at a time with different --out folders"
            )
        found[path] = target
    return found


def make_folder(out: Path) -> None:
    """Make the folder for results when it is missing."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be made a folder: {error.strerror or error}") from None
