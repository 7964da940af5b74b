"""The microscope that a file describes: its values where they are possible, what was given where they are not."""

from __future__ import annotations

from typing import Any, Final

from ..errors import RecipeError
from ..image import Channel, Image
from . import kinds
from .microscope import (
    INFRARED_NM,
    LARGEST_APERTURE,
    LARGEST_DETECTOR_AIRY,
    RANGES,
    WAVELENGTHS_NM,
    Microscope,
    immersion_for,
)

FILE: Final = "file"


def microscope_of(image: Image, channel: int = 0, *, source: str = "given", **given: Any) -> Microscope:
    """Return the microscope that took a channel of an image.

    Parameters
    ----------
    image : Image
        Its ``meta`` (``numerical_aperture``, ``refractive_index``, ``modality``, ``pinhole_airy``) and the wavelengths
        of its channels are looked at, its pixels are not.
    channel : int
        Number of the channel, from 0; each has its own wavelengths.
    source : str
        Where `given` comes from, such as ``"flag"`` or ``"recipe"``.
    **given
        Parameters of :class:`Microscope` that win over the file; None stands for not given.

    Returns
    -------
    Microscope
        Its ``source`` says where each value came from, its ``notes`` which values of the file were ignored.

    Raises
    ------
    RecipeError
        If there is no such channel, a given value is out of its range, or the file's kind of microscope has no model.

    Examples
    --------
    >>> import numpy as np
    >>> channels = [Channel(emission_nm=525.0), Channel(emission_nm=610.0)]
    >>> meta = {"numerical_aperture": 1.4, "modality": "SpinningDiskConfocal"}
    >>> image = Image(np.zeros((2, 9, 9)), "CYX", channels=channels, meta=meta)
    >>> scope = microscope_of(image, 1, source="flag", sample_index=1.33)
    >>> scope.modality, scope.emission_nm, scope.source_of("emission_nm"), scope.source_of("sample_index")
    ('spinning-disk', 610.0, 'file', 'flag')
    """
    count = image.sizes.get("C", 1)
    if not 0 <= channel < count:
        raise RecipeError(f"channel {channel} is not in an image of {count}: allowed are 0 to {count - 1}")
    told = {name: value for name, value in given.items() if value is not None}
    notes: list[str] = []
    found: dict[str, Any] = {}
    if "modality" not in told:
        found.update(_modality(image, channel, notes))
    kind = kinds.kind_of(str({**found, **told}.get("modality", kinds.WIDEFIELD)))
    if image.channels:
        pair = possible_wavelengths(image.channels[channel], kind, notes)
        found.update(zip(("emission_nm", "excitation_nm"), pair, strict=True))
    if "numerical_aperture" not in told:
        found["numerical_aperture"] = possible_aperture(image, notes)
    for name in ("refractive_index", "pinhole_airy"):
        if name not in told:
            found[name] = _possible(name, _of_channel(image.meta.get(name), channel), notes)
    if kind == kinds.AIRYSCAN and (found.get("pinhole_airy") or 0) > LARGEST_DETECTOR_AIRY:
        notes.append(f"pinhole_airy {found.pop('pinhole_airy'):g} in the file is none of an Airyscan and ignored")
    _without_contradiction(found, told, notes)
    _pinhole_note(image, channel, kind, {**found, **told}, notes)
    known = {name: value for name, value in found.items() if value is not None and name not in told}
    sources = dict.fromkeys(known, FILE) | dict.fromkeys(told, source)
    return Microscope(**known, **told, source=sources, notes=tuple(notes))


def possible_aperture(image: Image, notes: list[str]) -> float | None:
    """Return the NA that the file names, None with a note where it is impossible."""
    aperture = image.meta.get("numerical_aperture")
    if aperture is None:
        return None
    if isinstance(aperture, int | float) and 0 < aperture <= LARGEST_APERTURE:
        return float(aperture)
    notes.append(f"NA {aperture} in the file is impossible (allowed: above 0, up to {LARGEST_APERTURE}) and ignored")
    return None


def possible_wavelengths(channel: Channel, kind: str, notes: list[str]) -> tuple[float | None, float | None]:
    """Return emission and excitation of a channel, an impossible one as None with a note."""
    longest = INFRARED_NM[1] if kind == kinds.TWO_PHOTON else WAVELENGTHS_NM[1]
    pair = []
    for name, value, most in (
        ("emission", channel.emission_nm, WAVELENGTHS_NM[1]),
        ("excitation", channel.excitation_nm, longest),
    ):
        possible = value is not None and WAVELENGTHS_NM[0] <= value <= most
        if value is not None and not possible:
            notes.append(
                f"{name} wavelength {value:g} nm in the file is impossible (allowed: {WAVELENGTHS_NM[0]:g} to "
                f"{most:g}) and ignored"
            )
        pair.append(value if possible else None)
    return pair[0], pair[1]


def _of_channel(value: Any, channel: int) -> Any:
    """Return the entry of a channel where a file has one for each, else the one value."""
    if isinstance(value, list | tuple):
        return value[channel] if channel < len(value) else None
    return value


def _modality(image: Image, channel: int, notes: list[str]) -> dict[str, str]:
    """Return the kind of microscope; a name that says nothing about the optics is taken for wide field and noted."""
    name = _of_channel(image.meta.get("channel_modalities"), channel) or image.meta.get("modality")
    if not name:
        notes.append("the file does not name the kind of microscope: wide field is assumed (--modality)")
        return {}
    names = str(name).split(" / ")
    known = [kinds.kind_of(one) for one in names if kinds.has_model(one)]
    if len(set(known)) > 1:
        raise RecipeError(
            f"the file names several kinds of microscope, {name}, and not which took channel {channel}: give "
            f"--modality ({', '.join(kinds.MODALITIES)})"
        )
    if known:
        return {"modality": known[0]}
    if any(kinds.kind_of(one) == kinds.UNKNOWN for one in names):
        raise RecipeError(
            f"the file's modality, {name}, has no PSF model: give --modality ({', '.join(kinds.MODALITIES)}) or a "
            "measured PSF"
        )
    notes.append(f"the file's modality, {name}, says nothing about the optics: wide field is assumed (--modality)")
    return {}


def _possible(name: str, value: Any, notes: list[str]) -> float | None:
    if value is None:
        return None
    least, most, _ = RANGES[name]
    if isinstance(value, int | float) and least <= value <= most:
        return float(value)
    notes.append(f"{name} {value} in the file is impossible (allowed: {least:g} to {most:g}) and ignored")
    return None


def _without_contradiction(found: dict[str, Any], told: dict[str, Any], notes: list[str]) -> None:
    """Drop the file's refractive index where no lens of this NA could work in it."""
    aperture = told.get("numerical_aperture", found.get("numerical_aperture"))
    index = found.get("refractive_index")
    if isinstance(aperture, int | float) and index is not None and aperture >= index:
        found["refractive_index"] = None
        notes.append(
            f"NA {aperture:g} and the refractive index {index:g} in the file contradict each other: "
            f"{immersion_for(aperture):g} is assumed (--refractive-index)"
        )


def _pinhole_note(image: Image, channel: int, kind: str, known: dict[str, Any], notes: list[str]) -> None:
    size = _of_channel(image.meta.get("pinhole_um"), channel)
    if size is not None and known.get("pinhole_airy") is None and kind in (kinds.CONFOCAL, kinds.STED):
        notes.append(
            f"the file says that the pinhole is {size:g} µm wide, but not how much the microscope magnifies up to it"
        )
