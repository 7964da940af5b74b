"""``sparsescope run FILE --follow``: live acquisition, frame by frame, into an OME-Zarr that grows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from . import say, show
from .batch import go_through, print_documents
from .exits import UsageError
from .files import OME_TIFF, make_folder, targets
from .flags import Computing, Writing
from .jobs import Job
from .progress import EVERY_S
from .work import check_targets, with_flags

if TYPE_CHECKING:
    from ..io.growing import Growing
    from ..pipeline import Plan
    from ..recipe import Recipe
    from ..scale.follow import Followed, Limits, Step

LIVE = Group("Live acquisition", sort_key=40)


@dataclass(frozen=True)
class Live:
    """How a recording that is still being written is followed.

    Parameters
    ----------
    follow : bool
        Follow one recording while it is written: a TIFF file that grows, a folder that fills up with TIFF files, or an
        OME-Zarr. Frames are deconvolved as they come and written into an OME-Zarr that viewers can open meanwhile.
        Ctrl-C ends it, with all frames done so far.
    idle : float, optional
        Seconds without a new frame after which the recording is taken to be over. [default: 30]
    frames : int, optional
        Frames after which to end.
    first : int, optional
        Frames that parameters, resolution and scale are decided on, before the first result. [default: 5]
    """

    follow: Annotated[bool, Parameter(group=LIVE)] = False
    idle: Annotated[float | None, Parameter(group=LIVE)] = None
    frames: Annotated[int | None, Parameter(group=LIVE)] = None
    first: Annotated[int | None, Parameter(group=LIVE)] = None

    def check(self) -> None:
        """Raise UsageError where these make no sense."""
        for name in ("idle", "frames", "first"):
            value = getattr(self, name)
            if value is not None and not self.follow:
                raise UsageError(f"--{name} belongs to --follow: add that, or leave it out")
            if value is not None and not value > 0:
                raise UsageError(f"--{name} {value}: allowed are numbers above 0")

    def limits(self) -> Limits:
        """Return when a recording is over."""
        from ..scale.follow import FIRST, IDLE_S, Limits

        return Limits(IDLE_S if self.idle is None else self.idle, self.frames, self.first or FIRST)


NOT_LIVE = Live()
"""Nothing is followed."""


def job_of(files: Sequence[Path], job: Job, computing: Computing, *, dry_run: bool) -> Job:
    """Return what is to be done with the one recording that is named; raise UsageError where flags do not fit."""
    if len(files) != 1:
        raise UsageError(f"--follow follows one recording, and {len(files)} are named: run one command for each")
    writing = job.writing
    for flag, wanted in (
        ("--dry-run", dry_run), ("--skip-existing", writing.skip_existing), ("--resume", writing.resume),
        ("--save-background", writing.save_background), ("--jobs", computing.jobs > 1),
    ):  # fmt: skip
        if wanted:
            raise UsageError(f"{flag} and --follow exclude each other: leave one of them out")
    if writing.dtype != "float32":
        raise UsageError(f"--dtype {writing.dtype}: a recording that is followed is written as float32")
    if writing.format != OME_TIFF and not writing.format.startswith("ome-zarr"):
        raise UsageError(f"--format {writing.format} cannot be read while it grows: use ome-zarr or ome-zarr-0.4")
    format: Any = "ome-zarr" if writing.format == OME_TIFF else writing.format
    writing = Writing(out=writing.out, format=format, overwrite=writing.overwrite, evidence="none", no_report=True)
    (target,) = targets(files, writing.out, format).values()
    return replace(job, source=files[0], target=target, writing=writing)


def run_live(job: Job, live: Live) -> bool:
    """Follow a recording; return whether that failed."""
    documents, failed = go_through([job.source], lambda _: followed(job, live), {})
    if job.silent:
        print_documents(documents, failed)
    return bool(failed)


def followed(job: Job, live: Live) -> dict[str, Any]:
    """Follow a recording to its end, show what came of it, and return that as one JSON object."""
    from ..engines import pick
    from ..io.live import follow as open_source
    from ..pipeline import plan
    from ..pipeline.needs import still_to_load
    from ..pipeline.room import Room
    from ..scale.follow import follow, wait

    if job.writing.out is not None:
        make_folder(job.writing.out)
    check_targets(job)
    limits, engine = live.limits(), pick("auto", job.threads)
    with shown(job.source.name, quiet=job.quiet) as tell:
        tell("waiting for the first frames")
        source, there = wait(lambda: open_source(job.source, axes=job.reading.axes, series=job.reading.series), limits)
        image = job.reading.told(source.image(min(there, limits.first, limits.frames or there)))
        tell("deciding on parameters")
        recipe, origins = one_by_one(job, image.axes)
        planned = plan(image, recipe, psf=job.blurring.read(), origins=origins, engine=engine)
    if not job.silent:
        show.header(job.source, image)
        say.table(show.numbers(image, planned))
        say.table([("following", f"into {job.target.name}", _until(source, limits))])
    room = Room.of(job.max_memory_bytes, job.target.parent, still_to_load(engine))
    again = replace(job, reading=replace(job.reading, axes=job.reading.axes or source.nature.unsaid))
    recorded = with_flags(image.replace(meta={}), again).meta["provenance"]
    with shown(job.source.name, quiet=job.quiet) as tell:
        done = follow(
            source, image, planned, job.target, engine=engine, limits=limits, room=room, recorded=recorded,
            version="0.4" if job.writing.format.endswith("0.4") else "0.5", overwrite=job.writing.overwrite,
            on_step=lambda step: tell(_said(step)),
        )  # fmt: skip
    if not job.silent:
        _finish(job, done)
    return document(job, done)


def one_by_one(job: Job, axes: str) -> tuple[Recipe, dict[str, str]]:
    """Return the recipe with frames not tied along t unless that was asked for, and the sources of its values."""
    from ..recipe import Recipe

    recipe, origins = job.recipe, dict(job.origins)
    assert isinstance(recipe, Recipe)
    names = {"continuity", "continuity_t"} if "Z" not in axes else {"continuity_t"}
    if names & recipe.given:
        return recipe, origins
    name = "continuity_t" if "Z" in axes else "continuity"
    return recipe.replace(**{name: 0.0}), {**origins, name: "default"}


def _until(source: Growing, limits: Limits) -> str:
    """Say when it will end."""
    frames = [n for n in (limits.frames, source.nature.declared) if n]
    first = f"until {min(frames)} frames are done, or " if frames else "until "
    return f"{first}nothing new comes for {limits.idle_s:g} s, or Ctrl-C"


def _said(step: Step) -> str:
    latency = "" if step.latency_s is None else f", latency {say.duration(step.latency_s)}"
    waiting = f", {step.waiting} waiting" if step.waiting > 0 else ""
    return f"{step.done} frames done{waiting}{latency}"


@contextmanager
def shown(name: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show how far it is: in one line that changes on a terminal, now and then in a line elsewhere."""
    console = say.console(sys.stderr)
    if quiet or not console.is_terminal:
        last = time.monotonic()

        def line(text: str) -> None:
            nonlocal last
            if not quiet and time.monotonic() - last >= EVERY_S:
                last = time.monotonic()
                say.aside(f"{say.plain(name)}: {text}")

        yield line
        return
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(say.plain(name), total=None)
        yield lambda text: progress.update(task, description=f"{say.plain(name)}: {text}")


