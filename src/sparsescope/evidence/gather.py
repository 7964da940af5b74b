"""Gather the evidence on one channel of a result: quick beside every run, or full on demand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from ..errors import RecipeError
from ..image import Image
from ..pipeline import Progress, Result
from ..quality.injection import separations_px
from .cache import Cache
from .frozen import Frozen, freeze
from .measure import Findings, exposure, fit_to_data, movie, shape_of_result
from .model import Evidence, Finding
from .trials import (
    FACTORS,
    ROUNDS,
    WIDTHS,
    injected_pairs,
    light_and_zeros,
    other_parameters,
    psf_width,
    split_halves,
)
from .verdict import judge

Level = Literal["quick", "full"]

QUICK_SIDE: Final = 256
FULL_SIDE: Final = 512
"""Largest side of the window that is looked at, in pixels."""
QUICK_SOLVES: Final = 2 + len(WIDTHS)
QUICK_PART: Final = 0.2
"""Part of a run's voxels that quick evidence may reconstruct again."""
CHOOSING_VOXELS: Final = 30 * 256**2
"""Voxels that the choice of parameters reconstructs, about; quick evidence may take its part of them too."""
SMALLEST_SIDE: Final = 64


@dataclass(frozen=True)
class Cost:
    """What evidence will take.

    Attributes
    ----------
    solves : int
        Reconstructions of the window.
    seconds : float or None
        Estimated from one of them; None where none was timed.
    """

    solves: int
    seconds: float | None


