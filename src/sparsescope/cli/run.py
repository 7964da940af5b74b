"""``sparsescope run``: files in, results beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from . import say, show
from .batch import go_through, print_documents
from .exits import FAILED, OK, UsageError
from .files import collect, make_folder, targets
from .flags import (
    BLURRING,
    INPUT,
    METHOD,
    OUTPUT,
    READING,
    SAME,
    START,
    WRITING,
    Blurring,
    Method,
    Reading,
    Start,
    Writing,
    recipe_of,
)
from .jobs import Job
from .work import work


def run(
    *files: Path,
    reading: Annotated[Reading, SAME] = READING,
    blurring: Annotated[Blurring, SAME] = BLURRING,
    start: Annotated[Start, SAME] = START,
    method: Annotated[Method, SAME] = METHOD,
    writing: Annotated[Writing, SAME] = WRITING,
    stack: Annotated[bool, Parameter(group=INPUT)] = False,
    threads: Annotated[int | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
    quiet: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Deconvolve images and write <stem>_sparse.ome.tif (or as --format says) beside each, or into a folder.

    Parameters
    ----------
    files
        Images (TIFF, LSM, OME-Zarr, ND2, CZI, LIF, OIB, MRC), folders of them, or patterns such as 'data/*.tif'.
    stack
        Take each folder or pattern as one image: TIFF files of one plane, joined by t, z and c in their names.
    threads
        Threads to compute with. [default: all cores]
    json
        Print one JSON document on stdout instead of the table.
    quiet
        Show no progress.
    """
    if writing.overwrite and writing.skip_existing:
        raise UsageError("--overwrite and --skip-existing exclude each other: use one of them")
    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads}: allowed is a whole number from 1")
    settings, origins = recipe_of(method, start)
    found = collect(files, stack=stack)
    places = targets(found.files, writing.out, writing.format)
    if writing.out is not None:
        make_folder(writing.out)
    skipped = [path for path, place in places.items() if writing.skip_existing and place.exists()]
    for path in found.left_out:
        say.aside(f"{say.plain(path)}: a result of sparsescope, left out (name it alone to use it as an input)")
    for path in skipped:
        say.aside(f"{say.plain(path)}: skipped, {say.plain(places[path])} exists")

    def one(path: Path) -> dict[str, object]:
        job = Job(
            path,
            places[path],
            settings,
            origins,
            reading,
            writing,
            blurring=blurring,
            threads=threads,
            quiet=quiet,
            silent=json,
        )
        return show.as_document(work(job))

    documents, failed = go_through([path for path in found.files if path not in skipped], one, found.failures)
    if json:
        print_documents(documents, failed, skipped=skipped)
    return FAILED if failed else OK
