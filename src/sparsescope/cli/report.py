"""``sparsescope report``: the evidence page of a result, made again from the result and its input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from . import say, show
from .evidence import evidence_of
from .files import REPORT, make_folder, stem
from .flags import INPUT, OUTPUT, Reading
from .progress import shown
from .rerun import blurring_again, find_input, largest_difference, levels_again, provenance, recipe_again


def report(
    result: Path,
    /,
    *,
    evidence: Annotated[Literal["quick", "full", "none"], Parameter(group=OUTPUT)] = "full",
    source: Annotated[Path | None, Parameter(name="--input", group=INPUT)] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
    quiet: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Write the report of a result again: what was done, what to believe, and the pictures to judge by.

    The run is repeated with the recipe inside the result, then the evidence is gathered. Writes
    <stem>_sparse.report.html beside the result, or into --out.

    Parameters
    ----------
    result
        A file that sparsescope wrote.
    evidence
        How much: quick takes a few reconstructions of one window, full about twenty (kept for the next time).
    source
        The input file. [default: the recorded one, where it was or beside the result]
    out
        Folder for the page, made when it is missing.
    overwrite
        Replace the page if it exists.
    quiet
        Show no progress.
    """
    from ..io import read, read_provenance
    from ..io.atomic import check_target
    from ..pipeline import deconvolve
    from ..report.report_page import write_report

    recorded = provenance(result, read_provenance(result))
    if out is not None:
        make_folder(out)
    target = (result.parent if out is None else out) / f"{stem(result).removesuffix('_sparse')}{REPORT}"
    check_target(target, overwrite=overwrite)
    file, notes = find_input(result, recorded, source)
    image = Reading(**recorded.get("reading", {})).read(file)
    recipe, origins = recipe_again(recorded)
    with shown(file.name, quiet=quiet) as progress:
        psf = blurring_again(recorded, notes).read()
        again = deconvolve(
            image, recipe, psf=psf, scale=recorded.get("scale"), levels=levels_again(recorded), origins=origins,
            on_progress=progress,
        )  # fmt: skip
    difference = largest_difference(read(result), again.image)
    if difference:
        notes.append(f"the run gives other pixels now, by up to {say.number(difference)}: the page shows the new ones")
    found = evidence_of(image, again, evidence, name=file.name, quiet=quiet)
    write_report(target, image, again, found, output=result, overwrite=overwrite)
    for note in notes:
        say.aside(note)
    for channel, one in found.items():
        show.verdict(one, image, channel)
    say.line(f"  {say.plain(target)}   {say.size(target.stat().st_size)}", style="green")
    return 0
