"""``sparsescope psf make``: a PSF from the parameters of a microscope."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from . import psf_output, say
from .batch import print_documents
from .exits import OK, UsageError
from .files import stem
from .flags import OUTPUT, SAME
from .psf_input import CHANNEL, STACK, Stack, sources

if TYPE_CHECKING:
    from ..image import Image
    from ..optics.microscope import Microscope

OPTICS = Group("Microscope", sort_key=20)
VOXELS = Group("Voxels", sort_key=25)

_ONE = Parameter(group=OPTICS)


@dataclass(frozen=True)
class Optics:
    """Parameters of a microscope; what is not given comes from the image, or is a stated default.

    Parameters
    ----------
    modality : str, optional
        Kind of microscope: widefield, confocal, spinning-disk, two-photon, light-sheet, sted, sim, airyscan or tirf.
        [default: that of the image, else widefield]
    na : float, optional
        Numerical aperture of the objective, 0.02 to 1.7.
    emission_nm : float, optional
        Emission wavelength in nm, 300 to 1200.
    excitation_nm : float, optional
        Excitation wavelength in nm, 300 to 1200; two-photon 650 to 1700.
    refractive_index : float, optional
        Of the immersion medium, 1 to 1.85. [default: by the NA: air, water or oil]
    sample_index : float, optional
        Refractive index around the emitter, 1 to 1.85. [default: that of the immersion]
    depth_um : float, optional
        Distance of the emitter from the coverslip in µm, 0 to 1000; matters where the two indices differ. [default: 0]
    coverslip_um : float, optional
        Thickness of the coverslip in µm. [default: 170, as the objective is made for]
    pinhole_airy : float, optional
        Diameter of the pinhole in Airy units, 0.01 to 50.
    pinhole_spacing_um : float, optional
        Distance of the pinholes of a spinning disk in the specimen, in µm. [default: far apart]
    sheet_fwhm_um : float, optional
        Thickness (FWHM) of a light sheet in µm, 0.1 to 100.
    sheet_na : float, optional
        Numerical aperture of the light sheet, where its thickness is not given.
    sted_fwhm_um : float, optional
        Lateral width (FWHM) of the STED spot in µm, 0.01 to 0.5.
    sted_saturation : float, optional
        Intensity of the doughnut over the saturation intensity, where the width is not given.
    illumination_na : float, optional
        Numerical aperture of the beams of structured illumination. [default: that of detection]
    model : str
        scalar, vectorial, or auto: vectorial at high NA.
    """

    modality: Annotated[str | None, _ONE] = None
    na: Annotated[float | None, _ONE] = None
    emission_nm: Annotated[float | None, _ONE] = None
    excitation_nm: Annotated[float | None, _ONE] = None
    refractive_index: Annotated[float | None, _ONE] = None
    sample_index: Annotated[float | None, _ONE] = None
    depth_um: Annotated[float | None, _ONE] = None
    coverslip_um: Annotated[float | None, _ONE] = None
    pinhole_airy: Annotated[float | None, _ONE] = None
    pinhole_spacing_um: Annotated[float | None, _ONE] = None
    sheet_fwhm_um: Annotated[float | None, _ONE] = None
    sheet_na: Annotated[float | None, _ONE] = None
    sted_fwhm_um: Annotated[float | None, _ONE] = None
    sted_saturation: Annotated[float | None, _ONE] = None
    illumination_na: Annotated[float | None, _ONE] = None
    model: Annotated[Literal["auto", "scalar", "vectorial"], _ONE] = "auto"

    def given(self) -> dict[str, Any]:
        """Return what the flags say by the names of :class:`~sparsescope.optics.microscope.Microscope`."""
        values = dataclasses.asdict(self)
        values["numerical_aperture"] = values.pop("na")
        if values["model"] == "auto":
            values.pop("model")
        return {name: value for name, value in values.items() if value is not None}


NO_OPTICS = Optics()


def make(
    image: Path | None = None,
    /,
    *,
    reading: Annotated[Stack, SAME] = STACK,
    optics: Annotated[Optics, SAME] = NO_OPTICS,
    channel: Annotated[int | None, CHANNEL] = None,
    ndim: Annotated[Literal[2, 3] | None, Parameter(group=VOXELS)] = None,
    shape: Annotated[str | None, Parameter(group=VOXELS, metavar="NUMBERS")] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Compute a PSF from the parameters of a microscope.

    Parameters
    ----------
    image
        Image whose voxel sizes and optics are used. [default: everything by flags]
    channel
        Channel of the image, counted from 0; each has its wavelengths. [default: 0]
    ndim
        2 for the plane in focus, 3 for a stack. [default: 3 where the z step is known]
    shape
        Odd numbers of voxels such as 65,65 or 41,65,65 (Z,Y,X). [default: what holds 99 % of the light]
    out
        File to write (.ome.tif), or folder. [default: <stem>_psf.ome.tif beside the image, or psf.ome.tif in the
        current folder; the picture is the same with .png]
    overwrite
        Replace files that exist.
    json
        Print one JSON document on stdout instead of the table.
    """
    from ..image import Channel
    from ..optics.make import make_psf
    from ..pipeline.psf_file import write_psf
    from ..report.psf_picture import psf_picture

    source, sizes, origins = _voxels(image, reading)
    axes = ndim if ndim is not None else (3 if "z" in sizes else 2)
    scope = _scope(source, channel, optics)
    folder, name = (Path(), "psf.ome.tif") if image is None else (image.parent, f"{stem(image)}{psf_output.PSF}")
    lengths = _shape(shape)
    file, picture = psf_output.targets(out, folder, name, overwrite=overwrite)
    psf = make_psf(scope, sizes, ndim=axes, shape=lengths)
    count = 1 if source is None else source.sizes.get("C", 1)
    if channel is None and count > 1:
        psf = psf.replace(notes=(*psf.notes, f"for channel 0 of {count}: each has its own PSF, --channel chooses"))
    known = {"numerical_aperture": scope.numerical_aperture, "refractive_index": scope.refractive_index}
    told = Channel(emission_nm=scope.emission_nm, excitation_nm=scope.excitation_nm)
    story = {"microscope": {field: value for field, value, _ in _parameters(scope)}}
    write_psf(file, psf, overwrite=overwrite, made_from=story, optics=known, channel=told)
    cutoff = psf_output.cutoff_of(scope.numerical_aperture, scope.emission_nm, "NA and emission")
    psf_picture(psf, picture, cutoff_per_um=None if cutoff is None else cutoff[0], overwrite=overwrite)
    if json:
        account = {"psf": file, "picture": picture, **psf_output.document(psf, cutoff)}
        account["microscope"] = {field: {"value": value, "source": said} for field, value, said in _parameters(scope)}
        print_documents([account], {})
        return OK
    psf_output.header(file.name, psf)
    say.table([*(_row(*one) for one in _parameters(scope)), *psf_output.rows(psf, origins, cutoff)])
    psf_output.finish(psf, (file, picture))
    return OK


