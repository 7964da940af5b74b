"""Structures of known shape, drawn on a canvas: what fluorescence microscopes look at, and what tests a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import spatial

from .canvas import Canvas, Doubles


@dataclass(frozen=True)
class Look:
    """What a phantom is told.

    Attributes
    ----------
    fwhm_um : float
        Width of the PSF, the natural scale of a phantom: sizes and densities that are not given follow it.
    size_um : float or None
        The phantom's own size (see `KINDS`); None for its default.
    count : int or None
        How many objects; None for its default density.
    time_s : float
        Time of the frame, for phantoms that move or change.
    times_s : tuple of float
        Times of all frames.
    """

    fwhm_um: float
    size_um: float | None = None
    count: int | None = None
    time_s: float = 0.0
    times_s: tuple[float, ...] = (0.0,)

    def size(self, in_widths: float) -> float:
        """Return the size in µm: the given one, or so many widths of the PSF."""
        return in_widths * self.fwhm_um if self.size_um is None else self.size_um

    def number(self, canvas: Canvas, per_square_width: float, least: int = 1) -> int:
        """Return how many objects: as given, or so many in each square of the PSF's width."""
        if self.count is not None:
            return self.count
        return max(least, round(per_square_width * canvas.area() / self.fwhm_um**2))


Draw = Callable[[Canvas, np.random.Generator, Look], None]


