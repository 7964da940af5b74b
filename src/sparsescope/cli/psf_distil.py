"""``sparsescope psf distil``: a PSF from an image of beads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from . import psf_output, say
from .batch import print_documents
from .exits import OK
from .files import stem
from .flags import OUTPUT, SAME
from .psf_input import CHANNEL, STACK, Stack, sources

if TYPE_CHECKING:
    from ..optics.measured import Distilled

BEADS = Group("Beads", sort_key=20)


def distil(
    beads: Path,
    /,
    *,
    reading: Annotated[Stack, SAME] = STACK,
    channel: Annotated[int | None, CHANNEL] = None,
    bead_diameter_um: Annotated[float | None, Parameter(group=BEADS)] = None,
    symmetric: Annotated[bool, Parameter(group=BEADS)] = False,
    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Measure a PSF on an image of fluorescent beads.

    Parameters
    ----------
    beads
        Image of small beads far apart: a stack for a PSF in three dimensions, one plane for one in two.
    channel
        Which channel of an image that has several, counted from 0.
    bead_diameter_um
        Diameter of the beads in µm, above 0: their own size is then divided out of the PSF. [default: it stays in]
    symmetric
        Average over turns about the optical axis: less noise; only for a microscope whose PSF is round.
    out
        File to write (.ome.tif), or folder. [default: <stem>_psf.ome.tif beside the input; the picture is the same
        with .png]
    overwrite
        Replace files that exist.
    json
        Print one JSON document on stdout instead of the table.
    """
    from ..io import sha256
    from ..optics.measured import distil as compute
    from ..pipeline.psf_file import write_psf
    from ..report.psf_picture import psf_picture

    image = reading.read(beads)
    file, picture = psf_output.targets(out, beads.parent, f"{stem(beads)}{psf_output.PSF}", overwrite=overwrite)
    made = compute(image, channel=channel, bead_diameter_um=bead_diameter_um, symmetric=symmetric)
    notes = tuple(dict.fromkeys([*image.meta.get("notes", ()), *made.psf.notes]))
    psf = made.psf.replace(source=f"{made.psf.source} in {beads.name}", notes=notes)
    story = {"beads": _account(made), "input": str(beads), "sha256": sha256(beads)}
    number = channel or 0
    write_psf(
        file,
        psf,
        overwrite=overwrite,
        made_from=story,
        optics={key: image.meta.get(key) for key in ("numerical_aperture", "refractive_index", "modality")},
        channel=image.channels[number] if image.channels else None,
    )
    psf_picture(psf, picture, overwrite=overwrite)
    if json:
        account = {"input": beads, "psf": file, "picture": picture, **psf_output.document(psf, None)}
        print_documents([account | {"beads": _account(made)}], {})
        return OK
    psf_output.header(beads.name, psf)
    say.table([*_rows(made), *psf_output.rows(psf, sources(image), None)])
    psf_output.finish(psf, (file, picture))
    return OK


def _rows(made: Distilled) -> Iterator[tuple[str, str, str]]:
    """Yield what became of the beads as rows of name, value and source."""
    yield "beads used", f"{made.used} of {len(made.beads)}", "found"
    if made.used > 1:
        low, high = min(made.correlations), max(made.correlations)
        yield "agreement", f"correlation with their mean {low:.4f} to {high:.4f}", "measured"
    yield "height", f"{made.peak_to_noise:.0f} times the noise", "measured"
    yield "background", f"{made.background:.4g}, subtracted", "measured"
    yield "negative", f"{100 * made.negative:.2g} % of the light, cut", "measured"


def _account(made: Distilled) -> dict[str, Any]:
    """Return what became of each bead as plain values."""
    return {
        "found": len(made.beads),
        "used": made.used,
        "left_out": made.rejected,
        "correlations": list(made.correlations),
        "peak_to_noise": made.peak_to_noise,
        "background": made.background,
        "negative": made.negative,
        "each": [
            {"position_px": list(bead.position_px), "peak": bead.peak, "problem": bead.problem or None}
            for bead in made.beads[:500]
        ],
    }
