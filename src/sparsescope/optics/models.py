"""The PSF of each kind of microscope as a function of the distance to the axis and of the stage's position."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from ..errors import RecipeError
from . import kinds
from .diffraction import intensity, pupil, scalar_terms
from .focus import best_focus_um, is_aberrated
from .microscope import INFRARED_NM, LARGEST_DETECTOR_AIRY, STOKES, WAVELENGTHS_NM, Microscope, flag
from .model import Intensity, Model
from .quadrature import Doubles
from .radial import Grid, disc_integral, disc_nodes, interpolation
from .vectorial import vectorial_terms

PINHOLE_AIRY: Final = {kinds.CONFOCAL: 1.0, kinds.STED: 1.0, kinds.SPINNING_DISK: 1.0, kinds.AIRYSCAN: 1.25}
"""Diameter of the pinhole where it is not known."""
AIRY_UNIT: Final = 2 * 3.8317059702075125 / (2 * math.pi)
"""Diameter of the first dark ring in wavelengths over NA, 1.22."""


def model_of(scope: Microscope, ndim: int) -> Model:
    """Return the model of a microscope's PSF.

    Parameters
    ----------
    scope : Microscope
        Its parameters.
    ndim : int
        2 for the plane in focus, 3 for a volume.

    Raises
    ------
    RecipeError
        If a parameter is missing that the kind of microscope needs, or a volume is asked of one that sees one plane.
    """
    return _MODELS[scope.modality](scope, ndim)


def describe(modality: str) -> str:
    """Return what the model of a kind of microscope assumes, and its blind spot, in a sentence or two.

    Examples
    --------
    >>> describe("two-photon")
    'Square the excitation, all emitted light being detected; blind to saturation.'
    """
    return " ".join((_MODELS[kinds.kind_of(modality)].__doc__ or "").split())


def focused(scope: Microscope, wavelength_um: float, grid: Grid, stage_um: Doubles) -> Doubles:
    """Return the intensity of light of one wavelength focused by the objective, or collected by it from a point."""
    rays = pupil(scope, wavelength_um, float(grid.radius_um[-1]), (float(stage_um.min()), float(stage_um.max())))
    terms = vectorial_terms(scope, rays) if scope.is_vectorial() else scalar_terms(rays)
    return intensity(rays, terms, grid.radius_um, stage_um)


def axial_cutoff(scope: Microscope, wavelength_um: float) -> float:
    """Highest axial frequency of light from a cone: n (1 - cos α) / wavelength."""
    n = scope.index()
    return (n - math.sqrt(n**2 - scope.need("numerical_aperture") ** 2)) / wavelength_um


def _wide_field(scope: Microscope, ndim: int) -> Model:  # noqa: ARG001
    """Detect light of the emission wavelength by an objective without aberrations of its own."""
    wave, aperture = scope.emission_um(), scope.need("numerical_aperture")

    def values(grid: Grid, stage: Doubles) -> Doubles:
        return focused(scope, wave, grid, stage)

    return Model(values, 2 * aperture / wave, axial_cutoff(scope, wave), True, "wide field")


def _tirf(scope: Microscope, ndim: int) -> Model:
    """Detect one plane in focus; the evanescent field chooses what is lit, it does not shape the PSF."""
    if ndim == 3:
        raise RecipeError(
            "TIRF sees the one plane at the coverslip: its PSF has two axes. For a stack give another --modality"
        )
    return replace(_wide_field(scope, ndim), words="TIRF (detection as in wide field)")


def _excitation_um(scope: Microscope) -> tuple[float, float, tuple[str, ...]]:
    """Excitation and emission in µm for one photon; where one is missing, it is taken from the other and said."""
    if scope.excitation_nm is not None and scope.excitation_nm > WAVELENGTHS_NM[1]:
        raise RecipeError(
            f"excitation_nm = {scope.excitation_nm:g} is not allowed for {scope.modality}: {WAVELENGTHS_NM[0]:g} to "
            f"{WAVELENGTHS_NM[1]:g} nm (--excitation-nm); two-photon excitation is --modality two-photon"
        )
    if scope.excitation_nm is not None and scope.emission_nm is not None:
        return scope.excitation_nm / 1000, scope.emission_nm / 1000, ()
    if scope.excitation_nm is not None:
        emission = scope.excitation_nm / STOKES
        note = f"emission taken as {emission:.0f} nm from the excitation; give --emission-nm where you know it"
        return scope.excitation_nm / 1000, emission / 1000, (note,)
    emission = scope.need("emission_nm")
    note = f"excitation taken as {STOKES * emission:.0f} nm from the emission; give --excitation-nm where you know it"
    return STOKES * emission / 1000, emission / 1000, (note,)


def _pinhole_um(scope: Microscope, emission_um: float) -> tuple[float, tuple[str, ...]]:
    """Radius of the pinhole in the specimen, and what was assumed of it."""
    size = scope.pinhole_airy
    notes: tuple[str, ...] = ()
    if size is None:
        size = PINHOLE_AIRY[scope.modality]
        notes = (f"pinhole taken as {size:g} Airy units; give --pinhole-airy where you know it",)
    return size * AIRY_UNIT * emission_um / scope.need("numerical_aperture") / 2, notes


def _two_way(scope: Microscope, values: Intensity, words: str, notes: tuple[str, ...]) -> Model:
    """Model of a product of excitation and detection, whose cut-offs add."""
    exc, em, assumed = _excitation_um(scope)
    aperture = scope.need("numerical_aperture")
    across = 2 * aperture * (1 / exc + 1 / em)
    along = axial_cutoff(scope, exc) + axial_cutoff(scope, em)

    def axis(stage: Doubles) -> Doubles:
        point = Grid.reaching(0.0, across)
        return np.asarray(focused(scope, exc, point, stage)[0] * focused(scope, em, point, stage)[0])

    return Model(values, across, along, False, words, (*assumed, *notes), axis)


def _confocal(scope: Microscope, ndim: int) -> Model:  # noqa: ARG001
    """Multiply excitation by detection ⊛ pinhole; blind to a pinhole that is misaligned or not round."""
    exc, em, _ = _excitation_um(scope)
    radius, notes = _pinhole_um(scope, em)

    def values(grid: Grid, stage: Doubles) -> Doubles:
        wider = grid.extended(radius)
        seen = disc_integral(wider, grid, radius) @ focused(scope, em, wider, stage)
        return np.asarray(focused(scope, exc, grid, stage) * seen)

    return _two_way(scope, values, "confocal", notes)


def _spinning_disk(scope: Microscope, ndim: int) -> Model:  # noqa: ARG001
    """Multiply detection by excitation ⊛ pinhole: the camera stands behind the pinholes that also shape the spots.

    Crosstalk only where the pinholes' distance is given, and then as an even haze.
    """
    exc, em, _ = _excitation_um(scope)
    radius, notes = _pinhole_um(scope, em)

    def values(grid: Grid, stage: Doubles) -> Doubles:
        wider = grid.extended(radius)
        spot = disc_integral(wider, grid, radius) @ focused(scope, exc, wider, stage)
        light = spot + math.pi * radius**2 * _crosstalk(scope, exc, grid, stage)
        return np.asarray(focused(scope, em, grid, stage) * light)

    return _two_way(scope, values, "spinning disk", notes)


def _crosstalk(scope: Microscope, wavelength_um: float, grid: Grid, stage_um: Doubles) -> Doubles | float:
    """Light of the other pinholes' spots: what a spot sends out of its cell comes in from the others, spread evenly."""
    if scope.pinhole_spacing_um is None:
        return 0.0
    cell = math.sqrt(math.sqrt(3) / 2 / math.pi) * scope.pinhole_spacing_um  # a disc as large as a hexagonal cell
    own = Grid.reaching(cell, grid.cutoff)
    inside = own.ring_weights() * (own.radius_um <= cell) @ focused(scope, wavelength_um, own, stage_um)
    return np.asarray(np.maximum(1 - inside, 0) / (math.pi * cell**2))


