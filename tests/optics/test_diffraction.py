"""Fields near the focus: closed forms, brute force, and energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import j0, j1

from sparsescope.optics.diffraction import Term, intensity, pupil, scalar_terms
from sparsescope.optics.microscope import Microscope
from sparsescope.optics.radial import Grid
from sparsescope.optics.vectorial import vectorial_terms

WAVE = 0.525


def scope(aperture: float = 1.4, index: float = 1.518, **more: Any) -> Microscope:
    return Microscope("widefield", aperture, emission_nm=1000 * WAVE, refractive_index=index, **more)


def scalar(aperture: float, index: float, radius: np.ndarray, stage: np.ndarray, **more: Any) -> np.ndarray:
    rays = pupil(scope(aperture, index, **more), WAVE, radius.max(), (stage.min(), stage.max()))
    return intensity(rays, scalar_terms(rays), radius, stage)


@pytest.mark.parametrize(("aperture", "index"), [(0.3, 1.0), (1.2, 1.333), (1.4, 1.518)])
def test_in_focus_the_scalar_field_is_an_airy_pattern_of_unit_energy(aperture: float, index: float) -> None:
    radius = np.linspace(1e-6, 6 * WAVE / aperture, 400)
    v = 2 * np.pi * aperture * radius / WAVE
    airy = np.pi * (aperture / WAVE) ** 2 * (2 * j1(v) / v) ** 2
    np.testing.assert_allclose(scalar(aperture, index, radius, np.zeros(1))[:, 0], airy, atol=1e-12 * airy[0])


def test_the_first_dark_ring_and_the_width_are_those_of_the_textbook() -> None:
    unit = WAVE / 1.4

    def at(radius: float) -> float:
        return float(scalar(1.4, 1.518, np.array([radius]), np.zeros(1))[0, 0])

    assert at(0.60983 * unit) < 1e-8 * at(0.0)
    assert 2 * brentq(lambda r: at(r) / at(0.0) - 0.5, 0.1 * unit, 0.5 * unit) == pytest.approx(0.5145 * unit, rel=1e-3)


def test_on_the_axis_the_field_is_its_closed_form() -> None:
    stage = np.linspace(-3, 3, 60)
    k = 2 * np.pi * 1.518 / WAVE
    low = np.sqrt(1 - (1.4 / 1.518) ** 2)

    def antiderivative(c: Any) -> Any:
        a = -1j * k * stage
        return np.exp(a * c) * (c / a - 1 / a**2)  # of c exp(a c)

    closed = np.abs(antiderivative(1.0) - antiderivative(low)) ** 2
    found = scalar(1.4, 1.518, np.zeros(1), stage)[0] / (np.pi * (1.4 / WAVE) ** 2)
    np.testing.assert_allclose(found, closed / ((1 - low**2) / 2) ** 2, atol=1e-10)


def test_light_even_in_the_cosine_has_the_axial_width_of_0_886_over_its_axial_band() -> None:
    rays = pupil(scope(), WAVE, 0.0, (-1.0, 1.0))
    even = [Term(0, 1 / rays.immersion.astype(complex), 1.0)]
    band = (1.518 - np.sqrt(1.518**2 - 1.4**2)) / WAVE

    def at(stage: float) -> float:
        return float(intensity(rays, even, np.zeros(1), np.array([stage]))[0, 0])

    assert 2 * brentq(lambda z: at(z) / at(0.0) - 0.5, 0.0, 0.9) == pytest.approx(0.8859 / band, rel=1e-3)


def test_at_low_aperture_the_axial_width_is_the_paraxial_one() -> None:
    width = 2 * brentq(
        lambda z: scalar(0.1, 1.0, np.zeros(1), np.array([z]))[0, 0] / (np.pi * (0.1 / WAVE) ** 2) - 0.5, 1.0, 80.0
    )
    assert width == pytest.approx(1.772 * WAVE / 0.1**2, rel=0.005)


@pytest.mark.parametrize("terms", ["scalar", "vectorial"])
@pytest.mark.parametrize(("sample", "depth"), [(1.518, 0.0), (1.47, 8.0), (1.33, 3.0)])
def test_every_plane_holds_the_same_light(terms: str, sample: float, depth: float) -> None:
    one = scope(sample_index=sample, depth_um=depth)
    grid = Grid.reaching(15.0, 2 * 1.4 / WAVE)
    stage = depth * 1.1 + np.array([-1.0, 0.0, 0.7])
    rays = pupil(one, WAVE, grid.radius_um[-1], (stage[0], stage[-1]))
    chosen = scalar_terms(rays) if terms == "scalar" else vectorial_terms(one, rays)
    light = grid.ring_weights() @ intensity(rays, chosen, grid.radius_um, stage)
    assert np.all(light < 1.001)
    assert np.all(light > 0.9)  # the rest lies beyond 15 µm


def test_the_layers_add_the_phase_of_gibson_and_lanni_and_damp_evanescent_waves() -> None:
    one = scope(sample_index=1.33, depth_um=0.8, coverslip_um=174.0)
    radius, stage = 0.15, 3.1
    k = 2 * np.pi / WAVE

    def field(s: float) -> complex:
        path = 1.33 * 0.8 * np.sqrt(complex(1 - (s / 1.33) ** 2)) + 1.5255 * 4.0 * np.sqrt(1 - (s / 1.5255) ** 2)
        return complex(np.exp(1j * k * (path - 1.518 * stage * np.sqrt(1 - (s / 1.518) ** 2))) * j0(k * s * radius) * s)

    def strength(s: float) -> float:
        return float(np.exp(-2 * k * 1.33 * 0.8 * np.sqrt(complex(1 - (s / 1.33) ** 2)).imag) * s)

    def over(f: Any) -> float:
        return sum(quad(f, *ends, limit=400)[0] for ends in ((0, 1.33), (1.33, 1.4)))

    brute = over(lambda s: field(s).real) ** 2 + over(lambda s: field(s).imag) ** 2
    rays = pupil(one, WAVE, radius, (stage, stage))
    found = intensity(rays, scalar_terms(rays), np.array([radius]), np.array([stage]))[0, 0]
    assert found == pytest.approx(k**2 / (2 * np.pi) * brute / over(strength), rel=1e-6)


@pytest.mark.parametrize(("sample", "depth", "aperture"), [(1.518, 0.0, 1.4), (1.33, 0.3, 1.45), (1.4, 2.0, 1.2)])
def test_vectorial_detection_is_that_of_dipoles_of_all_directions_followed_ray_by_ray(
    sample: float, depth: float, aperture: float
) -> None:
    """Far field of each dipole, Fresnel transmission outwards, refraction by the lens, sum over all directions."""
    one = scope(aperture, sample_index=sample, depth_um=depth)
    radius, stage = np.linspace(0, 0.5, 6), np.array([0.1 + depth, 0.4 + depth])
    rays = pupil(one, WAVE, 0.5, (stage[0], stage[1]))
    ours = intensity(rays, vectorial_terms(one, rays), radius, stage)

    k, n, glass = 2 * np.pi / WAVE, 1.518, 1.5255
    angles = (np.arange(64) + 0.5) * 2 * np.pi / 64
    s, phi = rays.s[:, None], angles[None, :]
    cos_i, cos_g = np.sqrt(1 - (s / n) ** 2), np.sqrt(1 - (s / glass) ** 2)
    cos_s, sin_s = np.sqrt((1 - (s / sample) ** 2).astype(complex)), s / sample

    def transmitted(n1: float, c1: Any, n2: float, c2: Any) -> tuple[Any, Any]:
        return 2 * n1 * c1 / (n1 * c1 + n2 * c2), 2 * n1 * c1 / (n2 * c1 + n1 * c2)

    (ts1, tp1), (ts2, tp2) = transmitted(sample, cos_s, glass, cos_g), transmitted(glass, cos_g, n, cos_i)
    spread = n * cos_i / (sample * cos_s) / np.sqrt(cos_i)  # density of directions, and aplanatic refraction
    brute = np.zeros((len(radius), len(stage)))
    for dipole in np.eye(3):
        along_s = -np.sin(phi) * dipole[0] + np.cos(phi) * dipole[1]
        along_p = cos_s * (np.cos(phi) * dipole[0] + np.sin(phi) * dipole[1]) - sin_s * dipole[2]
        es, ep = ts1 * ts2 * along_s * spread, tp1 * tp2 * along_p * spread
        ex, ey = ep * np.cos(phi) - es * np.sin(phi), ep * np.sin(phi) + es * np.cos(phi)
        for i, r in enumerate(radius):
            for j, d in enumerate(stage):
                phase = np.exp(1j * k * (sample * depth * cos_s - n * d * cos_i + s * r * np.cos(phi)))
                brute[i, j] += sum(abs((rays.weight @ (e * phase)).sum()) ** 2 for e in (ex, ey))
    np.testing.assert_allclose(ours / ours[0, 0], brute / brute[0, 0], rtol=1e-9)


def test_at_low_aperture_the_vectorial_field_is_the_scalar_one() -> None:
    one = scope(0.15, 1.0)
    radius, stage = np.linspace(0, 6, 50), np.linspace(-40, 40, 9)
    rays = pupil(one, WAVE, 6.0, (-40.0, 40.0))
    plain, full = (intensity(rays, t, radius, stage) for t in (scalar_terms(rays), vectorial_terms(one, rays)))
    assert np.abs(plain - full).max() < 0.006 * plain.max()


def test_at_high_aperture_the_vectorial_spot_is_wider_and_has_no_dark_ring() -> None:
    one = scope()
    radius = np.linspace(0, 0.4, 200)
    rays = pupil(one, WAVE, 0.4, (0.0, 0.0))
    plain, full = (
        intensity(rays, t, radius, np.zeros(1))[:, 0] for t in (scalar_terms(rays), vectorial_terms(one, rays))
    )
    wide = [2 * np.interp(-0.5, -line[:100] / line[0], radius[:100]) for line in (plain, full)]
    assert 1.05 < wide[1] / wide[0] < 1.15
    assert plain.min() < 1e-4 * plain[0]
    assert full[(radius < 0.3)].min() > 0.01 * full[0]


@pytest.mark.parametrize(("sample", "depth", "reach"), [(1.33, 20.0, 5.0), (1.518, 0.0, 5.0), (1.518, 0.0, 30.0)])
def test_twice_the_nodes_change_nothing(
    sample: float, depth: float, reach: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparsescope.optics import diffraction

    one = scope(sample_index=sample, depth_um=depth)
    radius, stage = np.linspace(0, reach, 40), np.linspace(depth, depth + 10, 11)

    def found() -> np.ndarray:
        rays = pupil(one, WAVE, reach, (depth, depth + 10))
        return intensity(rays, vectorial_terms(one, rays), radius, stage)

    once = found()
    plain = diffraction.gauss_legendre
    monkeypatch.setattr(diffraction, "gauss_legendre", lambda count: plain(2 * count))
    np.testing.assert_allclose(np.sqrt(once), np.sqrt(found()), atol=1e-7 * np.sqrt(once.max()))
