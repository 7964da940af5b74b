"""``sparsescope psf show``: look at a PSF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from . import psf_output, say
from .batch import print_documents
from .exits import OK, UsageError
from .files import make_folder, stem
from .flags import OUTPUT, SAME
from .psf_input import CHANNEL, STACK, Stack, sources

if TYPE_CHECKING:
    from ..image import Image

THEORY = Group("Theory to compare with", sort_key=20)


def show(
    psf: Path,
    /,
    *,
    reading: Annotated[Stack, SAME] = STACK,
    channel: Annotated[int | None, CHANNEL] = None,
    na: Annotated[float | None, Parameter(group=THEORY)] = None,
    emission_nm: Annotated[float | None, Parameter(group=THEORY)] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Draw a PSF and say its numbers: planes, profiles with their FWHM, transfer function.

    Parameters
    ----------
    psf
        File of a PSF, such as psf make or psf distil write, or another program; an image of beads goes to psf distil.
    channel
        Which channel of a file that has several, counted from 0.
    na
        Numerical aperture, above 0, up to 1.7, for the cut-off 2 NA/λ in the picture. [default: of the file]
    emission_nm
        Emission wavelength in nm, 300 to 1200, for the same. [default: of the file]
    out
        PNG to write, or folder. [default: <stem>_show.png beside the PSF]
    overwrite
        Replace a picture that exists.
    json
        Print one JSON document on stdout instead of the table.
    """
    from ..io.atomic import check_target
    from ..pipeline.psf_file import psf_of
    from ..report.psf_picture import psf_picture

    image = reading.read(psf)
    found = psf_of(image, channel)
    picture = _picture(out, psf)
    check_target(picture, overwrite=overwrite)
    cutoff = _cutoff(image, channel or 0, na, emission_nm)
    psf_picture(found, picture, cutoff_per_um=None if cutoff is None else cutoff[0], overwrite=overwrite)
    if json:
        print_documents([{"input": psf, "picture": picture, **psf_output.document(found, cutoff)}], {})
        return OK
    psf_output.header(psf.name, found)
    say.table(psf_output.rows(found, sources(image), cutoff))
    psf_output.finish(found, (picture,))
    return OK


def _picture(out: Path | None, psf: Path) -> Path:
    """Return the name of the picture."""
    if out is not None and out.suffix.lower() == ".png" and not out.is_dir():
        return out
    if out is not None and out.suffix.lower() in (".tif", ".tiff", ".jpg", ".jpeg", ".pdf", ".svg"):
        raise UsageError(f"--out {out}: the picture is a PNG; give a name that ends in .png, or a folder")
    if out is not None:
        make_folder(out)
    return (psf.parent if out is None else out) / f"{stem(psf)}_show.png"


def _cutoff(image: Image, channel: int, na: float | None, emission_nm: float | None) -> tuple[float, str] | None:
    """Return 2 NA / wavelength in cycles per µm with its source, from flags or the file."""
    told = image.channels[channel].emission_nm if image.channels else None
    aperture = image.meta.get("numerical_aperture")
    sources = {"flag" if given is not None else "file" for given in (na, emission_nm)}
    return psf_output.cutoff_of(
        aperture if na is None else na, told if emission_nm is None else emission_nm, " and ".join(sorted(sources))
    )