def gather(
    image: Image,
    result: Result,
    level: Level = "quick",
    *,
    channel: int | None = None,
    threads: int | None = None,
    cache: Cache | Path | None = None,
    on_cost: Callable[[Cost], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Evidence:
    """Gather what tells how far a result can be believed.

    The busiest window of the plane with most structure is looked at. ``"quick"`` reconstructs that window four times at
    most (two halves of the light, two PSF widths), and fewer or none where a run took little itself; ``"full"`` about
    twenty times, and adds parameters, injected line pairs and linearity.

    Parameters
    ----------
    image : Image
        The input of the run.
    result : Result
        What :func:`sparsescope.deconvolve` returned for it.
    level : str
        ``"quick"`` or ``"full"``.
    channel : int, optional
        Along C; the first when left out.
    threads : int, optional
        Processor threads.
    cache : Cache or Path, optional
        Where full evidence is kept, by the pixels looked at and the recipe; nothing is kept when left out.
    on_cost : callable, optional
        Called with a Cost before full evidence is gathered.
    on_progress : callable, optional
        Called after each reconstruction.

    Returns
    -------
    Evidence
        Numbers, maps, curves and findings; the same input gives the same, but for `seconds`.

    Raises
    ------
    RecipeError
        If the level is none of the two.

    Examples
    --------
    >>> import sparsescope as ss
    >>> frame = np.random.default_rng(0).poisson(20 + 200 * np.eye(64)).astype("uint16")
    >>> result = ss.deconvolve(frame, ss.Recipe.preset("published-python"), pixel_size_um=0.1, resolution_um=0.3)
    >>> evidence = gather(ss.as_image(frame, pixel_size_um=0.1), result)
    >>> evidence.colour in ("green", "amber", "red"), evidence.number("rsp") > 0.5
    (True, True)
    """
    if level not in ("quick", "full"):
        raise RecipeError(f"evidence level {level!r}: allowed are 'quick' and 'full'")
    started = time.perf_counter()
    side = FULL_SIDE if level == "full" else QUICK_SIDE
    frozen = freeze(image, result, channel=channel, side=side, threads=threads)
    if frozen is None:
        return _nothing(image, level)
    store = Cache(cache) if isinstance(cache, Path) else cache
    key = "" if store is None or level == "quick" else store.key(frozen)
    if store is not None and key and (kept := store.load(key)) is not None:
        return replace(kept, seconds=0.0)
    found = Findings()
    exposure(image, frozen, found)
    fit_to_data(frozen, found)
    shape_of_result(frozen, found)
    movie(image, result.image, result.background, frozen, found)
    if level == "full":
        cost = _cost(frozen, on_cost)
        step = _steps(cost.solves, on_progress)
        for trial in (split_halves, psf_width, other_parameters, injected_pairs, light_and_zeros):
            trial(frozen, found, step)
    elif (small := _affordable(image, result, frozen, threads)) is not None:
        _quick_trials(small, found, on_progress, same=small is frozen)
    findings, numbers, maps = judge(found.numbers, found.arrays, frozen.fwhm_px)
    found.add(*numbers, *maps)
    rows, columns = frozen.place.rows, frozen.place.columns
    evidence = Evidence(
        level, dict(frozen.place.index), (rows.start, rows.stop), (columns.start, columns.stop), tuple(found.numbers),
        tuple(found.maps), tuple(found.curves), tuple(findings), found.solves, time.perf_counter() - started,
    )  # fmt: skip
    if store is not None and key:
        store.save(key, evidence)
    return evidence


def solves_of(frozen: Frozen) -> int:
    """Return how many reconstructions of its window full evidence takes.

    Notes
    -----
    Two halves; PSF widths; parameters; each separation in each round and one without pairs; two for linearity and one
    certified optimum.
    """
    recipe = frozen.recipe
    sparse = recipe.sparse_iterations != 0 or recipe.tolerance is not None
    psf = len(WIDTHS) if recipe.deconvolution != "none" else 0
    injected = 1 + ROUNDS * len(separations_px(frozen.fwhm_px))
    return 2 + psf + (2 * len(FACTORS) + 1 if sparse else 0) + injected + 2


def _cost(frozen: Frozen, on_cost: Callable[[Cost], None] | None) -> Cost:
    """Say what full evidence will take, from one timed reconstruction."""
    solves = solves_of(frozen)
    if on_cost is None:
        return Cost(solves, None)
    started = time.perf_counter()
    frozen.reconstruct()
    cost = Cost(solves, solves * (time.perf_counter() - started))
    on_cost(cost)
    return cost


def _steps(total: int, on_progress: Callable[[Progress], None] | None) -> Callable[[], None]:
    done = 0

    def step() -> None:
        nonlocal done
        done = min(done + 1, total)
        if on_progress is not None:
            on_progress(Progress("evidence", done, total, "solves"))

    return step


def _affordable(image: Image, result: Result, frozen: Frozen, threads: int | None) -> Frozen | None:
    """Return the window that quick evidence may reconstruct: smaller, or none, where the run itself took little."""
    voxels = float(np.prod([n for axis, n in image.sizes.items() if axis != "C"]))
    if "auto" in result.sources.values():
        voxels += CHOOSING_VOXELS
    side = int(np.sqrt(QUICK_PART * voxels / QUICK_SOLVES / len(frozen.data)))
    if side >= min(QUICK_SIDE, max(frozen.counts.shape)):
        return frozen
    if side < SMALLEST_SIDE:
        return None
    channel = frozen.place.index.get("C")
    return freeze(image, result, channel=channel, side=side, threads=threads)


def _quick_trials(
    frozen: Frozen, found: Findings, on_progress: Callable[[Progress], None] | None, *, same: bool
) -> None:
    """Halves and PSF widths; on a smaller window they give numbers but no map of doubt."""
    part = found if same else Findings(arrays=dict(found.arrays))
    if not same:
        fit_to_data(frozen, part)
        part.numbers, part.maps = [], []
    step = _steps(QUICK_SOLVES, on_progress)
    for trial in (split_halves, psf_width):
        trial(frozen, part, step)
    if not same:
        found.solves += part.solves
        found.numbers += part.numbers
        found.curves += part.curves


def _nothing(image: Image, level: str) -> Evidence:
    text = "nothing stands above the background: the result is zero, and there is nothing to judge"
    finding = Finding("red", text, "")
    return Evidence(level, {}, (0, image.sizes["Y"]), (0, image.sizes["X"]), (), (), (), (finding,), 0, 0.0)
