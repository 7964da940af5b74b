"""``sparsescope sweep``: the same part of an image at many settings, to choose from by eye."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from . import say, show
from .batch import print_documents
from .exits import OK, UsageError
from .files import make_folder, stem
from .flags import METHOD, OUTPUT, READING, SAME, START, Method, Reading, Start, recipe_of
from .progress import shown

if TYPE_CHECKING:
    from ..report.sweep import Sweep


def sweep(
    file: Path,
    /,
    *,
    reading: Annotated[Reading, SAME] = READING,
    start: Annotated[Start, SAME] = START,
    method: Annotated[Method, SAME] = METHOD,
    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
    threads: Annotated[int | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
    quiet: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Show a busy part of an image at many settings of fidelity and sparsity.

    Parameters
    ----------
    file
        The image.
    out
        Folder for the two files, made when it is missing; without it they go beside the input.
    overwrite
        Replace files that exist.
    threads
        Threads to compute with. [default: all cores]
    json
        Print one JSON document on stdout instead of the table.
    quiet
        Show no progress.
    """
    from ..io.atomic import check_target
    from ..report.picture import contact_sheet
    from ..report.sweep import sweep as compute
    from ..report.sweep_page import write_page

    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads}: allowed is a whole number from 1")
    settings, origins = recipe_of(method, start)
    folder = file.parent if out is None else out
    page, picture = (folder / f"{stem(file)}_sweep.{ending}" for ending in ("html", "png"))
    image = reading.read(file)
    make_folder(folder)
    for path in (page, picture):
        check_target(path, overwrite=overwrite)
    with shown(file.name, quiet=quiet) as report:
        sheet = compute(image, settings, origins=origins, threads=threads, on_progress=report)
    write_page(sheet, page, overwrite=overwrite)
    contact_sheet(sheet, picture, overwrite=overwrite)
    notes = tuple(dict.fromkeys([*image.meta.get("notes", ()), *sheet.plan.notes]))
    if json:
        print_documents([_document(file, page, picture, sheet, notes)], {})
        return OK
    show.header(file, image)
    say.table(show.numbers(image, sheet.plan))
    say.paragraph(f"  shown: {sheet.place.describe()}; {sheet.choice_name}: {sheet.chosen.flags}")
    show.notes(notes)
    for path in (page, picture):
        say.line(f"  {say.plain(path)}   {say.size(path.stat().st_size)}", style="green")
    return OK


def _document(file: Path, page: Path, picture: Path, sheet: Sweep, notes: tuple[str, ...]) -> dict[str, Any]:
    """Return what a sweep gave as one JSON object."""
    return {
        "input": file,
        "page": page,
        "picture": picture,
        **show.image_document(sheet.image),
        "recipe": sheet.plan.recipe.model_dump(),
        "sources": {**show.size_sources(sheet.image), **sheet.plan.sources},
        "fidelities": [row[0].fidelity for row in sheet.rows],
        "sparsities": [tile.sparsity for tile in sheet.rows[0]],
        "choice": {"name": sheet.choice_name, "fidelity": sheet.chosen.fidelity, "sparsity": sheet.chosen.sparsity},
        "place": sheet.place.describe(),
        "notes": notes,
    }
