"""The width of the PSF from what a file says: numerical aperture, wavelengths and kind of microscope."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from ..image import Image
from . import kinds
from .gaussian import fwhm_from_optics_um
from .metadata import possible_aperture, possible_wavelengths
from .microscope import INFRARED_NM, STOKES

CONFOCAL: Final = 0.45
"""FWHM of a confocal spot in excitation wavelengths over NA for a pinhole of 0.7 Airy units: the product of the
excitation's Airy pattern and the detection's, blurred by the pinhole. It is 0.38 for a closed pinhole, 0.41 at half an
Airy unit, 0.505 at one and 0.515 for an open one (computed); files rarely say which, and too narrow does less harm."""
Width = tuple[float, str, str]
"""Width in µm, its formula in words, and the wavelength it was computed from."""
Formula = Callable[[float, float | None, float | None], Width | None]
"""Width from NA, emission and excitation in nm; None where these do not suffice."""


def fwhm_from_metadata_um(image: Image, channel: int | None = None) -> tuple[float | None, tuple[str, ...]]:
    """Return the width of the PSF that the optics named in a file give.

    Parameters
    ----------
    image : Image
        Its ``meta`` (``numerical_aperture``, ``refractive_index``, ``modality``) and the wavelengths of its channels
        are looked at, its pixels are not.
    channel : int, optional
        Number of the channel; where the file's kinds of microscope cannot be told apart, or it is left out, the
        sharpest of all: too narrow does less harm than too wide.

    Returns
    -------
    fwhm_um : float or None
        Full width at half maximum in focus, in µm. None where the file does not say enough, or where its kind of
        microscope has a resolution that NA and wavelength do not set (STED, localisation, Airyscan, near field).
    sentences : tuple of str
        The formula with its numbers, and what was ignored as impossible.

    Notes
    -----
    Wide field, TIRF and light-sheet: 0.51 emission / NA, the width of the Airy pattern. Confocal, spinning disc and
    slit: 0.45 excitation / NA (see ``CONFOCAL``). Several photons: 2 sqrt(ln 2) w with w = 0.320 / sqrt(2) excitation
    / NA up to an NA of 0.7 and 0.325 / sqrt(2) excitation / NA**0.91 above (Zipfel, Williams & Webb, Nat. Biotechnol.
    21, 1369, 2003). Structured illumination: half of wide field (Gustafsson, J. Microsc. 198, 82, 2000).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsescope.image import Channel, Image
    >>> fields = {"channels": [Channel(emission_nm=525.0)], "meta": {"numerical_aperture": 1.4}}
    >>> fwhm_um, sentences = fwhm_from_metadata_um(Image(np.zeros((9, 9)), "YX", **fields))
    >>> round(fwhm_um, 3), sentences
    (0.191, ('resolution taken as 0.51 λ/NA = 0.191 µm (λ 525 nm, NA 1.4 from the file)',))
    """
    notes: list[str] = []
    aperture = possible_aperture(image, notes)
    mode = str(image.meta.get("modality") or "")
    named = [kinds.kind_of(part) for part in mode.split(" / ")]
    infrared = kinds.TWO_PHOTON if kinds.TWO_PHOTON in named else named[0]
    channels = image.channels if channel is None else image.channels[channel : channel + 1]
    waves = [possible_wavelengths(one, infrared, notes) for one in channels]
    formulas = [_FORMULAS.get(kind, _wide_field) for kind in named]
    if None in formulas:
        return None, (*notes, f"NA and wavelength do not tell the resolution of the file's modality, {mode}")
    if aperture is None:
        return None, tuple(notes)
    index = image.meta.get("refractive_index")
    if isinstance(index, int | float) and 1 <= index < aperture:
        notes.append(f"NA {aperture:g} and the refractive index {index:g} in the file contradict each other")
    widths = [formula(aperture, *pair) for formula in formulas if formula is not None for pair in waves]
    found = sorted(width for width in widths if width is not None)
    if not found:
        return None, tuple(notes)
    size, how, wave = found[0]
    text = f"resolution taken as {how} = {size:.3g} µm ({wave}, NA {aperture:g} from the file)"
    if size < found[-1][0]:
        text += f"; the channel of shortest wavelength sets the one PSF that serves all {len(waves)}"
    return size, (text, *notes)


def _wide_field(aperture: float, emission: float | None, excitation: float | None) -> Width | None:  # noqa: ARG001
    if emission is None:
        return None
    return fwhm_from_optics_um(aperture, emission), "0.51 λ/NA", f"λ {emission:g} nm"


def _confocal(aperture: float, emission: float | None, excitation: float | None) -> Width | None:
    how = f"{CONFOCAL:g} λ/NA of a confocal microscope"
    if excitation is not None:
        return CONFOCAL * excitation / 1000 / aperture, how, f"excitation {excitation:g} nm"
    if emission is None:
        return None
    guessed = STOKES * emission
    return CONFOCAL * guessed / 1000 / aperture, how, f"excitation taken as {guessed:.0f} nm, emission {emission:g} nm"


def _several_photons(aperture: float, emission: float | None, excitation: float | None) -> Width | None:  # noqa: ARG001
    if excitation is None or excitation < INFRARED_NM[0]:
        return None
    waist = 0.320 / aperture if aperture <= 0.7 else 0.325 / aperture**0.91
    size = 2 * math.sqrt(math.log(2) / 2) * waist * excitation / 1000
    return size, "the waist of two-photon excitation", f"excitation {excitation:g} nm"


def _structured(aperture: float, emission: float | None, excitation: float | None) -> Width | None:
    wide = _wide_field(aperture, emission, excitation)
    return None if wide is None else (wide[0] / 2, "half of 0.51 λ/NA for structured illumination", wide[2])


_FORMULAS: Final[dict[str, Formula | None]] = {
    kinds.SIM: _structured,
    kinds.CONFOCAL: _confocal,
    kinds.SPINNING_DISK: _confocal,
    kinds.TWO_PHOTON: _several_photons,
    kinds.STED: None,
    kinds.AIRYSCAN: None,
    kinds.UNKNOWN: None,
}
"""Formula by kind of microscope; wide field where there is none, None where NA and wavelength do not tell."""
