"""A sweep as one self-contained HTML file: tiles that can be compared with the input, a click copies the flags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._version import __version__
from ..io.atomic import replacing
from .busy import RULE
from .page import png_uri, render
from .picture import CONTRAST_RULE, contrast, round_length
from .png import grey_png
from .sweep import CHOSEN, Sweep, Tile, exact


def write_page(sheet: Sweep, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a sweep as one HTML file of at most 4 MB that asks the network for nothing.

    Parameters
    ----------
    sheet : Sweep
        What :func:`sparsescope.report.sweep.sweep` gives.
    path : path-like
        The file to write.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    with replacing(path, overwrite=overwrite) as file:
        file.write(page(sheet).encode())


def page(sheet: Sweep) -> str:
    """Return the whole page."""
    size = sheet.image.pixel_size_um
    width = sheet.raw.shape[1]
    bar = round_length(width * (size or 1.0) / 4)
    return render(
        "sweep.html.jinja",
        version=__version__,
        name=Path(str(sheet.image.meta.get("path") or "image")).name,
        raw=_picture(sheet.raw),
        rows=[[_tile(tile, sheet) for tile in row] for row in sheet.rows],
        sparsities=[exact(tile.sparsity) for tile in sheet.rows[0]],
        chosen=_tile(sheet.chosen, sheet),
        bar_percent=f"{100 * bar / (width * (size or 1.0)):.3f}",
        bar_text=f"{bar:g} {'µm' if size else 'px'}",
        place=sheet.place.describe(),
        planes=sheet.planes,
        rule=RULE,
        contrast_rule=CONTRAST_RULE,
        numbers=list(_numbers(sheet)),
        held=" ".join(_held(sheet)),
        notes=list(dict.fromkeys([*sheet.image.meta.get("notes", ()), *sheet.plan.notes])),
    )


def _tile(tile: Tile, sheet: Sweep) -> dict[str, Any]:
    return {
        "fidelity": exact(tile.fidelity),
        "sparsity": exact(tile.sparsity),
        "flags": tile.flags,
        "name": sheet.choice_name if tile.chosen else "",
        **_picture(tile.values),
    }


def _picture(values: npt.NDArray[np.float32]) -> dict[str, str]:
    """Return an image for the page, and what its black and white are in counts."""
    low, high = contrast(values)
    grey = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
    picture = png_uri(grey_png(np.rint(255 * grey).astype(np.uint8)))
    return {"uri": picture, "black": f"{low:.4g}", "white": f"{high:.4g}"}


def _held(sheet: Sweep) -> Iterator[str]:
    """Yield a flag for each other number that was chosen from the image."""
    plan = sheet.plan
    for name, source in plan.sources.items():
        value = getattr(plan.recipe, name)
        if source in CHOSEN and name not in ("fidelity", "sparsity") and value is not None:
            text = exact(float(f"{value:.4g}")) if isinstance(value, float) else str(value)
            yield f"--{name.replace('_', '-')} {text}"


def _numbers(sheet: Sweep) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and source of every number that is the same in all tiles."""
    plan = sheet.plan
    if sheet.image.pixel_size_um:
        yield "pixel size", f"{sheet.image.pixel_size_um:.5g} µm", ""
    for name, value in plan.recipe.model_dump().items():
        if value is None or name in ("fidelity", "sparsity"):
            continue
        if name == "resolution_um":
            if plan.fwhm_px is not None:
                yield "resolution", f"{value:.5g} µm = {plan.fwhm_px:.3g} px", plan.sources[name]
            continue
        text = f"{value:.5g}" if isinstance(value, float) else str(value)
        yield name.replace("_", " "), text, plan.sources[name]
