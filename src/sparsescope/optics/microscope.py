"""The physical parameters of a microscope, with their ranges and where each came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from types import MappingProxyType
from typing import Any, Final

from ..errors import RecipeError
from . import kinds

LARGEST_APERTURE: Final = 1.7
WAVELENGTHS_NM: Final = (300.0, 1200.0)
"""Emission and one-photon excitation of fluorescence; others are a mistake in the file (µm for nm, wavenumbers, …)."""
INFRARED_NM: Final = (650.0, 1700.0)
"""Excitation by several photons."""
STOKES: Final = 0.93
"""Excitation over emission wavelength where only one is known: 488 / 525 nm and like pairs."""
LARGEST_DETECTOR_AIRY: Final = 4.0
"""An Airyscan's detector is 1.25 to 2.5 Airy units wide."""
COVERSLIP_INDEX: Final = 1.5255
"""ISO 8255-1: n_e of cover glass; its thickness is 170 µm."""

RANGES: Final[Mapping[str, tuple[float, float, str]]] = MappingProxyType(
    {
        "numerical_aperture": (0.02, LARGEST_APERTURE, ""),
        "emission_nm": (*WAVELENGTHS_NM, "nm"),
        "excitation_nm": (WAVELENGTHS_NM[0], INFRARED_NM[1], "nm"),
        "refractive_index": (1.0, 1.85, ""),
        "sample_index": (1.0, 1.85, ""),
        "coverslip_index": (1.3, 1.85, ""),
        "coverslip_um": (0.0, 2000.0, "µm"),
        "coverslip_design_um": (0.0, 2000.0, "µm"),
        "depth_um": (0.0, 1000.0, "µm"),
        "pinhole_airy": (0.01, 50.0, "Airy units"),
        "pinhole_spacing_um": (0.5, 100.0, "µm"),
        "sheet_fwhm_um": (0.1, 100.0, "µm"),
        "sheet_na": (0.005, 0.8, ""),
        "sted_fwhm_um": (0.01, 0.5, "µm"),
        "sted_saturation": (0.1, 1000.0, ""),
        "illumination_na": (0.02, LARGEST_APERTURE, ""),
    }
)
"""Smallest and largest value of each number, and its unit."""

FLAGS: Final = {"numerical_aperture": "--na"}
"""Flags whose name is not the parameter's own."""

MODELS: Final = ("auto", "scalar", "vectorial")


def flag(name: str) -> str:
    """Return the command-line flag of a parameter.

    Examples
    --------
    >>> flag("emission_nm"), flag("numerical_aperture")
    ('--emission-nm', '--na')
    """
    return FLAGS.get(name, "--" + name.replace("_", "-"))


