"""One file from reading to writing: what run, rerun and demo share."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..errors import OutputError
from ..io import sha256
from . import cluster, dry_run, keeping, say, show
from .evidence import evidence_of
from .jobs import Done, Job
from .progress import shown

if TYPE_CHECKING:
    from pathlib import Path

    from ..evidence import Evidence
    from ..image import Image
    from ..pipeline import Plan, Result


def prepare(job: Job, *, dry: bool = False) -> tuple[Image, str, Plan]:
    """Read and plan one file, and show every number; what cannot be written is told before.

    In a dry run the folder for the results may be missing still.
    """
    from ..pipeline import plan

    if not dry or job.target.parent.exists():
        check_targets(job)
    image = job.reading.read(job.source) if job.cluster is None else cluster.read(job)
    dtype = _dtype(job.dtype or job.writing.dtype, image, job.writing.format)
    planned = plan(image, job.recipe, psf=job.blurring.read(), origins=job.origins)
    if not job.silent:
        show.header(job.source, image)
        say.table(show.numbers(image, planned))
    return image, dtype, planned


def work(job: Job) -> Done:
    """Read, deconvolve, write and show one file; raises a SparsescopeError where that cannot be done."""
    from ..io import write
    from ..scale.facts import check_same, fingerprint

    image, dtype, planned = prepare(job)
    if not job.silent:
        _outlook(job, image, planned)
    before = fingerprint(job.source)
    with keeping.kept(job, image, planned, dtype) as kept:
        with shown(job.source.name, quiet=job.quiet) as report:
            result = _deconvolved(job, image, planned, kept.journal, report)
        check_same(job.source, before)
        written, notes = [job.target], [*image.meta.get("notes", ()), *result.notes]
        where: dict[str, Any] = {"overwrite": kept.overwrite, "format": job.writing.format}
        described = with_flags(result.image, job)
        if kept.in_place:
            result = replace(result, image=kept.journal.finish(described))
        else:
            notes += write(job.target, described, dtype=dtype, **where)
        if job.writing.save_background and result.background is None:
            notes.append("no background was subtracted, so there is none to save")
        elif job.writing.save_background and result.background is not None:
            write(job.background_target, result.background, **where)
            written.append(job.background_target)
        found, page = _evidence(job, image, result, overwrite=kept.overwrite)
        kept.finished()
    done = Done(job, image, result, tuple(written), tuple(dict.fromkeys(notes)), found, page)
    if not job.silent:
        show.finish(done)
    return done


def _outlook(job: Job, image: Image, planned: Plan) -> None:
    """Say what the run will take."""
    if job.cluster is not None:
        cluster.line(job, image, planned)
    else:
        dry_run.line(dry_run.outlook_of(job, image, planned))


def _deconvolved(job: Job, image: Image, planned: Plan, journal: Any, report: Any) -> Result:
    """Deconvolve in this process, or by the workers of a cluster."""
    if job.cluster is not None:
        return cluster.deconvolve(job, image, planned, journal, report)
    from ..pipeline import deconvolve

    return deconvolve(
        image, planned=planned, threads=job.threads, max_memory_bytes=job.max_memory_bytes,
        scratch_folder=job.target.parent, on_progress=report, keeper=journal, levels=job.levels,
    )  # fmt: skip


def _evidence(job: Job, image: Image, result: Result, *, overwrite: bool) -> tuple[dict[int, Evidence], Path | None]:
    """Gather the evidence that is wanted, and write the page."""
    found = evidence_of(image, result, job.writing.evidence, name=job.source.name, threads=job.threads, quiet=job.quiet)
    if job.writing.no_report:
        return found, None
    from ..report.report_page import write_report

    write_report(job.report_target, image, result, found, output=job.target, overwrite=overwrite)
    return found, job.report_target


def with_flags(image: Image, job: Job) -> Image:
    """Return an image whose provenance also says what the user said about the file; rerun needs it."""
    said = {name: value for name, value in asdict(job.reading).items() if value is not None}
    told: dict[str, Any] = {**image.meta.get("provenance", {}), "reading": said}
    if job.blurring.psf:
        told["psf_files"] = [{"path": str(path.resolve()), "sha256": sha256(path)} for path in job.blurring.psf]
    return image.replace(meta={**image.meta, "provenance": told})


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
    overwrite = job.writing.overwrite or keeping.unfinished(job)
    for path in job.written:
        check_target(path, overwrite=overwrite, marks=None if path == job.report_target else marks)
        if not os.access(path.parent, os.W_OK):
            raise OutputError(f"cannot write {path}: no permission to write in {path.parent}; use --out FOLDER")
