"""What a run will take, in one line before it starts; with ``--dry-run`` in full, and nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import keeping, say, show
from .jobs import Job

if TYPE_CHECKING:
    from ..image import Image
    from ..pipeline import Outlook, Plan


def outlook_of(job: Job, image: Image, planned: Plan, *, timed: bool | None = None) -> Outlook:
    """Return memory and time of a job, its large arrays beside its result."""
    from ..pipeline import outlook

    folder = next(path for path in (job.target.absolute().parents) if path.exists())
    return outlook(
        image, planned, threads=job.threads, max_memory_bytes=job.max_memory_bytes, scratch_folder=folder,
        timed=timed, lasting=keeping.lasts(job, image, planned),
    )  # fmt: skip


def line(found: Outlook) -> None:
    """Print memory and time in one line."""
    text = f"{say.size(found.memory_bytes)} of {say.size(_limit(found))}"
    if found.room.on_disk_bytes:
        text += f", {say.size(found.room.on_disk_bytes)} in a file"
    if found.seconds is not None:
        text += f"; about {say.duration(found.seconds)}"
    say.table([("memory", text, "planned")])


def _limit(found: Outlook) -> int:
    return found.room.given or found.resident_bytes + found.free_bytes


def rehearse(job: Job, image: Image, planned: Plan) -> dict[str, Any]:
    """Show what a run would do, and return it as one JSON object; nothing is written."""
    found = outlook_of(job, image, planned, timed=True)
    if not job.silent:
        say.table(_rows(found, _kept(job, image, planned)))
        show.notes(
            [*image.meta.get("notes", ()), *planned.notes, *([found.portion.note] if found.portion.note else [])]
        )
        for path in job.written:
            say.line(f"  would write {say.plain(path)}", style="green")
    room, need = found.room, found.portion.need
    return {
        "input": job.source,
        "would_write": list(job.written),
        **show.image_document(image),
        "recipe": planned.recipe.model_dump(),
        "sources": {**show.size_sources(image), **planned.sources},
        "memory": {
            "limit_bytes": _limit(found),
            "most_bytes": found.memory_bytes,
            "input_bytes": found.input_bytes,
            "at_once_bytes": need.solver,
            "result_bytes": need.result,
            "background_bytes": need.background,
            "in_files": list(room.shelved),
            "in_files_bytes": room.on_disk_bytes,
            "tile": None if found.portion.tile is None else list(found.portion.tile),
        },
        "seconds": found.seconds,
        "notes": [*image.meta.get("notes", ()), *planned.notes],
    }


def _kept(job: Job, image: Image, planned: Plan) -> dict[str, str]:
    """Say where arrays are that outlive the process, by their names."""
    if not keeping.lasts(job, image, planned):
        return {}
    beside = "in a folder beside the result, until all is written; --resume goes on"
    direct = job.writing.format.startswith("ome-zarr") and job.writing.dtype == "float32"
    return {"result": "written as it is computed; --resume goes on" if direct else beside, "background": beside}


def _rows(found: Outlook, kept: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return memory and time as rows of name, value and explanation."""
    need, room = found.portion.need, found.room

    def where(name: str) -> str:
        if name in kept:
            return kept[name]
        return f"in a temporary file in {room.folder}" if name in room.shelved else "in memory"

    rows = [
        ("input", say.size(found.input_bytes), "in memory")
        if found.input_bytes
        else ("input", "read plane by plane", "larger than is read at once"),
        ("worked on at once", say.size(need.solver), "in memory"),
        *_tiles(found),
        ("result", say.size(need.result), where("result")),
    ]
    if need.background:
        rows.append(("background", say.size(need.background), where("background")))
    free = "--max-memory" if room.given else f"{say.size(found.free_bytes)} are free"
    rows.append(("memory in all", f"{say.size(found.memory_bytes)} of {say.size(_limit(found))}", free))
    rows.append(
        ("time", f"about {say.duration(found.seconds or 0)}", "measured on a part, without evidence and writing")
    )
    return rows


def _tiles(found: Outlook) -> list[tuple[str, str, str]]:
    """Return what is to be said of a second stage that does not fit into memory."""
    parts = found.portion
    if parts.tile is None:
        return []
    size = f"{say.size(parts.need.files)} in temporary files"
    overlap = f"overlaps add {100 * (parts.tile_work - 1):.0f} % to the work"
    return [("deconvolved in tiles", f"{parts.tile[0]} × {parts.tile[1]} pixels", f"{overlap}; {size}")]
