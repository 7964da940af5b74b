"""Where PSFs go, and how their numbers are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import say, show
from .exits import UsageError
from .files import make_folder, stem

if TYPE_CHECKING:
    from ..optics.psf import Psf

PSF = "_psf.ome.tif"
TIFF = (".tif", ".tiff")


def targets(out: Path | None, folder: Path, name: str, *, overwrite: bool) -> tuple[Path, Path]:
    """Return the names of the PSF and of its picture, checked to be writable.

    Parameters
    ----------
    out : Path or None
        A file ending in .tif or .tiff, or a folder, which is made.
    folder : Path
        Where the files go without `out`.
    name : str
        Name of the PSF in a folder.
    overwrite : bool
        Replace files that exist.
    """
    from ..io.atomic import check_target

    if out is not None and out.name.lower().endswith(TIFF) and not out.is_dir():
        file = out
    else:
        if out is not None:
            make_folder(out)
        file = (folder if out is None else out) / name
    picture = file.parent / f"{stem(file)}.png"
    for path in (file, picture):
        check_target(path, overwrite=overwrite)
    return file, picture


def letters(psf: Psf) -> str:
    """Return the axes of a PSF as letters."""
    return "zyx"[-psf.ndim :]


def rows(psf: Psf, sizes: Mapping[str, str], cutoff: tuple[float, str] | None) -> Iterator[tuple[str, str, str]]:
    """Yield voxel sizes, widths and the end of the transfer function as rows of name, value and source."""
    from ..optics.measured_otf import LEVEL, otf_end
    from ..optics.width import fwhm_px

    for axis in letters(psf)[::-1]:
        size = psf.spacing_um.get(axis)
        yield f"voxel size {axis}", "–" if size is None else f"{say.number(size)} µm", sizes.get(axis, "file")
    widths = fwhm_px(psf)
    for axis in letters(psf)[::-1]:
        width, size = widths[axis], psf.spacing_um.get(axis)
        if width is None:
            yield f"FWHM {axis}", "the profile does not fall to half", "measured"
        else:
            um = "" if size is None else f"{width * size:.3g} µm = "
            yield f"FWHM {axis}", f"{um}{width:.3g} px", "measured"
    for axis in letters(psf)[::-1]:
        end, known = otf_end(psf, axis), axis in psf.spacing_um
        unit = "cycles/µm" if known else "cycles/px"
        if end is None:
            text = f"above {100 * LEVEL:g} % at every frequency"
        else:
            text = f"falls to {100 * LEVEL:g} % at {end:.3g} {unit} (period {1 / end:.3g} {'µm' if known else 'px'})"
        yield f"OTF {axis}", text, "measured"
    if cutoff is not None:
        yield "detection", f"2 NA/λ = {cutoff[0]:.3g} cycles/µm (period {1 / cutoff[0]:.3g} µm)", cutoff[1]


def document(psf: Psf, cutoff: tuple[float, str] | None) -> dict[str, Any]:
    """Return the numbers of a PSF as part of a JSON object."""
    from ..optics.measured_otf import otf_end
    from ..optics.width import fwhm_px

    widths = fwhm_px(psf)
    sizes = psf.spacing_um
    return {
        "shape": psf.data.shape,
        "spacing_um": dict(sizes),
        "fwhm_px": widths,
        "fwhm_um": {a: w * sizes[a] for a, w in widths.items() if w is not None and a in sizes},
        "otf_end_cycles_per_um": {a: otf_end(psf, a) for a in letters(psf) if a in sizes},
        "otf_cutoff_cycles_per_um": None if cutoff is None else cutoff[0],
        "source": psf.source,
        "notes": list(psf.notes),
    }


def header(name: str, psf: Psf) -> None:
    """Print what a PSF is called and its lengths."""
    lengths = " × ".join(f"{a.upper()} {n}" for a, n in zip(letters(psf), psf.data.shape, strict=True))
    say.line(f"{say.plain(name)}   {lengths}   {psf.data.dtype}", style="bold")


def finish(psf: Psf, written: tuple[Path, ...]) -> None:
    """Print the source, notes and files."""
    say.paragraph(f"  source: {say.plain(psf.source)}")
    show.notes(psf.notes)
    for path in written:
        say.line(f"  {say.plain(path)}   {say.size(path.stat().st_size)}", style="green")


def cutoff_of(aperture: float | None, emission_nm: float | None, source: str) -> tuple[float, str] | None:
    """Return 2 NA / wavelength in cycles per µm and where it came from; None where one is not known."""
    if aperture is None or emission_nm is None:
        return None
    if not 0 < aperture <= 1.7:
        raise UsageError(f"--na {aperture:g}: allowed is a number above 0, up to 1.7")
    if not 300 <= emission_nm <= 1200:
        raise UsageError(f"--emission-nm {emission_nm:g}: allowed is a number from 300 to 1200, in nanometres")
    return 2000 * aperture / emission_nm, source