def _two_photon(scope: Microscope, ndim: int) -> Model:  # noqa: ARG001
    """Square the excitation, all emitted light being detected; blind to saturation."""
    nm = scope.need("excitation_nm")
    if nm < INFRARED_NM[0]:
        raise RecipeError(
            f"excitation_nm = {nm:g} is not allowed for two-photon: {INFRARED_NM[0]:g} to {INFRARED_NM[1]:g} nm "
            "(--excitation-nm)"
        )
    wave, aperture = nm / 1000, scope.need("numerical_aperture")

    def values(grid: Grid, stage: Doubles) -> Doubles:
        return np.square(focused(scope, wave, grid, stage))

    return Model(values, 4 * aperture / wave, 2 * axial_cutoff(scope, wave), False, "two-photon excitation")


def _light_sheet(scope: Microscope, ndim: int) -> Model:
    """Multiply detection by a Gaussian sheet in focus; blind to its waist across the field and to side lobes."""
    wide = _wide_field(scope, ndim)
    if ndim == 2:
        return replace(wide, words="light-sheet (detection in the plane of the sheet)")
    width = sheet_width_um(scope)
    focus = best_focus_um(scope, wide)

    def values(grid: Grid, stage: Doubles) -> Doubles:
        return wide.intensity(grid, stage) * np.exp(-4 * math.log(2) * np.square((stage - focus) / width))

    cutoff = wide.axial_cutoff + 1.5 / width
    return Model(values, wide.cutoff, cutoff, False, f"light-sheet (detection × a sheet of {width:.3g} µm)")


