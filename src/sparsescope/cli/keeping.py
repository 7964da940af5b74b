"""Which runs can be gone on with, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import say
from .jobs import Job

if TYPE_CHECKING:
    from ..image import Image
    from ..pipeline import Plan

LARGE_BYTES: Final = 256_000_000
"""Results from this size on are kept in a folder that outlives the process: about half a minute of work."""


@dataclass
class Kept:
    """How a run is kept.

    Attributes
    ----------
    journal : Journal or None
        None where it is not: it is small, and nobody asked.
    in_place : bool
        Whether the result is written in its final form while it is computed.
    overwrite : bool
        Whether results that exist may be replaced.
    """

    journal: Any
    in_place: bool
    overwrite: bool

    def finished(self) -> None:
        """Say that all is written."""
        if self.journal is not None:
            self.journal.finished()


def unfinished(job: Job) -> bool:
    """Whether there is a run to go on with, and that is wanted."""
    from ..io.atomic import unfinished as folder_of

    return job.writing.resume and folder_of(job.target).exists()


def lasts(job: Job, image: Image, planned: Plan) -> bool:
    """Whether a run is kept so that it can be gone on with: where it is large, shared out, or that is wanted."""
    size = 4 * math.prod(image.shape) * planned.recipe.upsample**2
    return job.cluster is not None or job.writing.resume or size >= LARGE_BYTES


@contextmanager
def kept(job: Job, image: Image, planned: Plan, dtype: str) -> Iterator[Kept]:
    """Keep a run so that it can be gone on with, where it is large or that is wanted."""
    from ..scale.journal import clear

    clear(job.target, resume=job.writing.resume, overwrite=job.writing.overwrite)
    if not lasts(job, image, planned):
        yield Kept(None, in_place=False, overwrite=job.writing.overwrite)
        return
    from ..engines import pick
    from ..scale.facts import facts_of
    from ..scale.journal import Journal

    stream = {"ome-zarr": "0.5", "ome-zarr-0.4": "0.4"}.get(job.writing.format) if dtype == "float32" else None
    facts = facts_of(image, planned, pick("auto", job.threads).name, format=job.writing.format, numbers=dtype)
    target = job.target if job.cluster is None else job.target.absolute()  # workers may be in another folder
    journal = Journal(
        target, facts, axes=image.axes, resume=job.writing.resume, overwrite=job.writing.overwrite, stream=stream
    )
    try:
        with journal:
            if journal.resumed and not job.silent:
                say.aside(f"{say.plain(job.source)}: going on, {len(journal.done())} pieces are done")
            yield Kept(journal, stream is not None, journal.overwrite)
    except BaseException:
        if journal.folder.exists():
            say.aside(f"{say.plain(job.source)}: what is done is kept in {say.plain(journal.folder)}: --resume goes on")
        raise
