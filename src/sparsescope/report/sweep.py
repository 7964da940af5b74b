"""The same busy part of an image at many settings of fidelity and sparsity, around what a run would take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, RecipeError
from ..image import Image
from ..pipeline import Plan, Progress, deconvolve, plan
from ..pipeline.blocks import Planes
from ..pipeline.survey import NOTHING_LEFT
from ..recipe import Recipe
from .busy import Place, busiest_place

Floats = npt.NDArray[np.float32]

SIDE = 256
"""Largest side of a tile in pixels."""

MARGIN = 16
"""Pixels around the window that are computed with it and cut away, so that its borders are as in the whole image."""

NEIGHBOURS = 2
"""Planes on either side that are computed with the one shown, where continuity acts along z or t."""

STEPS = (0.1, 0.1**0.5, 1.0, 10**0.5, 10.0)
"""Fidelities of the sheet, in units of the choice."""

SPARSITY_STEPS = (0.0, 0.1, 0.1**0.5, 1.0, 10**0.5)
"""Sparsities of the sheet, in units of the choice."""

OFFSETS = (0.0, 0.003, 0.01, 0.03, 0.1)
"""Sparsities in units of the fidelity, where the choice is none at all: the part of the maximum that is taken away."""

CHOSEN = frozenset({"auto", "estimated"})
"""Sources of numbers that were found from the image."""

MOST_FIDELITY, MOST_SPARSITY = 1e6, 1e5


@dataclass(frozen=True)
class Tile:
    """The window at one setting.

    Attributes
    ----------
    fidelity, sparsity : float
        Of the recipe.
    values : array, shape (Y, X), float32
        In counts.
    chosen : bool
        Whether this is the setting that a run would take.
    """

    fidelity: float
    sparsity: float
    values: Floats
    chosen: bool

    @property
    def flags(self) -> str:
        """What to add to ``sparsescope run`` for this setting."""
        return f"--fidelity {exact(self.fidelity)} --sparsity {exact(self.sparsity)}"


@dataclass(frozen=True)
class Sweep:
    """A contact sheet in numbers.

    Attributes
    ----------
    image : Image
        What was swept.
    raw : array, shape (Y, X), float32
        The window of the input, in counts.
    rows : tuple of tuple of Tile
        One row for each fidelity, rising; in it one tile for each sparsity, rising.
    place : Place
        Where the window is.
    plan : Plan
        Every other number of the run, and the source of each.
    planes : int
        Planes that were computed together.
    """

    image: Image
    raw: Floats
    rows: tuple[tuple[Tile, ...], ...]
    place: Place
    plan: Plan
    planes: int

    @property
    def chosen(self) -> Tile:
        """The tile at the setting that a run would take."""
        return next(tile for row in self.rows for tile in row if tile.chosen)

    @property
    def choice_name(self) -> str:
        """What the setting of a run is: chosen from the image, by the user, or a default."""
        sources = {self.plan.sources["fidelity"], self.plan.sources["sparsity"]}
        if sources & CHOSEN:
            return "automatic choice"
        return "default" if sources == {"default"} else "your choice"


def exact(value: float) -> str:
    """Return the shortest text that gives the same number again.

    Examples
    --------
    >>> exact(150.0), exact(0.1), exact(47.4341649)
    ('150', '0.1', '47.4341649')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def sheet_value(value: float) -> float:
    """Return a value that is short to write: itself if it is, else rounded to four digits.

    Examples
    --------
    >>> sheet_value(533.4838230116768), sheet_value(123.456)
    (533.5, 123.456)
    """
    return value if float(f"{value:g}") == value else float(f"{value:.4g}")


