"""Light near the focus of a lens: the field of a circular pupil, summed over rings of equal angle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .microscope import Microscope
from .quadrature import Doubles, gauss_legendre

Complex = npt.NDArray[np.complex128]

_ROWS = 1024
"""Radii at a time: bounds the memory."""


@dataclass(frozen=True)
class Pupil:
    """Rays of a lens at the nodes of a quadrature over the angle to the axis.

    Attributes
    ----------
    wavenumber : float
        2 pi / wavelength in vacuum, per µm.
    s : array, (nodes,)
        Refractive index times sine of the angle, the same in every medium; from 0 to the NA.
    weight : array, (nodes,)
        Of the integral over s ds.
    immersion, glass, sample : array, (nodes,)
        Cosine of the ray's angle in each medium; imaginary where the wave is evanescent in the sample.
    aberration : array, (nodes,)
        Phase that the layers between emitter and lens add; its imaginary part damps evanescent waves.
    index : float
        Refractive index of the immersion medium.
    """

    wavenumber: float
    s: Doubles
    weight: Doubles
    immersion: Doubles
    glass: Doubles
    sample: Complex
    aberration: Complex
    index: float


@dataclass(frozen=True)
class Term:
    """One Bessel order of the field: its amplitude over the pupil, and how often its intensity counts."""

    order: int
    amplitude: Complex
    times: float


def pupil(scope: Microscope, wavelength_um: float, radius_um: float, stage_um: Sequence[float]) -> Pupil:
    """Lay nodes over the pupil, enough for every phase up to a radius and between two positions of the stage.

    Parameters
    ----------
    scope : Microscope
        NA, refractive indices, depth, coverslip.
    wavelength_um : float
        In vacuum.
    radius_um : float
        Largest distance from the axis at which the field will be asked for.
    stage_um : sequence of float
        First and last position of the stage.

    Returns
    -------
    Pupil

    Notes
    -----
    Aberration of Gibson & Lanni (J. Opt. Soc. Am. A 8, 1601, 1991) for an emitter at depth z in the sample of index
    n_s, and a coverslip of index n_g that is t thick instead of the t0 it should be:

        k (n_s z cos θ_s + n_g (t - t0) cos θ_g)

    Moving the stage by d changes the path in the immersion medium by -n_i d cos θ_i. Gauss-Legendre nodes in θ_i: N of
    them, exact to degree 2 N - 1, integrate a phase that runs through Φ once N > Φ / 4 plus a few. At the critical
    angle of the sample the cosine has a square root, so both sides get nodes that grow with the square of the distance
    from it.
    """
    aperture, n_i = scope.need("numerical_aperture"), scope.index()
    last, critical = math.asin(aperture / n_i), math.asin(min(scope.sample() / n_i, 1.0))
    coarse = _rays(scope, wavelength_um, *_nodes(last, critical, 256))
    k = coarse.wavenumber
    swing = max(
        float(np.abs(np.diff(coarse.aberration.real - k * n_i * at * coarse.immersion)).sum()) for at in stage_um
    )
    return _rays(
        scope, wavelength_um, *_nodes(last, critical, math.ceil(0.3 * (k * aperture * radius_um + swing)) + 24)
    )


def _rays(scope: Microscope, wavelength_um: float, theta: Doubles, weight: Doubles) -> Pupil:
    """Follow the rays of some angles in the immersion medium through the layers."""
    n_i, n_g, n_s = scope.index(), scope.glass(), scope.sample()
    k = 2 * math.pi / wavelength_um
    s = n_i * np.sin(theta)
    sample = np.sqrt((1 - np.square(s / n_s)).astype(complex))
    if n_s == n_i:
        sample = np.cos(theta).astype(complex)
    glass = np.sqrt(1 - np.square(s / n_g))
    error = scope.coverslip_um - scope.coverslip_design_um
    aberration = k * (n_s * scope.depth_um * sample + n_g * error * glass)
    return Pupil(k, s, weight * s * n_i * np.cos(theta), np.cos(theta), glass, sample, aberration, n_i)


def _nodes(last: float, critical: float, count: int) -> tuple[Doubles, Doubles]:
    """Gauss-Legendre nodes and weights on 0 to `last`, denser about the critical angle if that is inside."""
    at, weight = gauss_legendre(count)
    if critical >= last:
        return last * at, last * weight
    below, above = critical, last - critical
    angle = np.concatenate([critical - below * at[::-1] ** 2, critical + above * at**2])
    return angle, np.concatenate([2 * below * (at * weight)[::-1], 2 * above * at * weight])


def scalar_terms(rays: Pupil) -> list[Term]:
    """Return the one term of the scalar theory: a pupil that is filled evenly (Gibson & Lanni; Airy in focus)."""
    return [Term(0, np.ones_like(rays.sample), 1.0)]


def intensity(rays: Pupil, terms: Sequence[Term], radius_um: Doubles, defocus_um: Doubles) -> Doubles:
    """Return the intensity at distances from the axis for positions of the stage.

    Parameters
    ----------
    rays : Pupil
        Quadrature and aberration.
    terms : sequence of Term
        Scalar or vectorial amplitudes over the pupil.
    radius_um : array, (R,)
        Distances from the axis.
    defocus_um : array, (D,)
        Positions of the stage, in the immersion medium.

    Returns
    -------
    ndarray of float64, shape (R, D)
        Per µm², the integral over each plane being 1.

    Notes
    -----
    U_m(r, d) = ∫ A_m(s) J_m(k s r) exp(i (aberration - k n_i d cos θ_i)) s ds, intensity Σ times |U_m|². By Parseval's
    theorem for Hankel transforms the integral of |U_m|² over a plane is 2 pi / k² ∫ |A_m exp(i aberration)|² s ds.
    """
    wave = np.exp(1j * (rays.aberration[:, None] - rays.wavenumber * rays.index * np.outer(rays.immersion, defocus_um)))
    found = np.zeros((len(radius_um), len(defocus_um)))
    energy = 0.0
    damping = np.exp(-2 * rays.aberration.imag)
    for term in terms:
        part = (rays.weight * term.amplitude)[:, None] * wave
        both = np.hstack([part.real, part.imag])
        for start in range(0, len(radius_um), _ROWS):
            rows = slice(start, start + _ROWS)
            field = _bessel(term.order, rays.wavenumber * np.outer(radius_um[rows], rays.s)) @ both
            real, imaginary = np.split(np.square(field), 2, axis=1)
            found[rows] += term.times * (real + imaginary)
        energy += term.times * float(rays.weight @ (np.square(np.abs(term.amplitude)) * damping))
    return np.asarray(found * (rays.wavenumber**2 / (2 * math.pi * energy)))


def _bessel(order: int, x: Doubles) -> Doubles:
    """Bessel functions of order 0, 1 and 2; scipy's general one takes twenty times as long."""
    from scipy.special import j0, j1, jv

    if order < 2:
        return np.asarray((j0, j1)[order](x))
    far = np.maximum(x, 1.0)
    return np.asarray(np.where(x < 1, jv(2, np.minimum(x, 1.0)), 2 * j1(far) / far - j0(far)))
