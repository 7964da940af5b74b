"""Milder scenes: thin and thick structures, dim and bright, a moderately uneven background, a camera offset.

Made to the description of the measurements behind the bars; ``LIGHTS``, ``FLAT`` and ``HAZE`` were set so that
the published defaults lose and reach on them about what they did there (4.7 dB, 0.84 of the oracle's agreement). Seeds
of their own: whatever is tuned looks at ``DEVELOPMENT`` only.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np
from scenes import FINE, GRID, Scene, anywhere, expose, filaments, mixed, puncta, rings, splat, stamp, thin_filaments
from scipy import ndimage

Array = np.ndarray

LIGHTS = (50, 500)
"""Photons at the brightest pixel above the background."""
WIDTHS = (3.2, 4.2)
"""FWHM of the PSF in pixels, in turns."""
FLAT = (0.02, 0.15)
HAZE = (0.02, 0.2)
"""Flat and uneven part of the background, as fractions of the light: the range that is drawn from."""
DEVELOPMENT = tuple(range(2000, 2100))
HELD_OUT = tuple(range(3000, 3100))


def bundles(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    """Filaments somewhat wider than the PSF."""
    line = np.zeros_like(canvas)
    filaments(rng, line, 6)
    canvas += ndimage.uniform_filter(line, round(rng.uniform(1.0, 1.6) * fwhm * FINE))


def cells(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    """A few bodies of 8 to 16 PSF widths with soft edges, brighter grains within."""
    for y, x in anywhere(rng, 7).T:
        radius, level = rng.uniform(4, 8) * fwhm, rng.uniform(0.4, 1.0)
        stamp(canvas, y, x, 2 * radius, lambda d, r=radius, v=level: v / (1 + np.exp((d - r) / (0.15 * r))))
        angle, away = rng.uniform(0, 2 * np.pi, 20), radius * np.sqrt(rng.uniform(0, 0.8, 20))
        grain = rng.uniform(0.2, 1.0, 20) * level * (fwhm * FINE) ** 2 * 0.6
        splat(canvas, y + away * np.sin(angle), x + away * np.cos(angle), grain)


KINDS: dict[str, Callable[[np.random.Generator, Array, float], None]] = {
    draw.__name__: draw for draw in (thin_filaments, puncta, rings, mixed, bundles, cells)
}


def scene(kind: str, light: float, seed: int) -> Scene:
    """Return the scene of that kind, brightness (photons) and seed; the same call, the same scene."""
    place = list(KINDS).index(kind) + LIGHTS.index(light) + seed
    rng = np.random.default_rng([seed, zlib.crc32(f"mild {kind} {light:g}".encode())])
    fwhm_px, gain, psf = WIDTHS[place % 2], (0.5, 1.0, 2.0)[place % 3], ("gauss", "airy")[place // 2 % 2]
    canvas = np.zeros((GRID, GRID))
    KINDS[kind](rng, canvas, fwhm_px)
    flat, haze = rng.uniform(*FLAT), rng.uniform(*HAZE)
    return expose(rng, kind, seed, canvas, light=light, fwhm_px=fwhm_px, flat=flat, haze=haze, gain=gain, psf=psf)


def scenes(seeds: tuple[int, ...]) -> Iterator[Scene]:
    """Yield every kind at every light level for each seed: twelve scenes a seed."""
    for seed in seeds:
        for kind in KINDS:
            for light in LIGHTS:
                yield scene(kind, light, seed)