@dataclass(frozen=True)
class Microscope:
    """What the PSF of a microscope is computed from; None where it is not known.

    Parameters
    ----------
    modality : str
        Kind of microscope, see :data:`kinds.MODALITIES`; other names of the same kinds are understood.
    numerical_aperture : float, optional
        Of the detection objective; 0.02 to 1.7, below the refractive index.
    emission_nm, excitation_nm : float, optional
        Wavelengths in vacuum in nm; 300 to 1200, for two-photon excitation 650 to 1700.
    refractive_index : float, optional
        Of the immersion medium, 1 to 1.85. Where not given: air up to an NA of 0.97, water up to 1.27, oil up to 1.51.
    sample_index : float, optional
        Of the medium around the emitter; that of the immersion where not given (no spherical aberration).
    depth_um : float
        Distance of the emitter from the coverslip in µm; matters where the indices of sample and immersion differ.
    coverslip_um, coverslip_design_um : float
        Thickness of the coverslip, and the one that the objective is made or set for, in µm; their difference counts.
    coverslip_index : float, optional
        Refractive index of the coverslip; 1.5255, or that of the immersion where this is higher.
    pinhole_airy : float, optional
        Diameter of the pinhole in Airy units, 1.22 emission wavelength / NA; for Airyscan, that of the whole detector.
    pinhole_spacing_um : float, optional
        Distance of neighbouring pinholes of a spinning disk in the specimen, in µm; no crosstalk where not given.
    sheet_fwhm_um : float, optional
        Full width at half maximum of the light sheet's thickness, in µm.
    sheet_na : float, optional
        Numerical aperture of the light sheet (at 1/e² of the intensity), where its thickness is not given.
    sted_fwhm_um : float, optional
        Lateral full width at half maximum of the STED spot, in µm.
    sted_saturation : float, optional
        Intensity of the doughnut's crest over the saturation intensity, where the width is not given.
    illumination_na : float, optional
        Numerical aperture at which the beams of structured illumination enter; that of detection where not given.
    model : str
        ``"scalar"``, ``"vectorial"``, or ``"auto"``: vectorial above an aperture of 0.6 refractive indices.
    source : mapping
        Where each value came from, by its name; ``"given"`` where it is not named.
    notes : tuple of str
        What the user should know: values that were ignored or assumed.

    Raises
    ------
    RecipeError
        If a value is out of its range, a name is unknown, or the aperture is not below the refractive index.

    Examples
    --------
    >>> scope = Microscope("confocal", 1.4, emission_nm=525, excitation_nm=488, pinhole_airy=1)
    >>> scope.modality, scope.index(), scope.source_of("refractive_index")
    ('confocal', 1.518, 'assumed from the NA')
    """

    modality: str = kinds.WIDEFIELD
    numerical_aperture: float | None = None
    emission_nm: float | None = None
    excitation_nm: float | None = None
    refractive_index: float | None = None
    sample_index: float | None = None
    depth_um: float = 0.0
    coverslip_um: float = 170.0
    coverslip_design_um: float = 170.0
    coverslip_index: float | None = None
    pinhole_airy: float | None = None
    pinhole_spacing_um: float | None = None
    sheet_fwhm_um: float | None = None
    sheet_na: float | None = None
    sted_fwhm_um: float | None = None
    sted_saturation: float | None = None
    illumination_na: float | None = None
    model: str = "auto"
    source: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, (least, most, unit) in RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            if not _is_number(value) or not least <= value <= most:
                in_unit = f" {unit}" if unit else ""
                raise RecipeError(
                    f"{name} = {value!r} is not allowed: a number from {least:g} to {most:g}{in_unit} ({flag(name)})"
                )
        if self.model not in MODELS:
            raise RecipeError(f"model = {self.model!r} is not allowed: one of {', '.join(MODELS)}")
        object.__setattr__(self, "modality", _modality(self.modality))
        object.__setattr__(self, "source", MappingProxyType(dict(self.source)))
        self._check_apertures()

    def _check_apertures(self) -> None:
        if self.numerical_aperture is None:
            return
        for name, index in (("refractive_index", self.index()), ("coverslip_index", self.glass())):
            if self.numerical_aperture >= index:
                raise RecipeError(
                    f"NA {self.numerical_aperture:g} is not below the {name} {index:g}: no light comes in at such an "
                    f"angle. Give the {'immersion' if name == 'refractive_index' else 'coverslip'}'s index by "
                    f"{flag(name)} (air 1, water 1.333, glycerol 1.47, oil 1.518) or correct --na"
                )

    def need(self, name: str) -> float:
        """Return a number, or raise RecipeError that names the flags to give it, and what else is missing, by."""
        value = getattr(self, name)
        if value is None:
            missing = list(dict.fromkeys([name, *(one for one in self._needed() if getattr(self, one) is None)]))
            raise RecipeError(
                f"the PSF of a {self.modality} microscope needs {' and '.join(missing)}, not known here: give "
                f"{' and '.join(map(flag, missing))}, or a measured PSF"
            )
        return float(value)

    def _needed(self) -> tuple[str, str]:
        """Names of what the PSF cannot do without; where excitation counts too, one wavelength stands for the other."""
        by_excitation = self.modality not in (kinds.WIDEFIELD, kinds.LIGHT_SHEET, kinds.TIRF) and self.excitation_nm
        two_photon = self.modality == kinds.TWO_PHOTON
        return "numerical_aperture", "excitation_nm" if two_photon or by_excitation else "emission_nm"

    def index(self) -> float:
        """Refractive index of the immersion medium, from the NA where it is not known."""
        if self.refractive_index is not None:
            return self.refractive_index
        return immersion_for(self.need("numerical_aperture"))

    def sample(self) -> float:
        """Refractive index around the emitter, that of the immersion where it is not known."""
        return self.index() if self.sample_index is None else self.sample_index

    def glass(self) -> float:
        """Refractive index of the coverslip."""
        return max(COVERSLIP_INDEX, self.index()) if self.coverslip_index is None else self.coverslip_index

    def emission_um(self) -> float:
        """Emission wavelength in µm."""
        return self.need("emission_nm") / 1000

    def is_vectorial(self) -> bool:
        """Whether the vectorial model is used."""
        if self.model == "auto":
            return self.need("numerical_aperture") > 0.6 * self.index()
        return self.model == "vectorial"

    def source_of(self, name: str) -> str:
        """Where a value came from: file, recipe, flag, default, or how it was assumed."""
        if getattr(self, name) is None:
            return _ASSUMED.get(name, "not known")
        if name in self.source:
            return self.source[name]
        default = next(one.default for one in fields(self) if one.name == name)
        return "default" if getattr(self, name) == default else "given"


_IMMERSIONS: Final = ((0.97, 1.0), (1.27, 1.333), (1.51, 1.518), (LARGEST_APERTURE, 1.78))
"""Largest NA that is made for each immersion medium, and its refractive index."""


def immersion_for(numerical_aperture: float) -> float:
    """Return the refractive index of the medium that lenses of an NA are made for.

    Examples
    --------
    >>> immersion_for(0.95), immersion_for(1.2), immersion_for(1.4)
    (1.0, 1.333, 1.518)
    """
    return next((index for most, index in _IMMERSIONS if numerical_aperture <= most), _IMMERSIONS[-1][1])


_ASSUMED: Final = {
    "refractive_index": "assumed from the NA",
    "sample_index": "taken as that of the immersion",
    "coverslip_index": "that of cover glass",
}


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _modality(name: Any) -> str:
    if not isinstance(name, str) or not kinds.has_model(name):
        raise RecipeError(
            f"modality = {name!r} has no PSF model: allowed are {', '.join(kinds.MODALITIES)} (--modality), or give a "
            "measured PSF"
        )
    return kinds.kind_of(name)
