"""What is left of dim structures beside bright ones.

    python benchmarks/quality/dim.py [--seeds 2] [--jobs 2]

Three dim lines beside a bright point, bright points, bright filaments or a bright mass with grains. Prints how much of
the lines' light the result holds (1: all), away from what is bright, against their height in photons and in standard
deviations of the noise of one pixel. Rules of tuning were made on seed 5; the default seeds are others.
"""

from __future__ import annotations

import argparse
import zlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from run import PIXEL_UM, PUBLISHED
from scenes import FINE, GRID, MARGIN, READ_NOISE, Scene, anywhere, binned, expose, filaments, splat, stamp, transfer
from scipy import fft, ndimage

import sparsescope as ss

Array = np.ndarray

FWHM_PX = 4.0
FLAT, HAZE = 0.02, 0.03
BRIGHT = ("point", "points", "filaments", "mass")
DIM = (0.02, 0.04, 0.08)
"""Height of the dim lines through the PSF, as a fraction of the bright maximum."""
LIGHTS = (100, 1000, 5000)
FRAME = (slice(MARGIN, -MARGIN),) * 2
FIRST = 20


def bright(kind: str, rng: np.random.Generator) -> Array:
    """Draw what is bright."""
    canvas = np.zeros((GRID, GRID))
    if kind == "point":
        splat(canvas, np.array([60.0]), np.array([200.0]), 1.0)
    elif kind == "points":
        splat(canvas, *anywhere(rng, 60), rng.uniform(0.5, 1.0, 60))
    elif kind == "filaments":
        filaments(rng, canvas, 4)
    else:
        stamp(canvas, 60, 200, 40, lambda d: 1 / (1 + np.exp((d - 28) / 2)))
        angle, away = rng.uniform(0, 2 * np.pi, 200), 28 * np.sqrt(rng.uniform(0, 1, 200))
        splat(canvas, 60 + away * np.sin(angle), 200 + away * np.cos(angle), rng.uniform(0, 30, 200))
    return canvas


def lines(rng: np.random.Generator) -> Array:
    """Draw three straight lines of one brightness."""
    canvas, along = np.zeros((GRID, GRID)), np.linspace(0, 1, 800 * FINE)
    for row in (40, 110, 180):
        splat(canvas, row + rng.uniform(-20, 60) * along, 20 + 200 * along, 1.0)
    return canvas


def height(canvas: Array) -> float:
    """Maximum through the PSF."""
    blurred = fft.irfft2(fft.rfft2(canvas) * transfer("airy", FWHM_PX), s=canvas.shape)
    return float(binned(blurred).max())


def scene(kind: str, part: float, light: float, seed: int) -> tuple[Scene, Array, Array]:
    """Return a frame, where its dim lines lie apart from all that is bright, and where nothing is."""
    rng = np.random.default_rng([seed, zlib.crc32(f"dim {kind} {part:g} {light:g}".encode())])
    strong, weak = bright(kind, rng), lines(rng)
    strong, weak = strong / height(strong), part * weak / height(weak)
    made = expose(
        rng, f"dim_{kind}", seed, strong + weak, light=light, fwhm_px=FWHM_PX, flat=FLAT, haze=HAZE, gain=1.0,
        psf="airy",
    )  # fmt: skip
    on = ndimage.gaussian_filter(binned(weak)[FRAME], 2)
    off = ndimage.gaussian_filter(binned(strong)[FRAME], 4)
    beside = ndimage.binary_dilation(off > 0.02 * off.max(), iterations=6)
    return made, (on > 0.3 * on.max()) & ~beside, (on < 0.01 * on.max()) & ~beside


def kept(recipe: ss.Recipe, made: Scene, where: Array, dark: Array) -> float:
    """Return the part of the lines' light that a result holds above its dark ground."""
    sizes = {"pixel_size_um": PIXEL_UM, "resolution_um": PIXEL_UM * FWHM_PX}
    found = np.asarray(ss.deconvolve(made.image, recipe, threads=1, **sizes).image.data)
    return float((found[where] - np.median(found[dark])).sum() * made.gain / made.truth[where].sum())


def row(at: tuple[str, float, float], seeds: int) -> str:
    """Return one line of the table: means over the seeds."""
    kind, part, light = at
    found = [scene(*at, FIRST + i) for i in range(seeds)]
    noise = np.mean([np.sqrt(np.median(one[0].background) + READ_NOISE**2) for one in found])
    shares = [np.mean([kept(recipe, *one) for one in found]) for recipe in (ss.Recipe(), PUBLISHED)]
    cells = [kind, f"{part:g}", f"{light:g}", f"{part * light:g}", f"{part * light / noise:.1f}"]
    return "| " + " | ".join([*cells, *(f"{share:.2f}" for share in shares)]) + " |"


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="frames of each kind (default 2)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    arguments = parser.parse_args()
    print("| beside | dim / bright | photons, bright | photons, dim | in σ of a pixel | kept, auto | kept, published |")
    print("|---|---|---|---|---|---|---|")
    every = [(kind, part, light) for kind in BRIGHT for part in DIM for light in LIGHTS]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for line in pool.map(partial(row, seeds=arguments.seeds), every):
            print(line, flush=True)


if __name__ == "__main__":
    main()
