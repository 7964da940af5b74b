"""Simulated camera frames of structures that are known, drawn finer than the pixel, seeded.

A scene is drawn on a grid four times finer than the pixel and larger than the frame (so that light comes in over the
borders as it does in a microscope), blurred there by a Gaussian or an Airy PSF, integrated over the pixels, given a
background, counted (Poisson), read (Gaussian noise, gain, offset) and rounded to uint16.

``DEVELOPMENT`` and ``HELD_OUT`` are the seeds: whatever is tuned looks at the first only.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, spatial

Array = np.ndarray

SIDE = 256
MARGIN = 32
"""Pixels of the scene beyond each border of the frame."""
FINE = 4
"""Samples of the truth along one pixel."""
GRID = (SIDE + 2 * MARGIN) * FINE

LIGHTS = (30, 300, 3000)
"""Photons at the brightest pixel above the background."""
WIDTHS = (3.2, 5.0)
"""FWHM of the PSF in pixels."""
DEVELOPMENT = tuple(range(100))
HELD_OUT = tuple(range(1000, 1100))

OFFSET = 100.0
READ_NOISE = 1.5
GAINS = (0.5, 1.0, 2.5)
HAZES = (0.0, 0.1, 0.4, 1.0)
"""Uneven part of the background, its maximum as a fraction of the structures' maximum."""
RINGS = ((96, 96, 1.0), (160, 160, 0.1))
"""Row, column and amplitude of the two rings of the kind ``two_rings``."""
RING_RADIUS = 4.0
"""Their radius in units of the PSF's FWHM."""


@dataclass(frozen=True)
class Scene:
    """A frame and what is known about it.

    Attributes
    ----------
    image : uint16 array (256, 256)
        What the camera gives: ``offset + electrons / gain``, rounded.
    truth : array (256, 256)
        Photons emitted per pixel, without background and without blur.
    signal : array (256, 256)
        The same through the PSF: what the camera would count without noise and background.
    background : array (256, 256)
        Photons per pixel that are not of the structures.
    fwhm_px, offset, gain : float
        PSF width in pixels, counts of no light, electrons per count.
    psf : str
        ``"gauss"`` or ``"airy"``.
    """

    kind: str
    light: float
    seed: int
    image: Array
    truth: Array
    signal: Array
    background: Array
    fwhm_px: float
    offset: float
    gain: float
    haze: float
    psf: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.light:g}-{self.fwhm_px:g}-{self.seed}"

    @property
    def photons(self) -> Array:
        """The frame in photons, background included."""
        return (self.image - self.offset) * self.gain

    @property
    def noise(self) -> Array:
        """What in the frame is neither structure nor background, in photons."""
        return self.photons - self.signal - self.background


def splat(canvas: Array, y: Array, x: Array, weight: Array | float) -> None:
    """Add points at (y, x), in pixels from the frame's corner, shared between the four nearest fine samples."""
    y, x = ((np.asarray(v) + MARGIN) * FINE for v in (y, x))
    row, column = np.floor(y).astype(int), np.floor(x).astype(int)
    inside = (row >= 0) & (row < GRID - 1) & (column >= 0) & (column < GRID - 1)
    row, column, y, x = row[inside], column[inside], y[inside], x[inside]
    weight = np.broadcast_to(weight, inside.shape)[inside]
    dy, dx = y - row, x - column
    flat = canvas.ravel()
    for a, wy in ((0, 1 - dy), (1, dy)):
        for b, wx in ((0, 1 - dx), (1, dx)):
            np.add.at(flat, (row + a) * GRID + column + b, weight * wy * wx)


def stamp(canvas: Array, y: float, x: float, reach: float, shape: Callable[[Array], Array]) -> None:
    """Add ``shape(distance in pixels)`` around (y, x) out to `reach` pixels."""
    centre = [(v + MARGIN) * FINE for v in (y, x)]
    low = [max(0, int(c - reach * FINE)) for c in centre]
    high = [min(GRID, int(c + reach * FINE) + 2) for c in centre]
    rows, columns = (np.arange(a, b) - c for a, b, c in zip(low, high, centre, strict=True))
    canvas[low[0] : high[0], low[1] : high[1]] += shape(np.hypot(rows[:, None], columns[None]) / FINE)


