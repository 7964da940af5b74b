"""Interpolation, discs and pixels: integrals of radial functions against other ways to get them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import j1

from sparsescope.optics.quadrature import gauss_legendre
from sparsescope.optics.radial import Grid, disc_integral, interpolation, pixel_integral, unfold

CUTOFF = 2 * 1.4 / 0.525


def airy(radius: np.ndarray) -> np.ndarray:
    v = np.maximum(np.pi * CUTOFF * np.asarray(radius, float), 1e-9)
    return (2 * j1(v) / v) ** 2


@pytest.mark.parametrize("count", [1, 7, 128, 129, 700])
def test_the_nodes_integrate_what_they_should(count: int) -> None:
    at, weight = gauss_legendre(count)
    assert len(at) >= count
    assert weight.sum() == pytest.approx(1)
    k = 1.6 * count
    assert weight @ np.cos(k * at) == pytest.approx(np.sin(k) / k, abs=1e-10 if count > 20 else 0.1)


def test_interpolation_is_right_to_four_parts_in_100_000() -> None:
    grid = Grid.reaching(2.0, CUTOFF)
    at = np.random.default_rng(0).uniform(0, 2.0, 500)
    np.testing.assert_allclose(interpolation(grid, at) @ airy(grid.radius_um), airy(at), atol=4e-5)


def test_the_integral_over_the_plane_is_that_of_a_gaussian() -> None:
    grid = Grid.reaching(3.0, CUTOFF)
    assert grid.ring_weights() @ np.exp(-np.square(grid.radius_um) / 0.5) == pytest.approx(np.pi * 0.5, rel=1e-5)


@pytest.mark.parametrize("radius", [0.02, 0.2, 0.7])
def test_the_disc_convolves(radius: float) -> None:
    inner = Grid.reaching(1.0, CUTOFF)
    wide = inner.extended(radius)
    found = disc_integral(wide, inner, radius) @ airy(wide.radius_um)
    for i in (0, 7, inner.count // 2, inner.count - 1):
        place = inner.radius_um[i]
        brute = dblquad(
            lambda a, s, place=place: s * airy(np.hypot(place + s * np.cos(a), s * np.sin(a))),
            0, radius, 0, 2 * np.pi, epsabs=1e-8,
        )[0]  # fmt: skip
        assert found[i] == pytest.approx(brute, abs=5e-5 * np.pi * radius**2)


@pytest.mark.parametrize("pixel", [(0.03, 0.03), (0.1, 0.06), (1.1, 0.7)])
def test_pixels_are_integrated_over_their_area(pixel: tuple[float, float]) -> None:
    grid = Grid.reaching(np.hypot(3.5 * pixel[0], 4.5 * pixel[1]), CUTOFF)
    found = pixel_integral(grid, airy(grid.radius_um)[:, None], (3, 4), pixel)
    assert found.shape == (1, 4, 5)
    for y, x in ((0, 0), (1, 0), (2, 3)):
        brute = dblquad(
            lambda b, a: airy(np.hypot(a, b)),
            (y - 0.5) * pixel[0], (y + 0.5) * pixel[0], (x - 0.5) * pixel[1], (x + 0.5) * pixel[1], epsabs=1e-7,
        )[0]  # fmt: skip
        assert found[0, y, x] == pytest.approx(brute, abs=5e-5 * pixel[0] * pixel[1])


def test_pixels_in_blocks_are_the_pixels_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparsescope.optics import radial

    grid = Grid.reaching(1.0, CUTOFF)
    profile = np.stack([airy(grid.radius_um), grid.radius_um], axis=1)
    once = pixel_integral(grid, profile, (10, 8), (0.05, 0.06))
    monkeypatch.setattr(radial, "_NODES", 300)
    np.testing.assert_allclose(pixel_integral(grid, profile, (10, 8), (0.05, 0.06)), once, rtol=1e-13)


def test_unfolding_mirrors_about_the_first_element() -> None:
    assert unfold(np.array([[0.0, 1.0], [2.0, 3.0]])).tolist() == [[3, 2, 3], [1, 0, 1], [3, 2, 3]]