def sheet_width_um(scope: Microscope) -> float:
    """Full width at half maximum of the sheet: as given, or of a Gaussian beam of waist wavelength / (pi NA).

    Examples
    --------
    >>> round(sheet_width_um(Microscope("light-sheet", excitation_nm=488, sheet_na=0.05)), 2)
    3.66
    """
    if scope.sheet_fwhm_um is not None:
        return scope.sheet_fwhm_um
    if scope.sheet_na is None:
        scope.need("sheet_fwhm_um")
    waist = scope.need("excitation_nm") / 1000 / (math.pi * scope.need("sheet_na"))
    return math.sqrt(2 * math.log(2)) * waist


def _sted(scope: Microscope, ndim: int) -> Model:
    """Multiply confocal by a Gaussian that leaves the width asked for; no depletion along z, no pedestal."""
    confocal = _confocal(scope, ndim)
    wanted = scope.sted_fwhm_um
    grid = Grid.reaching(20 / confocal.cutoff, confocal.cutoff)
    line = confocal.intensity(grid, np.array([best_focus_um(scope, confocal)]))[:, 0]
    half = int(np.append(np.flatnonzero(line < line[0] / 2), grid.count - 1)[0])
    plain = 2 * float(
        np.interp(line[0] / 2, line[half - 1 : half + 1][::-1], grid.radius_um[half - 1 : half + 1][::-1])
    )
    if wanted is None:
        if scope.sted_saturation is None:
            scope.need("sted_fwhm_um")
        wanted = plain / math.sqrt(1 + scope.need("sted_saturation"))
    if wanted >= plain:
        raise RecipeError(
            f"sted_fwhm_um = {wanted:g} is not narrower than the confocal spot of {plain:.3g} µm: correct "
            f"{flag('sted_fwhm_um')} or give --modality confocal"
        )
    level = 2 * float((interpolation(grid, np.array([wanted / 2])) @ line)[0]) / line[0]
    rate = math.log(level) / (wanted / 2) ** 2  # the product is half its maximum at half the width

    def values(grid: Grid, stage: Doubles) -> Doubles:
        coarse = Grid.reaching(float(grid.radius_um[-1]), confocal.cutoff)
        spot = interpolation(coarse, grid.radius_um) @ confocal.intensity(coarse, stage)
        return np.asarray(spot * np.exp(-rate * np.square(grid.radius_um))[:, None])

    cutoff = confocal.cutoff + 1.5 / wanted
    words = f"STED of {wanted * 1000:.0f} nm"
    return replace(confocal, intensity=values, cutoff=cutoff, words=words)


