"""``sparsescope info``: what a file holds and what run would do with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import SparsescopeError
from . import say, show
from .batch import go_through, print_documents
from .exits import FAILED, OK
from .files import collect
from .flags import INPUT, METHOD, OUTPUT, READING, SAME, START, Method, Reading, Start, recipe_of

if TYPE_CHECKING:
    from ..image import Image
    from ..pipeline import Plan
    from ..recipe import Recipe
    from ..report.survey import Survey


def info(
    *files: Path,
    reading: Annotated[Reading, SAME] = READING,
    start: Annotated[Start, SAME] = START,
    method: Annotated[Method, SAME] = METHOD,
    stack: Annotated[bool, Parameter(group=INPUT)] = False,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Say what files hold and which numbers run would use.

    Parameters
    ----------
    files
        Images (TIFF, LSM, OME-Zarr, ND2, CZI, LIF, OIB, MRC), folders of them, or patterns such as 'data/*.tif'.
    stack
        Take each folder or pattern as one image: TIFF files of one plane, joined by t, z and c in their names.
    json
        Print one JSON document on stdout instead of the tables.
    """
    from ..report.survey import survey

    settings, origins = recipe_of(method, start)
    found = collect(files, stack=stack)

    def one(path: Path) -> dict[str, Any]:
        image = reading.read(path)
        values = survey(image)
        planned, problem = _planned(image, settings, origins)
        notes = tuple(dict.fromkeys([*image.meta.get("notes", ()), *(planned.notes if planned else ())]))
        if not json:
            show.header(path, image)
            say.table(_facts(image, values))
            say.paragraph("  run would use" if planned else f"  run would not start: {say.plain(problem)}")
            say.table(show.numbers(image, planned) if planned else show.size_rows(image), indent="    ")
            show.notes(notes)
        return {
            "input": path,
            **show.image_document(image),
            "channels": [_channel(channel) for channel in image.channels],
            "metadata": {key: image.meta[key] for key in _METADATA if image.meta.get(key) is not None},
            "values": {name: getattr(values, name) for name in values.__slots__},
            "recipe": planned.recipe.model_dump() if planned else None,
            "sources": {**show.size_sources(image), **(planned.sources if planned else {})},
            "cameras": show.cameras_document(planned.cameras) if planned else [],
            "fwhm_px": planned.fwhm_px if planned else None,
            "problem": problem or None,
            "notes": notes,
        }

    documents, failed = go_through([*found.files, *found.left_out], one, found.failures)
    if json:
        print_documents(documents, failed)
    return FAILED if failed else OK


def _planned(image: Image, recipe: Recipe, origins: dict[str, str]) -> tuple[Plan | None, str]:
    """Return the plan of a run, or None and the reason why it would not start."""
    from ..pipeline import plan

    try:
        return plan(image, recipe, origins=origins), ""
    except SparsescopeError as error:
        return None, str(error)


_METADATA = ("format", "series", "series_count", "modality", "numerical_aperture", "refractive_index", "bits")


def _channel(channel: Any) -> dict[str, Any]:
    return {name: getattr(channel, name) for name in ("name", "color", "emission_nm", "excitation_nm")}


def _facts(image: Image, values: Survey) -> Iterator[tuple[str, str, str]]:
    """Return what the file says and what its pixels are as rows of name, value and source."""
    several = image.meta.get("series_count", 1) > 1
    for key in _METADATA:
        if image.meta.get(key) is not None and (several or not key.startswith("series")):
            yield key.replace("_", " "), say.number(image.meta[key]), "file"
    for number, channel in enumerate(image.channels):
        known = {name: value for name, value in _channel(channel).items() if value is not None}
        text = ", ".join(f"{name.replace('_nm', '')} {say.number(value)}" for name, value in known.items())
        yield f"channel {number}", text or "nothing known", "file"
    if values.minimum is None:
        yield "values", "no finite value", "measured"
    else:
        low, high, mean = (say.number(v) for v in (values.minimum, values.maximum, values.mean))
        yield "values", f"{low} to {high}, mean {mean}", "measured"
    if values.saturated is None:
        yield "saturation", "not known for this type of numbers", ""
    else:
        yield "saturation", f"{100 * values.saturated:.3g} % of pixels at {values.full_scale}", "measured"
    for name, count in (("negative", values.negative), ("not finite", values.not_finite)):
        if count:
            yield name, f"{count} pixels", "measured"