def _voxels(path: Path | None, reading: Stack) -> tuple[Image | None, dict[str, float], dict[str, str]]:
    """Return the image, the voxel sizes and where each came from."""
    if path is not None:
        image = reading.read(path)
        return image, dict(image.spacing_um), sources(image)
    sizes: dict[str, float] = {}
    for name, axes in (("pixel_size_um", "yx"), ("z_step_um", "z")):
        value = getattr(reading, name)
        if value is not None and not value > 0:
            raise UsageError(f"--{name.replace('_', '-')} {value:g}: allowed is a number above 0, in µm")
        sizes |= {} if value is None else dict.fromkeys(axes, value)
    return None, sizes, dict.fromkeys(sizes, "flag")


def _scope(image: Image | None, channel: int | None, optics: Optics) -> Microscope:
    from ..optics.metadata import microscope_of
    from ..optics.microscope import Microscope

    given = optics.given()
    if image is not None:
        return microscope_of(image, channel or 0, source="flag", **given)
    if channel is not None:
        raise UsageError(f"--channel {channel} is a channel of an image: name the image, or leave it out")
    return Microscope(**given, source=dict.fromkeys(given, "flag"))


def _shape(text: str | None) -> tuple[int, ...] | None:
    """Return the numbers of a text such as 41,65,65."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise UsageError(f"--shape {text}: allowed are whole numbers such as 65,65 or 41,65,65") from None


def _parameters(scope: Microscope) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and source of every parameter that is known or assumed."""
    assumed = {"refractive_index": scope.index, "sample_index": scope.sample, "coverslip_index": scope.glass}
    for field in dataclasses.fields(scope):
        if field.name in ("source", "notes"):
            continue
        value = getattr(scope, field.name)
        if value is None and field.name in assumed and scope.numerical_aperture is not None:
            value = assumed[field.name]()
        if value is not None:
            yield field.name, value, scope.source_of(field.name)


UNITS = {"nm": "nm", "um": "µm", "airy": "Airy units"}


def _row(name: str, value: Any, source: str) -> tuple[str, str, str]:
    """Return a parameter with its unit as a row."""
    *words, last = name.split("_")
    if last in UNITS:
        return " ".join(words), f"{say.number(value)} {UNITS[last]}", source
    return name.replace("_", " "), say.number(value), source