def rings(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw circles of one diameter, each of its own brightness."""
    diameter = look.size(1.4)
    for y, x in canvas.anywhere(rng, look.number(canvas, 0.02)):
        _ring(canvas, y, x, diameter, rng.uniform(0.5, 1.0))


def _ring(canvas: Canvas, y: float, x: float, diameter: float, light_per_um: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 181)
    canvas.curve(y + diameter / 2 * np.sin(angle), x + diameter / 2 * np.cos(angle), light_per_um)
    canvas.objects.append({"kind": "ring", "y_um": y, "x_um": x, "diameter_um": diameter, "light_per_um": light_per_um})


def puncta(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw points, or discs of the given diameter, each of its own brightness."""
    for y, x in canvas.anywhere(rng, look.number(canvas, 0.05)):
        light = rng.uniform(0.2, 1.0)
        canvas.disc(y, x, look.size_um or 0.0, light)
        canvas.objects.append({"kind": "punctum", "y_um": y, "x_um": x, "light": light})


def filaments(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw long curves, bent gently, thin or of the given thickness, each of its own brightness."""
    count = look.count or max(3, round(0.05 * canvas.area() ** 0.5 / look.fwhm_um * 3))
    for y, x in canvas.anywhere(rng, count):
        ys, xs = _bent(canvas, rng, look.fwhm_um)
        canvas.curve(y + ys, x + xs, rng.uniform(0.5, 1.0), look.size_um or 0.0)


def _bent(canvas: Canvas, rng: np.random.Generator, width: float) -> tuple[Doubles, Doubles]:
    """Return a curve through the origin, longer than the field, of a heading that wanders on three wavelengths."""
    reach = 0.8 * canvas.area() ** 0.5
    along = np.linspace(-reach, reach, 1201)
    heading = rng.uniform(0, 2 * np.pi) + sum(
        rng.normal(0, 0.35) * np.sin(2 * np.pi * along / wave + rng.uniform(0, 2 * np.pi))
        for wave in (25 * width, 50 * width, 100 * width)
    )
    step = along[1] - along[0]
    y, x = np.cumsum(np.sin(heading)) * step, np.cumsum(np.cos(heading)) * step
    return y - y[600], x - x[600]


def crossing(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw pairs of straight lines that cross at 5 to 90 degrees, one pair in each cell of a lattice."""
    length = look.size(8.0)
    for y, x in _lattice(canvas, rng, 1.3 * length, look.count):
        first, between = rng.uniform(0, np.pi), np.radians(rng.uniform(5, 90))
        for angle in (first, first + between):
            half = np.array([-0.5, 0.5]) * length
            canvas.curve(y + half * np.sin(angle), x + half * np.cos(angle), 1.0)
        canvas.objects.append({"kind": "crossing", "y_um": y, "x_um": x, "angle_deg": float(np.degrees(between))})


LADDER = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0)
"""Separations of line pairs in widths of the PSF, taken in turns where none is given."""


def line_pairs(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw pairs of parallel lines, of the given separation or of a ladder of them, at random angles and places."""
    length = 5 * look.fwhm_um
    places = _lattice(canvas, rng, 8 * look.fwhm_um, look.count)
    for number, (y, x) in enumerate(places):
        separation = look.size(LADDER[number % len(LADDER)])
        line_pair(canvas, y, x, separation, rng.uniform(0, np.pi), length)


def line_pair(
    canvas: Canvas, y_um: float, x_um: float, separation_um: float, angle_rad: float, length_um: float
) -> None:
    """Draw two parallel lines; the angle is that of the lines, from the x axis towards y."""
    half = np.array([-0.5, 0.5]) * length_um
    sine, cosine = np.sin(angle_rad), np.cos(angle_rad)
    for side in (-separation_um / 2, separation_um / 2):
        canvas.curve(y_um + half * sine + side * cosine, x_um + half * cosine - side * sine, 1.0)
    canvas.objects.append(
        {
            "kind": "line pair", "y_um": y_um, "x_um": x_um, "separation_um": separation_um,
            "angle_deg": float(np.degrees(angle_rad)), "length_um": length_um,
        }
    )  # fmt: skip


def _lattice(canvas: Canvas, rng: np.random.Generator, pitch: float, count: int | None) -> list[tuple[float, float]]:
    """Return places on a lattice that fits the frame, each moved by up to half a pixel at random."""
    height, width = canvas.grid.field_um
    down, across = max(1, int(height / pitch)), max(1, int(width / pitch))
    rows, columns = (np.arange(down) + 0.5) * height / down, (np.arange(across) + 0.5) * width / across
    shifts = rng.uniform(-0.5, 0.5, (down, across, 2)) * canvas.grid.pixel_size_um
    places = [(rows[i] + shifts[i, j, 0], columns[j] + shifts[i, j, 1]) for i in range(down) for j in range(across)]
    return places[:count]


def mesh(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw tubules like those of the endoplasmic reticulum: edges of a Voronoi mosaic, with a few bright sheets."""
    pitch = look.size(4.5)
    height, width = canvas.grid.field_um
    margin = canvas.grid.margin_um + pitch
    ticks = [np.arange(-margin, n + margin, pitch) for n in (height, width)]
    points = np.stack(np.meshgrid(*ticks, indexing="ij"), -1).reshape(-1, 2)
    mosaic = spatial.Voronoi(points + rng.normal(0, 0.35 * pitch, points.shape))
    bow = np.linspace(0, 1, 21)
    for first, last in mosaic.ridge_vertices:
        a, b = mosaic.vertices[first], mosaic.vertices[last]
        if first < 0 or np.hypot(*(b - a)) > 4 * pitch:
            continue
        bend = rng.normal(0, 0.08) * np.sin(np.pi * bow)
        canvas.curve(
            a[0] + bow * (b - a)[0] - bend * (b - a)[1], a[1] + bow * (b - a)[1] + bend * (b - a)[0],
            rng.uniform(0.6, 1.0), look.fwhm_um / 4,
        )  # fmt: skip
    for y, x in canvas.anywhere(rng, 6):
        canvas.disc(y, x, 2 * look.fwhm_um, 0.8 * look.fwhm_um)


def discs(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw even discs, of the given diameter or of 3 to 10 widths of the PSF, each of its own brightness."""
    for y, x in canvas.anywhere(rng, look.number(canvas, 0.003, 3)):
        diameter = look.size(rng.uniform(3, 10))
        canvas.disc(y, x, diameter, rng.uniform(0.3, 1.0) * diameter**2)
        canvas.objects.append({"kind": "disc", "y_um": y, "x_um": x, "diameter_um": diameter})


def blobs(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw smooth Gaussian hills, of the given width (FWHM) or of 3 to 8 widths of the PSF."""
    for y, x in canvas.anywhere(rng, look.number(canvas, 0.004, 3)):
        sigma, level = look.size(rng.uniform(3, 8)) / 2.35482, rng.uniform(0.2, 1.0)
        canvas.stamp(y, x, 4 * sigma, lambda d, s=sigma, v=level: v * np.exp(-((d / s) ** 2) / 2))  # type: ignore[misc]


def empty(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw nothing: whatever is found in the result is false."""


def mixed(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw thin filaments, rings and points upon a few discs and hills."""
    thin, thick = Canvas(canvas.grid), Canvas(canvas.grid)
    for draw in (filaments, rings, puncta):
        one = Canvas(canvas.grid)
        draw(one, rng, Look(look.fwhm_um))
        thin.samples += one.samples / max(one.samples.sum(), 1e-30)
        thin.objects += one.objects
    discs(thick, rng, Look(look.fwhm_um))
    blobs(thick, rng, Look(look.fwhm_um))
    canvas.samples += thin.samples / 3 + 0.7 * thick.samples / max(thick.samples.sum(), 1e-30)
    canvas.objects += thin.objects


def moving(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw points that go straight at constant speed; the size is the way per second."""
    speed = look.size(0.5)
    for y, x in canvas.anywhere(rng, look.number(canvas, 0.02)):
        heading, light = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.0)
        there = (y + speed * look.time_s * np.sin(heading), x + speed * look.time_s * np.cos(heading))
        canvas.points(*there, light)
        canvas.objects.append({"kind": "mover", "y_um": there[0], "x_um": there[1], "light": light})


def blinking(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw single molecules on crossing rings, few of them on in any one frame, each on anew with chance 1 in 50."""
    circle = look.size(6.0)
    places = []
    for y, x in _lattice(canvas, rng, 1.3 * circle, None):
        angle = rng.uniform(0, 2 * np.pi, look.count or 60)
        places.append(np.stack([y + circle / 2 * np.sin(angle), x + circle / 2 * np.cos(angle)], -1))
    where = np.concatenate(places)
    on = rng.random((len(look.times_s), len(where))) < 1 / 50
    for y, x in where[on[int(np.argmin(np.abs(np.asarray(look.times_s) - look.time_s)))]]:
        canvas.points(y, x, 1.0)
        canvas.objects.append({"kind": "molecule", "y_um": y, "x_um": x})


RISE_S, DECAY_S = 0.1, 0.8
"""Time constants of the transients: a jump smoothed by the first, decaying with the second (GCaMP-like)."""


def transients(canvas: Canvas, rng: np.random.Generator, look: Look) -> None:
    """Draw discs and points of steady brightness F0 that rise now and then and decay, as with a calcium indicator."""
    span = float(look.times_s[-1] - look.times_s[0]) + 1e-9
    for number, (y, x) in enumerate(_lattice(canvas, rng, 6 * look.fwhm_um, look.count)):
        diameter = look.size(3.0) if number % 2 else 0.0
        base, rise = rng.uniform(0.3, 1.0), rng.uniform(0.5, 4.0)
        starts = rng.uniform(0, span, 3)
        gone = np.clip(look.time_s - starts, 0, None)
        course = float(np.sum((1 - np.exp(-gone / RISE_S)) * np.exp(-gone / DECAY_S)))
        light = base * (1 + rise * course) * max(1.0, (diameter / look.fwhm_um) ** 2)
        canvas.disc(y, x, diameter, light)
        canvas.objects.append(
            {
                "kind": "cell",
                "y_um": y,
                "x_um": x,
                "diameter_um": diameter,
                "light": light,
                "resting_light": light / (1 + rise * course),
            }
        )


@dataclass(frozen=True)
class Kind:
    """A phantom by name: how it is drawn, what its size is, and whether it changes with time."""

    draw: Draw
    about: str
    size: str = ""
    changes: bool = False


KINDS = {
    "rings": Kind(rings, "circles of one diameter, of unequal brightness", "diameter, default 1.4 × FWHM"),
    "puncta": Kind(puncta, "points or small discs, of unequal brightness", "diameter, default 0"),
    "filaments": Kind(filaments, "long, gently bent curves", "thickness, default 0"),
    "crossing": Kind(crossing, "pairs of straight lines crossing at 5 to 90 degrees", "length, default 8 × FWHM"),
    "line-pairs": Kind(line_pairs, "parallel lines at stated separations", "separation, default 0.3 to 2 × FWHM"),
    "mesh": Kind(mesh, "tubules and sheets like the endoplasmic reticulum", "mesh width, default 4.5 × FWHM"),
    "discs": Kind(discs, "even discs with sharp borders", "diameter, default 3 to 10 × FWHM"),
    "blobs": Kind(blobs, "smooth hills with nothing fine in them", "width, default 3 to 8 × FWHM"),
    "mixed": Kind(mixed, "filaments, rings and points upon discs and hills"),
    "empty": Kind(empty, "nothing but background"),
    "moving": Kind(moving, "points on straight ways", "way in a second, default 0.5 × FWHM", changes=True),
    "blinking": Kind(blinking, "single molecules on rings, few on at a time", "ring, default 6 × FWHM", changes=True),
    "transients": Kind(transients, "cells with calcium-like transients", "diameter, default 3 × FWHM", changes=True),
}
"""Every phantom by its name on the command line."""
