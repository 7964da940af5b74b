"""One file from reading to writing: what run, rerun and demo share."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import OutputError
from . import say, show
from .flags import Reading
from .jobs import Done, Job
from .progress import shown

if TYPE_CHECKING:
    from ..image import Image


def work(job: Job) -> Done:
    """Read, deconvolve, write and show one file; raises a SparsescopeError where that cannot be done."""
    from ..io import write
    from ..pipeline import deconvolve, plan

    check_targets(job)
    image = job.reading.read(job.source)
    dtype = _dtype(job.dtype or job.writing.dtype, image, job.writing.format)
    planned = plan(image, job.recipe, origins=job.origins)
    if not job.silent:
        show.header(job.source, image)
        say.table(show.numbers(image, planned))
    with shown(job.source.name, quiet=job.quiet) as report:
        result = deconvolve(image, planned=planned, threads=job.threads, on_progress=report)
    written, notes = [job.target], [*image.meta.get("notes", ()), *result.notes]
    where: dict[str, Any] = {"overwrite": job.writing.overwrite, "format": job.writing.format}
    notes += write(job.target, _with_flags(result.image, job.reading), dtype=dtype, **where)
    if job.writing.save_background and result.background is None:
        notes.append("no background was subtracted, so there is none to save")
    elif job.writing.save_background and result.background is not None:
        write(job.background_target, result.background, **where)
        written.append(job.background_target)
    done = Done(job, image, result, tuple(written), tuple(dict.fromkeys(notes)))
    if not job.silent:
        show.finish(done)
    return done


def _with_flags(image: Image, reading: Reading) -> Image:
    """Return an image whose provenance also says what the user said about the file; rerun needs it."""
    said = {name: value for name, value in asdict(reading).items() if value is not None}
    return image.replace(meta={**image.meta, "provenance": {**image.meta.get("provenance", {}), "reading": said}})


def _dtype(wanted: str, image: Image, format: str) -> str:
    """Return the type of numbers to write; raise OutputError before any work when it cannot be written."""
    from ..io import imagej
    from ..io.encode import DTYPES

    name = str(image.dtype) if wanted == "same" else wanted
    if name not in (imagej.DTYPES if format == "imagej" else DTYPES):
        raise OutputError(f"--dtype {wanted}: {name} cannot be written as {format}; use --dtype float32 or uint16")
    return name


def check_targets(job: Job) -> None:
    """Raise OutputError before any work when the results could not be written."""
    from ..io.atomic import check_target
    from ..io.zarr_store import MARKS

    marks = MARKS if job.writing.format.startswith("ome-zarr") else None
    for path in [job.target, *([job.background_target] if job.writing.save_background else [])]:
        check_target(path, overwrite=job.writing.overwrite, marks=marks)
        if not os.access(path.parent, os.W_OK):
            raise OutputError(f"cannot write {path}: no permission to write in {path.parent}; use --out FOLDER")
