"""``sparsescope experiment``: the claims of the method as commands, each with a figure, a table and a page."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..experiments import TABLE, Ask, load
from . import say
from .exits import FAILED, OK, UsageError
from .files import make_folder
from .flags import INPUT, OUTPUT
from .progress import shown

if TYPE_CHECKING:
    from ..findings import Findings

ALL = "all"


def experiment(
    name: str | None = None,
    /,
    *,
    data: Annotated[Path | None, Parameter(group=INPUT)] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None,
    quick: Annotated[bool, Parameter(group=OUTPUT)] = False,
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
    list_: Annotated[bool, Parameter(name="--list", group=OUTPUT)] = False,
    quiet: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Run an experiment.

    Parameters
    ----------
    name
        Which one, see --list; all runs every one.
    data
        Folder with pairs of wide-field and SIM images, for real-pairs and nonzero-ratio; see docs/experiments.md.
    out
        Folder for figure (PNG), table (CSV) and page (HTML), made when it is missing.
    quick
        Smaller and fewer scenes: seconds instead of minutes, numbers less sure.
    overwrite
        Replace files that exist.
    list_
        List the experiments, and end.
    quiet
        Show no progress.
    """
    if list_:
        say.table([(each, entry.about) for each, entry in TABLE.items()], indent="")
        return OK
    if name is None:
        raise UsageError(f"say which: sparsescope experiment NAME --out FOLDER, NAME one of {', '.join(TABLE)}, {ALL}")
    if name != ALL and name not in TABLE:
        raise UsageError(f"no experiment {name!r}; there are {', '.join(TABLE)}, and {ALL}")
    if out is None:
        raise UsageError("--out FOLDER is missing: say where the files go")
    if data is not None and not data.is_dir():
        raise UsageError(f"--data {data} is no folder")
    names = list(TABLE) if name == ALL else [name]
    make_folder(out)
    _check(out, names, overwrite)
    failed = 0
    for each in names:
        failed += not _one(each, out, quick=quick, data=data, overwrite=overwrite, quiet=quiet, alone=name != ALL)
    return FAILED if failed else OK


def _check(out: Path, names: list[str], overwrite: bool) -> None:
    from ..io.atomic import check_target

    for each in names:
        for ending in ("png", "csv", "html"):
            check_target(out / f"{each}.{ending}", overwrite=overwrite)


def _one(name: str, out: Path, *, quick: bool, data: Path | None, overwrite: bool, quiet: bool, alone: bool) -> bool:
    """Run one experiment and write its files; among several, one that lacks its data is said and left out."""
    from ..errors import InputError

    began = time.perf_counter()
    try:
        with shown(name, quiet=quiet) as report:
            found = load(name).run(Ask(quick, data, report or (lambda _: None)))
    except InputError as problem:
        if alone:
            raise
        say.error(f"{name}: {problem}")
        return False
    paths = _write(name, out, found, quick=quick, data=data, overwrite=overwrite)
    say.line(found.title, style="bold")
    for sentence in found.shown:
        say.paragraph(f"  {sentence}")
    for sentence in found.boundary:
        say.paragraph(f"  where it ends: {sentence}", style="dim")
    for path in paths:
        say.line(f"  {say.plain(path)}   {say.size(path.stat().st_size)}", style="green")
    say.line(f"  in {say.duration(time.perf_counter() - began)}")
    return True


def _write(name: str, out: Path, found: Findings, *, quick: bool, data: Path | None, overwrite: bool) -> list[Path]:
    from ..io.atomic import replacing
    from ..report.experiment_page import experiment_page
    from ..report.figures import png

    words = ["sparsescope", "experiment", name, *(["--quick"] if quick else [])]
    words += ["--data", str(data)] if data is not None else []
    picture = png(found.figure)
    page = experiment_page(found, picture, shlex.join([*words, "--out", out.name or "."]), quick=quick)
    files = {out / f"{name}.png": picture, out / f"{name}.html": page.encode()}
    for number, table in enumerate(found.tables):
        files[out / (f"{name}.csv" if number == 0 else f"{name}_{number + 1}.csv")] = table.csv().encode()
    for path, content in files.items():
        with replacing(path, overwrite=overwrite) as file:
            file.write(content)
    return list(files)
