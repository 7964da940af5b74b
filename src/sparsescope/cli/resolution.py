"""``sparsescope resolution``: how fine the detail of an image is, or of what two images share."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from . import say, show
from .batch import print_documents
from .exits import OK
from .flags import OUTPUT, READING, SAME, Reading

if TYPE_CHECKING:
    from ..evidence.resolution import Resolution
    from ..image import Image


def resolution(
    file: Path,
    file2: Path | None = None,
    /,
    *,
    reading: Annotated[Reading, SAME] = READING,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Estimate the resolution of one image, or of what two images of one object share.

    Parameters
    ----------
    file
        The image.
    file2
        Another image of the same object: another exposure, or the other half of the light.
    json
        Print one JSON document on stdout instead of the table.
    """
    from ..evidence.resolution import MEANING, resolution_of_one, resolution_of_two

    image = reading.read(file)
    notes = list(image.meta.get("notes", ()))
    curves: list[Any] = []
    if file2 is None:
        found = resolution_of_one(image)
    else:
        other = reading.read(file2)
        found, curves = resolution_of_two(image, other)
    if image.meta.get("provenance"):
        notes.append(
            "this image was deconvolved: the number says how sharp it looks, not what it resolves; measure the input, "
            "or two results of two exposures"
        )
    methods = dict.fromkeys("FRC" if r.method.startswith("FRC") else r.method for r in found)
    meanings = [f"{method}: {MEANING[method]}" for method in methods]
    if json:
        document = {
            "input": file,
            "second": file2,
            **show.image_document(image),
            "resolution": [{**asdict(r), "value_um": r.value_um} for r in found],
            "curves": [{"cycles_per_px": c.frequency.tolist(), "correlation": c.correlation.tolist()} for c in curves],
            "meaning": meanings,
            "notes": notes,
        }
        print_documents([document], {})
        return OK
    show.header(file, image)
    say.table([_row(r, image) for r in found])
    for text in meanings:
        say.paragraph(f"  {text}.")
    show.notes(notes)
    return OK


def _row(found: Resolution, image: Image) -> tuple[str, str, str]:
    """Return method, value and place as a row."""
    name = f"{found.channel}: {found.method}" if found.channel else found.method
    where = found.plane if found.plane != "the plane" or len(image.axes) > 2 else ""
    if found.value_px is None:
        common = "nothing in common" if found.method.startswith("FRC") else "nothing stands above the noise"
        return name, common, where
    text = f"{found.value_px:.3g} px"
    if found.value_um is not None:
        text = f"{found.value_um:.3g} µm = {text}"
    if found.at_limit:
        text += ", the pixels' limit or better"
    elif found.low_px is not None and found.high_px is not None:
        text += f" ({found.low_px:.3g} to {found.high_px:.3g} px)"
    elif found.low_px is not None:
        text += f" ({found.low_px:.3g} px to none)"
    return name, text, where