def axes_around(fidelity: float, sparsity: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the fidelities and the sparsities of a sheet around a choice, rising, the choice among them.

    Steps are the square root of ten; sparsities begin at 0. Values beyond what a recipe allows are left out.

    Examples
    --------
    >>> axes_around(150.0, 10.0)
    ((15.0, 47.4, 150.0, 474.0, 1500.0), (0.0, 1.0, 3.16, 10.0, 31.6))
    >>> axes_around(100.0, 0.0)[1]
    (0.0, 0.3, 1.0, 3.0, 10.0)
    """
    fidelities = [fidelity if step == 1 else float(f"{fidelity * step:.3g}") for step in STEPS]
    if sparsity > 0:
        sparsities = [sparsity if step == 1 else float(f"{sparsity * step:.3g}") for step in SPARSITY_STEPS]
    else:
        sparsities = [float(f"{fidelity * part:.3g}") for part in OFFSETS]
    return (
        tuple(sorted({f for f in fidelities if 0 < f <= MOST_FIDELITY})),
        tuple(sorted({s for s in sparsities if s <= MOST_SPARSITY})),
    )


def sweep(
    image: Image,
    recipe: Recipe | None = None,
    *,
    origins: Mapping[str, str] | None = None,
    threads: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Sweep:
    """Deconvolve a busy window of an image at many settings of fidelity and sparsity.

    Background and scale are those of the whole plane, and planes beside it and pixels around it are computed too, so a
    tile shows what a run with its flags gives there. For movies and stacks the scale is that of these planes.

    Parameters
    ----------
    image : Image
        Any axes; the window is found by ``busy.RULE``.
    recipe : Recipe, optional
        What is fixed; the rest is as in a run.
    origins : mapping, optional
        Source to state for values that were set, by name.
    threads : int, optional
        Processor threads.
    on_progress : callable, optional
        Called after each tile.

    Raises
    ------
    InputError
        If nothing stands above the background, or the image cannot be used.
    RecipeError
        If the recipe leaves the sparse stage out.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsescope.image import as_image
    >>> frame = as_image(np.random.default_rng(0).poisson(20, (48, 48)), pixel_size_um=0.1)
    >>> made = sweep(frame, Recipe.preset("published-python", resolution_um=0.3))
    >>> len(made.rows), len(made.rows[0]), made.chosen.flags, made.choice_name
    (5, 5, '--fidelity 150 --sparsity 10', 'your choice')
    """
    planned = plan(image, recipe, origins=origins)
    resolved = planned.recipe
    if resolved.sparse_iterations == 0 and resolved.tolerance is None:
        raise RecipeError(
            "the sparse stage is left out (sparse_iterations = 0), so fidelity and sparsity change nothing: "
            "give --sparse-iterations 100"
        )
    place = busiest_place(image, SIDE // resolved.upsample, planned.fwhm_px or 3.0)
    block, at = _planes_around(image, place, planned.axis)
    net, scale = _above_background(block, resolved, threads)
    crop, inner = _with_margin(net, place)
    fixed = resolved.replace(background="none", hot_pixels="none")
    choice = sheet_value(float(resolved.fidelity)), sheet_value(float(resolved.sparsity))
    fidelities, sparsities = axes_around(*choice)
    factor, shown = resolved.upsample, 0

    def tile(fidelity: float, sparsity: float) -> Tile:
        nonlocal shown
        setting = fixed.replace(fidelity=fidelity, sparsity=sparsity)
        values = deconvolve(crop, setting, threads=threads, scale=scale).image.block(**at)
        rows, columns = (slice(part.start * factor, part.stop * factor) for part in inner)
        shown += 1
        if on_progress:
            on_progress(Progress("sweep", shown, len(fidelities) * len(sparsities), "tiles"))
        return Tile(fidelity, sparsity, values[rows, columns].copy(), (fidelity, sparsity) == choice)

    rows = tuple(tuple(tile(f, s) for s in sparsities) for f in fidelities)
    raw = image.block(**place.index)[place.rows, place.columns].astype(np.float32)
    return Sweep(image, raw, rows, place, planned, math.prod(block.shape[:-2]))


def _planes_around(image: Image, place: Place, tied: str | None) -> tuple[Image, dict[str, int]]:
    """Return the plane shown with its neighbours along the axes of continuity, and which of them it is.

    Where t is tied and z is not, z stays as an axis of one plane: without it, `continuity` would be the weight along t.
    """
    index: dict[str, Any] = dict(place.index)
    at: dict[str, int] = {}
    for axis in "TZ":
        if axis in (tied or "") or (axis == "Z" and tied == "T" and axis in image.axes):
            reach = NEIGHBOURS if tied and axis in tied else 0
            first = min(max(0, index[axis] - reach), max(0, image.sizes[axis] - 2 * reach - 1))
            at[axis] = index[axis] - first
            index[axis] = slice(first, first + 2 * reach + 1)
    return Image(image.block(**index), "".join(at) + "YX", image.spacing_um, image.interval_s), at


def _above_background(block: Image, recipe: Recipe, threads: int | None) -> tuple[Image, float]:
    """Return what stands above the background of whole planes, in counts, and its largest value."""
    planes = Planes(block, None, recipe.hot_pixels)
    net = np.stack([planes.read(index)[0] for index in planes.all()]).reshape(block.shape)
    if recipe.background != "none":
        short = recipe.replace(sparse_iterations=0, tolerance=None, deconvolution_iterations=0, upsample=1)
        behind = deconvolve(block, short, threads=threads).background
        assert behind is not None
        net = net - behind.block()
    scale = float(net.max())
    if not min(scale, float(np.ptp(net))) > NOTHING_LEFT * float(np.abs(net).max()):
        raise InputError(
            "nothing stands above the background (constant or empty image), so there is nothing to compare: check that "
            "this is the right file and series, or try --background none"
        )
    return block.replace(data=net), scale


def _with_margin(net: Image, place: Place) -> tuple[Image, tuple[slice, slice]]:
    """Return the window with its margin, and where in it the window is."""
    outer, inner = [], []
    for part, length in zip((place.rows, place.columns), net.shape[-2:], strict=True):
        start = max(0, part.start - MARGIN)
        outer.append(slice(start, min(length, part.stop + MARGIN)))
        inner.append(slice(part.start - start, part.stop - start))
    return net.replace(data=net.block(Y=outer[0], X=outer[1])), (inner[0], inner[1])
