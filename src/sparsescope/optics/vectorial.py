"""The vectorial pupil: polarised light through the layers of a specimen, for emitters that point anywhere."""

from __future__ import annotations

import numpy as np

from .diffraction import Complex, Pupil, Term
from .microscope import Microscope
from .quadrature import Doubles


def vectorial_terms(scope: Microscope, rays: Pupil) -> list[Term]:
    """Return the three terms of the vectorial theory.

    Parameters
    ----------
    scope : Microscope
        Its refractive indices.
    rays : Pupil
        Angles in each medium.

    Returns
    -------
    list of Term
        Of Bessel order 0, 1 and 2.

    Notes
    -----
    Aplanatic lens (Richards & Wolf, Proc. R. Soc. A 253, 358, 1959) behind plane layers (Török, Varga, Laczik & Booker,
    J. Opt. Soc. Am. A 12, 325, 1995), with the Fresnel coefficients t_s and t_p of both interfaces multiplied:

        A0 = (t_s + t_p cos θ_s) / √cos θ_i,   A1 = t_p sin θ_s / √cos θ_i,   A2 = (t_s - t_p cos θ_s) / √cos θ_i

    Detection of dipoles that point in all directions alike, and excitation by unpolarised or circularly polarised
    light, both have the intensity |U0|² + 2 |U1|² + |U2|²: one is the other with the light reversed (reciprocity).
    """
    n_i, n_g, n_s = scope.index(), scope.glass(), scope.sample()
    ts1, tp1 = _fresnel(n_i, n_g, rays.immersion.astype(complex), rays.glass.astype(complex))
    ts2, tp2 = _fresnel(n_g, n_s, rays.glass.astype(complex), rays.sample)
    ts, tp = ts1 * ts2, tp1 * tp2
    aplanatic: Doubles = 1 / np.sqrt(rays.immersion)
    sine = rays.s / n_s
    return [
        Term(0, (ts + tp * rays.sample) * aplanatic, 1.0),
        Term(1, tp * sine * aplanatic, 2.0),
        Term(2, (ts - tp * rays.sample) * aplanatic, 1.0),
    ]


def _fresnel(before: float, behind: float, cos_before: Complex, cos_behind: Complex) -> tuple[Complex, Complex]:
    """Amplitude transmission for s and p polarisation (Born & Wolf, Principles of Optics, 1.5.2)."""
    ts = 2 * before * cos_before / (before * cos_before + behind * cos_behind)
    tp = 2 * before * cos_before / (behind * cos_before + before * cos_behind)
    return np.asarray(ts), np.asarray(tp)
