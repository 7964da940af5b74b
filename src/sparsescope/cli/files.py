"""From what stands on the command line to the files to work on and the names of their results."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..io import supported
from .exits import UsageError

RESULT = "_sparse.ome.tif"
BACKGROUND = "_background.ome.tif"


@dataclass
class Collected:
    """Files to work on, what was left out and why, and what could not be found."""

    files: list[Path] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def stem(path: Path) -> str:
    """Return a file's name without its ending.

    Examples
    --------
    >>> stem(Path("data/cell.OME.tif")), stem(Path("cell.lsm")), stem(Path("cell.v2.tif"))
    ('cell', 'cell', 'cell.v2')
    """
    name = path.name[: len(path.name) - len(path.suffix)]
    return name[:-4] if name.lower().endswith(".ome") and len(name) > 4 else name


def is_ours(path: Path) -> bool:
    """Whether a file has the name of a result of ours."""
    return path.name.endswith((RESULT, BACKGROUND))


def collect(names: Sequence[Path]) -> Collected:
    """Find the files that names, folders and globs stand for, each once, in the order given.

    Folders give the files with a known ending directly inside, sorted by name. Results of ours are left out unless one
    is named alone.
    """
    found = Collected()
    if not names:
        raise UsageError("no file given: name files, folders or patterns, such as cell.tif, data/ or 'data/*.tif'")
    candidates: list[Path] = []
    for name in names:
        paths, problem = _expand(name)
        candidates += paths
        if problem:
            found.failures[str(name)] = problem
    alone = len(names) == 1 and not names[0].is_dir() and candidates == [names[0]]
    seen: set[str] = set()
    for path in candidates:
        key = os.path.realpath(path)
        if key in seen:
            continue
        seen.add(key)
        (found.left_out if is_ours(path) and not alone else found.files).append(path)
    return found


def _expand(name: Path) -> tuple[list[Path], str | None]:
    """Return the files that one argument stands for, or say why there are none."""
    if name.is_dir():
        inside = _known(name.iterdir())
        return inside, None if inside else f"the folder holds no file that can be read ({', '.join(supported())})"
    if name.exists() or not glob.has_magic(str(name)):
        return [name], None
    matches = [Path(match) for match in glob.glob(str(name), recursive=True)]  # noqa: PTH207 - takes absolute patterns
    return sorted(path for path in matches if path.is_file()), None if matches else "no file matches this pattern"


def _known(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.name.lower().endswith(supported()) and path.is_file())


def targets(files: Sequence[Path], out: Path | None) -> dict[Path, Path]:
    """Return the name of the result for each file; two inputs for one result are an error."""
    found: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for path in files:
        target = (path.parent if out is None else out) / f"{stem(path)}{RESULT}"
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
