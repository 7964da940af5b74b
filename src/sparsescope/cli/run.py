"""``sparsescope run``: files in, results beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from . import cluster, say, show
from .at_once import Share, go_through_at_once
from .batch import go_through, print_documents
from .dry_run import rehearse
from .exits import FAILED, OK, UsageError
from .files import collect, make_folder, targets
from .flags import (
    BLURRING,
    COMPUTING,
    INPUT,
    METHOD,
    OUTPUT,
    READING,
    SAME,
    START,
    WRITING,
    Blurring,
    Computing,
    Method,
    Reading,
    Start,
    Writing,
    recipe_of,
)
from .follow import NOT_LIVE, Live, job_of, run_live
from .jobs import Job
from .work import prepare, work


def run(
    *files: Path,
    reading: Annotated[Reading, SAME] = READING,
    blurring: Annotated[Blurring, SAME] = BLURRING,
    start: Annotated[Start, SAME] = START,
    method: Annotated[Method, SAME] = METHOD,
    writing: Annotated[Writing, SAME] = WRITING,
    stack: Annotated[bool, Parameter(group=INPUT)] = False,
    computing: Annotated[Computing, SAME] = COMPUTING,
    live: Annotated[Live, SAME] = NOT_LIVE,
    dry_run: Annotated[bool, Parameter(group=OUTPUT)] = False,
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
    dry_run
        Show every number, memory, time and the files that would be written; write nothing.
    json
        Print one JSON document on stdout instead of the table.
    quiet
        Show no progress.
    """
    if writing.overwrite and writing.skip_existing:
        raise UsageError("--overwrite and --skip-existing exclude each other: use one of them")
    computing.check()
    live.check()
    settings, origins = recipe_of(method, start)
    base = Job(
        Path(), Path(), settings, origins, reading, writing, blurring=blurring, threads=computing.threads,
        max_memory_bytes=computing.max_memory_bytes, quiet=quiet, silent=json,
    )  # fmt: skip
    cluster.check(computing, writing.format, follow=live.follow)
    if live.follow:
        return FAILED if run_live(job_of(files, base, computing, dry_run=dry_run), live) else OK
    found = collect(files, stack=stack)
    places = targets(found.files, writing.out, writing.format)
    if writing.out is not None and not dry_run:
        make_folder(writing.out)
    skipped = [path for path, place in places.items() if writing.skip_existing and place.exists()]
    for path in found.left_out:
        say.aside(f"{say.plain(path)}: a result of sparsescope, left out (name it alone to use it as an input)")
    for path in skipped:
        say.aside(f"{say.plain(path)}: skipped, {say.plain(places[path])} exists")

    share = Share.of(computing, len(places) - len(skipped), dry_run=dry_run)
    given: dict[str, Any] = {"threads": share.threads, "max_memory_bytes": share.max_memory_bytes}
    todo = {
        path: replace(base, source=path, target=place, **given) for path, place in places.items() if path not in skipped
    }
    with cluster.hired(computing, wanted=bool(todo), dry_run=dry_run, quiet=quiet) as workers:

        def one(path: Path) -> dict[str, Any]:
            return rehearsed(todo[path]) if dry_run else done(replace(todo[path], cluster=workers))

        if share.jobs > 1:
            documents, failed = go_through_at_once(todo.values(), done, found.failures, share.jobs)
        else:
            documents, failed = go_through(todo, one, found.failures)
    if json:
        print_documents(documents, failed, skipped=skipped)
    return FAILED if failed else OK


def done(job: Job) -> dict[str, Any]:
    """Do one job and return what became of it."""
    return show.as_document(work(job))


def rehearsed(job: Job) -> dict[str, Any]:
    """Say what one job would do."""
    image, _, planned = prepare(job, dry=True)
    return rehearse(job, image, planned)
