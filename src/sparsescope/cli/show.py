"""How images, numbers with their sources, and results are shown as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import say

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..image import Image
    from ..pipeline import Plan
    from ..pipeline.camera import Camera
    from ..recipe import Recipe
    from .jobs import Done

SIZES = {"pixel_size_um": "pixel size", "z_step_um": "z step", "interval_s": "interval"}
"""Names of the sizes of an image, and what they are called in tables."""

CAMERA = {"gain_e_per_count": "camera gain", "offset_counts": "camera offset", "read_noise_e": "read noise"}
"""Names of a camera's numbers, and what they are called in tables."""


def header(path: Path, image: Image) -> None:
    """Print a file's name, its axes with their lengths, and its type of numbers."""
    axes = " × ".join(f"{axis} {length}" for axis, length in image.sizes.items())
    say.line(f"{say.plain(path.name)}   {axes}   {image.dtype}", style="bold")


def sizes(image: Image) -> dict[str, float | None]:
    """Return pixel size, z step and interval by their names, None where not known; only of axes that are there."""
    known: dict[str, float | None] = {"pixel_size_um": image.pixel_size_um}
    if "Z" in image.axes:
        known["z_step_um"] = image.spacing_um.get("z")
    if "T" in image.axes:
        known["interval_s"] = image.interval_s
    return known


def size_sources(image: Image) -> dict[str, str]:
    """Say where each size came from: a flag, the file, or nowhere."""
    flags = image.meta.get("given", ())
    return {
        name: "flag" if name in flags else ("file" if value is not None else "not known")
        for name, value in sizes(image).items()
    }


def size_rows(image: Image) -> Iterator[tuple[str, str, str]]:
    """Return axes (where given by a flag) and sizes as rows of name, value with unit, and source."""
    sources = size_sources(image)
    if "axes" in image.meta.get("given", ()):
        yield "axes", image.axes, "flag"
    for name, value in sizes(image).items():
        unit = name.rsplit("_", 1)[-1].replace("um", "µm")
        yield SIZES[name], "–" if value is None else f"{say.number(value)} {unit}", sources[name]


def numbers(image: Image, plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Return every number of a run as rows of name, value with unit, and source."""
    yield from size_rows(image)
    yield from camera_rows(plan)
    yield from recipe_rows(plan.recipe, plan.sources, plan.fwhm_px)


def camera_rows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Return what is known of each channel's camera as rows; none where the run does not look at it."""
    several = len(plan.cameras) > 1
    for channel, found in enumerate(plan.cameras):
        of = f" of channel {channel}" if several else ""
        if found is None:
            continue
        if found.gain_e_per_count is None:
            yield f"photon scale{of}", "none", "estimated"
            continue
        values = (found.gain_e_per_count, found.offset_counts, found.read_noise_e)
        units = ("electrons per count", "counts", "electrons")
        for name, value, unit in zip(CAMERA, values, units, strict=True):
            if value is not None:
                yield f"{CAMERA[name]}{of}", f"{value:.3g} {unit}", found.sources[name]


def recipe_rows(recipe: Recipe, sources: Mapping[str, str], fwhm_px: float | None) -> Iterator[tuple[str, str, str]]:
    """Return the values of a recipe as rows; a parameter that is not used has no row."""
    for name, value in recipe.model_dump().items():
        if name == "resolution_um":
            text = f"{say.number(value)} µm = {fwhm_px:.3g} px" if fwhm_px is not None else "not used"
            yield "resolution", text, sources.get(name, "")
        elif value is not None:
            yield name.replace("_", " "), say.number(value), sources.get(name, "")


def notes(texts: Iterator[str] | tuple[str, ...] | list[str]) -> None:
    """Print notes, each once."""
    for text in dict.fromkeys(texts):
        say.paragraph(f"  note: {say.plain(text)}", style="yellow")


def finish(done: Done) -> None:
    """Print what a run gave: engine and time, notes, files."""
    from ..io.container import stored_bytes

    result = done.result
    say.table([("engine", say.plain(result.engine), say.duration(result.seconds))])
    notes([*done.notes])
    for channel, found in done.evidence.items():
        verdict(found, done.image, channel)
    for path in [*done.written, *([done.report] if done.report else [])]:
        say.line(f"  {say.plain(path)}   {say.size(stored_bytes(path))}", style="green")


COLOURS = {"green": "green", "amber": "yellow", "red": "bold red"}


def verdict(found: Evidence, image: Image, channel: int) -> None:
    """Print what the evidence says: the colour, then each finding that is not green."""
    name = f" of channel {channel}" if "C" in image.axes else ""
    doubts = [finding for finding in found.findings if finding.colour != "green"]
    passed = len(found.findings) - len(doubts)
    text = f"  evidence{name}: {found.colour}, {passed} of {len(found.findings)} tests passed"
    say.line(text, style=COLOURS[found.colour])
    for finding in doubts:
        say.paragraph(f"    {finding.colour}: {say.plain(finding.text)}", style=COLOURS[finding.colour])


def as_document(done: Done) -> dict[str, Any]:
    """Return what a run gave as one JSON object."""
    image, result = done.image, done.result
    return {
        "input": done.job.source,
        "output": done.written[0],
        "background": done.written[1] if len(done.written) > 1 else None,
        **image_document(image),
        "recipe": result.recipe.model_dump(),
        "sources": {**size_sources(image), **result.sources},
        "cameras": cameras_document(result.cameras),
        "engine": result.engine,
        "seconds": result.seconds,
        "outcome": str(result.outcome),
        "measures": result.measures,
        "evidence": [{"channel": channel, **found.document()} for channel, found in done.evidence.items()],
        "report": done.report,
        "notes": done.notes,
    }


def image_document(image: Image) -> dict[str, Any]:
    """Return what an image is as part of a JSON object."""
    return {"axes": image.axes, "shape": image.shape, "dtype": str(image.dtype), **sizes(image)}


def cameras_document(cameras: Sequence[Camera | None]) -> list[dict[str, Any] | None]:
    """Return what is known of each channel's camera as part of a JSON object."""
    return [
        None
        if found is None
        else {
            **{name: getattr(found, name) for name in CAMERA},
            "sources": dict(found.sources),
            "no_photon_scale": found.reason or None,
        }
        for found in cameras
    ]