def _finish(job: Job, done: Followed) -> None:
    """Print what came of it."""
    from ..io.container import stored_bytes

    frames = done.image.sizes["T"]
    rows = [("engine", say.plain(done.engine), say.duration(done.seconds))]
    rows.append(("frames", str(frames), done.ended))
    if done.median_s is not None and done.most_s is not None:
        text = f"{say.duration(done.median_s)} median, {say.duration(done.most_s)} for 95 %"
        rows.append(("latency", text, _which(done)))
    else:
        rows.append(("latency", "–", "every frame was complete before the first result was on disk"))
    say.table(rows)
    show.notes([*done.image.meta.get("notes", ()), *done.notes])
    say.line(f"  {say.plain(job.target)}   {say.size(stored_bytes(job.target))}", style="green")


def _which(done: Followed) -> str:
    count = len(done.latencies_s)
    return f"complete on disk to result on disk, of {count} frames without the first {done.at_start}"


def document(job: Job, done: Followed) -> dict[str, Any]:
    """Return what came of it as one JSON object."""
    plan: Plan = done.plan
    return {
        "input": job.source,
        "output": job.target,
        **show.image_document(done.image),
        "recipe": plan.recipe.model_dump(),
        "sources": {**show.size_sources(done.image), **plan.sources},
        "cameras": show.cameras_document(plan.cameras),
        "engine": done.engine,
        "seconds": done.seconds,
        "outcome": done.outcome,
        "measures": done.measures,
        "followed": {
            "frames": done.image.sizes["T"],
            "ended": done.ended,
            "latency_median_s": done.median_s,
            "latency_95_percent_s": done.most_s,
            "latency_of_frames": len(done.latencies_s),
            "frames_at_start": done.at_start,
        },
        "notes": [*done.image.meta.get("notes", ()), *done.notes],
    }