def _sim(scope: Microscope, ndim: int) -> Model:
    """Fill the support of the transfer function that a reconstruction has at best.

    A plane: Airy pattern of the summed cut-offs; a volume, by three beams: autocorrelation of an ellipsoid,
    (3 j₁(v) / v)². Blind to the filter of the reconstruction, which decides the shape.
    """
    exc, em, notes = _excitation_um(scope)
    aperture = scope.need("numerical_aperture")
    beams = aperture if scope.illumination_na is None else scope.illumination_na
    if beams >= scope.index():
        raise RecipeError(
            f"illumination_na = {beams:g} is not below the refractive index {scope.index():g}: correct "
            "--illumination-na or --refractive-index"
        )
    across = 2 * (aperture / em + beams / exc)
    n = scope.index()
    along = axial_cutoff(scope, em) + (n - math.sqrt(n**2 - beams**2)) / exc

    def values(grid: Grid, stage: Doubles) -> Doubles:
        from scipy.special import j1, spherical_jn

        if ndim == 2:
            v = np.maximum(math.pi * across * grid.radius_um, 1e-9)
            return np.repeat(np.square(2 * j1(v) / v)[:, None], len(stage), axis=1)
        v = math.pi * np.hypot(across * grid.radius_um[:, None], along * stage)
        v = np.maximum(v, 1e-9)
        return np.asarray(np.square(3 * spherical_jn(1, v) / v))

    if is_aberrated(scope):
        notes = (*notes, "depth, refractive indices and coverslip do not enter the effective PSF of SIM")
    words = "structured illumination (as reconstructed)"
    return Model(values, across, along, False, words, notes, layers=False)


def _airyscan(scope: Microscope, ndim: int) -> Model:  # noqa: ARG001
    """Sum excitation × detection over the detector's elements, each shifted back (Sheppard, Optik 80, 53, 1988).

    The shift is that of the product's maximum. Assumes a filled round detector, and no deconvolution by the maker.
    """
    exc, em, _ = _excitation_um(scope)
    radius, notes = _pinhole_um(scope, em)
    if (scope.pinhole_airy or 0) > LARGEST_DETECTOR_AIRY:
        raise RecipeError(
            f"pinhole_airy = {scope.pinhole_airy:g} is not allowed for airyscan: the detector is 1.25 Airy units wide, "
            f"at most {LARGEST_DETECTOR_AIRY:g} (--pinhole-airy)"
        )
    back = exc**2 / (exc**2 + em**2)

    def values(grid: Grid, stage: Doubles) -> Doubles:
        wider = grid.extended(radius)
        light, seen = focused(scope, exc, wider, stage), focused(scope, em, wider, stage)
        distance, angle, weight = disc_nodes(grid, radius, 0.5)
        found = np.empty((grid.count, len(stage)))
        for i in range(0, grid.count, _BLOCK):
            r = grid.radius_um[i : i + _BLOCK, None]

            def at(part: float, r: Doubles = r) -> Doubles:
                moved = part * distance
                return np.sqrt(np.maximum(r**2 + moved**2 + 2 * r * moved * np.cos(angle), 0)).ravel()

            product = (interpolation(wider, at(back)) @ light) * (interpolation(wider, at(back - 1)) @ seen)
            found[i : i + _BLOCK] = np.einsum("j,ijk->ik", weight, product.reshape(len(r), len(weight), -1))
        return found

    return _two_way(scope, values, "Airyscan (pixels reassigned, not deconvolved)", notes)


_BLOCK: Final = 64
"""Radii at a time: bounds the memory."""

_MODELS: Final[dict[str, Callable[[Microscope, int], Model]]] = {
    kinds.WIDEFIELD: _wide_field,
    kinds.CONFOCAL: _confocal,
    kinds.SPINNING_DISK: _spinning_disk,
    kinds.TWO_PHOTON: _two_photon,
    kinds.LIGHT_SHEET: _light_sheet,
    kinds.STED: _sted,
    kinds.SIM: _sim,
    kinds.AIRYSCAN: _airyscan,
    kinds.TIRF: _tirf,
}