def anywhere(rng: np.random.Generator, count: int) -> Array:
    return rng.uniform(-MARGIN, SIDE + MARGIN, (2, count))


def filaments(rng: np.random.Generator, canvas: Array, count: int) -> None:
    """Long curves, bent gently, each of its own brightness."""
    step = 0.5 / FINE
    along = np.arange(-1.5 * SIDE, 1.5 * SIDE, step)
    for y, x in anywhere(rng, count).T:
        heading = rng.uniform(0, 2 * np.pi) + sum(
            rng.normal(0, 0.35) * np.sin(2 * np.pi * along / wave + rng.uniform(0, 2 * np.pi))
            for wave in (90, 200, 400)
        )
        ys, xs = np.cumsum(np.sin(heading)) * step, np.cumsum(np.cos(heading)) * step
        middle = len(along) // 2
        splat(canvas, y + ys - ys[middle], x + xs - xs[middle], rng.uniform(0.5, 1.0))


def thin_filaments(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:  # noqa: ARG001
    filaments(rng, canvas, 10)


def dense_filaments(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    filaments(rng, canvas, round(150 / fwhm))


def circle(canvas: Array, y: float, x: float, radius: float, weight: float) -> None:
    angle = np.linspace(0, 2 * np.pi, int(radius * 16 * FINE), endpoint=False)
    splat(canvas, y + radius * np.sin(angle), x + radius * np.cos(angle), weight)


def rings(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    for radius in (0.7, 1.8):
        for y, x in anywhere(rng, round(1000 / fwhm**2)).T:
            circle(canvas, y, x, radius * fwhm, rng.uniform(0.5, 1.0))


def puncta(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    count = round(6000 / fwhm**2)
    splat(canvas, *anywhere(rng, count), rng.uniform(0.2, 1.0, count))


def mesh(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    """Tubules of the endoplasmic reticulum: edges of a Voronoi mosaic, with a few bright sheets."""
    pitch = 4.5 * fwhm
    ticks = np.arange(-2 * MARGIN, SIDE + 2 * MARGIN, pitch)
    points = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2) + rng.normal(0, 0.35 * pitch, (len(ticks) ** 2, 2))
    mosaic = spatial.Voronoi(points)
    for first, last in mosaic.ridge_vertices:
        if first < 0:
            continue
        a, b = mosaic.vertices[first], mosaic.vertices[last]
        length = np.hypot(*(b - a))
        if length > 4 * pitch:
            continue
        t = np.arange(0, length, 0.5 / FINE) / max(length, 1e-9)
        bend = rng.normal(0, 0.08) * np.sin(np.pi * t)
        splat(
            canvas, a[0] + t * (b - a)[0] - bend * (b - a)[1], a[1] + t * (b - a)[1] + bend * (b - a)[0],
            rng.uniform(0.6, 1.0),
        )  # fmt: skip
    for y, x in anywhere(rng, 6).T:
        stamp(canvas, y, x, 1.5 * fwhm, lambda d: 0.25 * (d < 1.2 * fwhm))


def discs(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    for y, x in anywhere(rng, 30).T:
        radius, level = rng.uniform(1.5, 5.0) * fwhm, rng.uniform(0.3, 1.0)
        stamp(canvas, y, x, radius + 1, lambda d, r=radius, v=level: v * np.clip((r - d) * FINE + 0.5, 0, 1))


def blobs(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    for y, x in anywhere(rng, 40).T:
        sigma, level = rng.uniform(1.2, 3.5) * fwhm, rng.uniform(0.2, 1.0)
        stamp(canvas, y, x, 4 * sigma, lambda d, s=sigma, v=level: v * np.exp(-((d / s) ** 2) / 2))


def mixed(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    """Thin filaments and puncta with discs and blobs, of like brightness once blurred."""
    thin, thick = np.zeros_like(canvas), np.zeros_like(canvas)
    filaments(rng, thin, 10)
    splat(thin, *anywhere(rng, 60), 8.0)
    discs(rng, thick, fwhm)
    blobs(rng, thick, fwhm)
    line = ndimage.gaussian_filter(binned(thin), fwhm / 2.35482)
    canvas += thin / np.percentile(line, 99.5) + thick / FINE**2 / np.percentile(thick, 99)


def empty(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    """Nothing."""


def two_rings(rng: np.random.Generator, canvas: Array, fwhm: float) -> None:
    shift = rng.uniform(-0.5, 0.5, 2)
    for y, x, amplitude in RINGS:
        circle(canvas, y + shift[0], x + shift[1], RING_RADIUS * fwhm, amplitude)


KINDS: dict[str, Callable[[np.random.Generator, Array, float], None]] = {
    draw.__name__: draw
    for draw in (thin_filaments, dense_filaments, rings, puncta, mesh, discs, blobs, mixed, two_rings, empty)
}


def transfer(psf: str, fwhm: float) -> Array:
    """Transfer function of the PSF on the fine grid; the Airy pattern of FWHM w has its cut-off at 1.03 / w."""
    f = np.hypot(fft.fftfreq(GRID)[:, None], fft.rfftfreq(GRID)[None]) * FINE * fwhm
    if psf == "gauss":
        return np.exp(-2 * (np.pi / 2.35482 * f) ** 2)
    v = np.minimum(f / 1.03, 1)
    return 2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v))


def binned(canvas: Array) -> Array:
    """Integrate over pixels."""
    n = GRID // FINE
    return canvas.reshape(n, FINE, n, FINE).sum((1, 3))


def uneven(rng: np.random.Generator) -> Array:
    """A smooth field between 0 and 1."""
    field = ndimage.gaussian_filter(rng.normal(size=(SIDE // 4 + 48,) * 2), rng.uniform(8, 16))[24:-24, 24:-24]
    field = ndimage.zoom(field, SIDE / field.shape[0], order=3)
    return (field - field.min()) / np.ptp(field)


def scene(kind: str, light: float, fwhm_px: float, seed: int) -> Scene:
    """Return the scene of that kind, brightness (photons), PSF width (pixels) and seed; the same call, the same scene.

    Background, gain and shape of the PSF go round with the other arguments, so that each meets each.
    """
    level, wide = (LIGHTS.index(light) if light in LIGHTS else 0), int(fwhm_px > 4)
    place = list(KINDS).index(kind) + level + 2 * wide + seed
    rng = np.random.default_rng([seed, zlib.crc32(f"{kind} {light:g} {fwhm_px:g}".encode())])
    haze, gain, psf = HAZES[place % 4], GAINS[place % 3], ("gauss", "airy")[(level + wide + seed // 4) % 2]
    canvas = np.zeros((GRID, GRID))
    KINDS[kind](rng, canvas, fwhm_px)
    flat = 0.3 if kind == "empty" else 0.02
    return expose(rng, kind, seed, canvas, light=light, fwhm_px=fwhm_px, flat=flat, haze=haze, gain=gain, psf=psf)


def expose(
    rng: np.random.Generator, kind: str, seed: int, canvas: Array, *, light: float, fwhm_px: float, flat: float,
    haze: float, gain: float, psf: str,
) -> Scene:  # fmt: skip
    """Blur, integrate over the pixels, add a background (`flat` and `haze` are parts of the light), count and read."""
    blurred = fft.irfft2(fft.rfft2(canvas) * transfer(psf, fwhm_px), s=canvas.shape)
    frame = (slice(MARGIN, -MARGIN),) * 2
    truth, signal = binned(canvas)[frame], np.maximum(binned(blurred)[frame], 0)
    scale = light / signal.max() if signal.max() > 0 else 0.0
    background = light * (flat + haze * uneven(rng))
    electrons = rng.poisson(signal * scale + background) + rng.normal(0, READ_NOISE, signal.shape)
    image = np.clip(np.rint(electrons / gain + OFFSET), 0, 65535).astype(np.uint16)
    return Scene(
        kind, light, seed, image, truth * scale, signal * scale, background, fwhm_px, OFFSET, gain, haze, psf
    )  # fmt: skip


def scenes(seeds: tuple[int, ...], quick: bool = False) -> Iterator[Scene]:
    """Yield every kind at every light level and PSF width for each seed; `quick` takes the widths in turns."""
    for seed in seeds:
        for i, kind in enumerate(KINDS):
            for j, light in enumerate(LIGHTS):
                for k, fwhm_px in enumerate(WIDTHS):
                    if not quick or (i + j + seed) % len(WIDTHS) == k:
                        yield scene(kind, light, fwhm_px, seed)
