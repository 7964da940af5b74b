"""The kinds of microscope there are, by the many names that files and people give them."""

from __future__ import annotations

from typing import Final

WIDEFIELD: Final = "widefield"
CONFOCAL: Final = "confocal"
SPINNING_DISK: Final = "spinning-disk"
TWO_PHOTON: Final = "two-photon"
LIGHT_SHEET: Final = "light-sheet"
STED: Final = "sted"
SIM: Final = "sim"
AIRYSCAN: Final = "airyscan"
TIRF: Final = "tirf"

MODALITIES: Final = (WIDEFIELD, CONFOCAL, SPINNING_DISK, TWO_PHOTON, LIGHT_SHEET, STED, SIM, AIRYSCAN, TIRF)
"""Kinds that have a model of their PSF, the values of ``--modality``."""

UNKNOWN: Final = "unknown"
"""A kind whose resolution NA and wavelength do not set: localisation, near field, spectroscopy."""

_PARTS: Final[dict[str, str]] = {
    "structured": SIM,
    "sim": SIM,
    "lightsheet": LIGHT_SHEET,
    "spim": LIGHT_SHEET,
    "selectiveplane": LIGHT_SHEET,
    "totalinternal": TIRF,
    "tirf": TIRF,
    "spinningdis": SPINNING_DISK,
    "airyscan": AIRYSCAN,
    "pixelreassign": AIRYSCAN,
    "imagescanning": AIRYSCAN,
    "sted": STED,
    "stimulatedemission": STED,
    "multiphoton": TWO_PHOTON,
    "twophoton": TWO_PHOTON,
    "2photon": TWO_PHOTON,
    "secondharmonic": TWO_PHOTON,
    "confocal": CONFOCAL,
    "lcm": CONFOCAL,
    "palm": UNKNOWN,
    "storm": UNKNOWN,
    "singlemolecule": UNKNOWN,
    "nearfield": UNKNOWN,
    "spectroscopy": UNKNOWN,
}
"""Kind by a part of the name in small letters and digits; the first that fits."""


def kind_of(name: str) -> str:
    """Return the kind of microscope that a name means, wide field where nothing more special is named.

    Parameters
    ----------
    name : str
        Such as an OME ``AcquisitionMode``, one of :data:`MODALITIES`, or a vendor's word; case, blanks and hyphens do
        not matter.

    Returns
    -------
    str
        One of :data:`MODALITIES`, or ``"unknown"`` for methods whose resolution NA and wavelength do not set.

    Examples
    --------
    >>> kind_of("LaserScanningConfocalMicroscopy"), kind_of("SpinningDiskConfocal"), kind_of(""), kind_of("PALM")
    ('confocal', 'spinning-disk', 'widefield', 'unknown')
    """
    letters = "".join(letter for letter in name.lower() if letter.isalnum())
    return next((kind for part, kind in _PARTS.items() if part in letters), WIDEFIELD)


def has_model(name: str) -> bool:
    """Return whether a name is one that :func:`kind_of` knows by itself, not wide field for want of another."""
    letters = "".join(letter for letter in name.lower() if letter.isalnum())
    return letters in ("widefield", "epifluorescence") or kind_of(name) not in (WIDEFIELD, UNKNOWN)
