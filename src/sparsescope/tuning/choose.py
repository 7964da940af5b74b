"""Choose background, fidelity, sparsity, iterations and continuity by prediction of held-out pixels."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..engines import Engine
from ..optics.gaussian import gaussian_kernel1d
from ..preprocess.noise_correlation import correlation_radius_px
from .choice import Choice, Point, Request
from .crop import SIDE, informative
from .holdout import hold_out, weights
from .search import Search, as_good
from .trial import Bench, Setting

Floats = npt.NDArray[np.float32]
Behind = Callable[[Floats, str], Floats]

FIDELITIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
OFFSETS = (0.003, 0.01, 0.03)
"""Sparsity as a part of fidelity: s/F is the level, as a fraction of the maximum, that the L1 prior takes away. None
at all predicts best in bright images, but lets noise stand between the structures."""
COUNTS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 45)
MORE_COUNTS = (45, 60, 80, 110)
CONTINUITIES = (0.1, 0.3, 1.0)
STACK_SIDE = 128
MOVIE_SIDE = 96
FITTED = "smooth-16"
"""Background of a camera's own frames, whose noise tells what is background alone."""
GENTLE = "smooth-wide"
"""Background where noise is correlated: such frames were processed, and their noise tells nothing."""

STEEP = math.sqrt(10.0)

NOTHING = (
    "nothing stands out from background and noise: held-out pixels are predicted as well without any structure, so the "
    "most cautious settings were taken and what the result shows may be noise"
)

FEW, BRIGHT = 100, 0.1
"""Pixels brighter than a tenth of the maximum that are so few that chance decides."""


def choose(request: Request, engine: Engine, behind: Behind) -> Choice:
    """Choose what the request leaves open.

    Parameters
    ----------
    request : Request
        Planes, PSF and what is fixed.
    engine : Engine
        What computes.
    behind : callable
        ``behind(plane, mode)`` gives the background of a plane in counts.

    Returns
    -------
    Choice
        The same for the same request.

    Notes
    -----
    One pixel (or block, where noise is correlated) in each cell of a lattice is hidden; the whole two-stage method
    runs without it, and the re-blurred result plus background is compared with what was measured there. Scale and
    offset of the prediction are fitted, squared errors weighted by the local light. Any unbiased noise that is
    independent between hidden and seen pixels is allowed (Batson & Royer, ICML 2019; for deconvolution: Kobayashi et
    al., NeurIPS 2020). Prediction is blind to what the PSF does not pass, so the score also holds how far the two
    results differ that two sets of hidden pixels give (`Search`).
    """
    started = time.perf_counter()
    middle = request.planes[len(request.planes) // 2]
    width = float(np.sqrt(request.fwhm_yx_px[0] * request.fwhm_yx_px[1]))
    radius = correlation_radius_px(middle, fwhm_px=width) if request.radius_px is None else request.radius_px
    if not np.array_equal(middle, np.rint(middle)):
        radius = max(radius, 1)  # not whole counts: averaged or computed, so neighbours share noise
    crop = informative(middle, width)
    search = _search(request, engine, behind, radius, crop)
    _refine(search, request)
    notes: list[str] = []
    if radius:
        notes.append(
            f"the noise is correlated over {radius} pixel{'s' if radius > 1 else ''} (averaged, interpolated or "
            "reconstructed frames): blocks of pixels were held out, and only a gentle background is taken away"
        )
    empty = not search.stands_out()
    if empty:
        notes.append(NOTHING)
    elif (count := _filled(search.bench)) < FEW:
        notes.append(f"structures fill only {count} pixels of the part looked at: the parameters rest on few pixels")
    fidelity, sparsity, _, count = _by_intent(search, "cautious" if empty else request.intent)
    values: dict[str, float | int | str] = {
        "background": search.background,
        "fidelity": fidelity,
        "sparsity": sparsity,
        "deconvolution_iterations": count,
        "continuity": 0.0,
    }
    notes += [] if empty else _edges(search, request)
    points = search.points()
    if request.axis and len(request.planes) >= 3:
        values |= _continuity(request, engine, behind, radius, values, points)
    if request.frames is not None:
        values |= _continuity_t(request, engine, behind, radius, values, points)
        if values["continuity_t"] == 0:
            notes.append("time points are solved one by one: tying them along t predicts no better beyond doubt")
    values |= dict(request.fixed)
    return Choice(values, tuple(points), radius, crop, time.perf_counter() - started, tuple(notes))


def _filled(bench: Bench) -> int:
    """Count the pixels that structures fill, those above a tenth of the maximum."""
    return int(np.count_nonzero((bench.data - bench.behind)[bench.scored] > BRIGHT * bench.scale))


def _bench(
    request: Request, behind: Behind, mode: str, radius: int, crop: tuple[slice, slice], planes: Floats, scored: slice
) -> Bench:
    width = float(np.sqrt(request.fwhm_yx_px[0] * request.fwhm_yx_px[1]))
    backgrounds = np.stack([behind(plane, mode) for plane in planes])
    weight = np.stack([weights(plane, width)[crop] for plane in planes])
    scale = float((planes - backgrounds).max())
    y, x = crop
    return Bench(
        planes[:, y, x].copy(),
        backgrounds[:, y, x].copy(),
        weight,
        scored,
        max(scale, 1e-12),
        (gaussian_kernel1d(request.fwhm_yx_px[0]), gaussian_kernel1d(request.fwhm_yx_px[1])),
        request.method,
        request.sparse_iterations,
        radius,
    )


def _search(request: Request, engine: Engine, behind: Behind, radius: int, crop: tuple[slice, slice]) -> Search:
    """Prepare the search: background, crop and two sets of held-out pixels."""
    mode = str(request.fixed.get("background", GENTLE if radius else FITTED))
    middle = request.planes[len(request.planes) // 2 :][:1]
    shape = (crop[0].stop - crop[0].start, crop[1].stop - crop[1].start)
    holdouts = [[hold_out(shape, radius, request.seed + i)] for i in range(2)]
    return Search(_bench(request, behind, mode, radius, crop, middle, slice(0, 1)), holdouts, engine, mode)


def _counts(request: Request, counts: tuple[int, ...]) -> tuple[int, ...]:
    if request.method == "none":
        return (0,)
    fixed = request.fixed.get("deconvolution_iterations")
    return counts if fixed is None else (int(fixed),)


def _refine(search: Search, request: Request) -> None:
    """Search fidelity, then sparsity beside it, then fidelity more finely, then more iterations if they still gain."""
    counts = _counts(request, COUNTS)
    fidelity, sparsity = request.fixed.get("fidelity"), request.fixed.get("sparsity")

    def settings(fidelities: list[float], offsets: tuple[float, ...]) -> list[Setting]:
        if sparsity is not None:
            return [Setting(f, float(sparsity), counts) for f in fidelities]
        return [Setting(f, f * t, counts) for f in fidelities for t in offsets]

    fidelities = list(FIDELITIES) if fidelity is None else [float(fidelity)]
    search.run(settings(fidelities, OFFSETS[:1]))
    best = search.best()[0]
    near = [f for f in fidelities if best / 4 < f < best * 4]
    search.run(settings(near, OFFSETS[1:]))
    best_f, best_s, _, best_k = search.best()
    if fidelity is None:
        offset = best_s / best_f
        search.run(settings([best_f / math.sqrt(STEEP), best_f * math.sqrt(STEEP)], (offset,)))
        best_f, best_s, _, best_k = search.best()
    if len(counts) > 1 and best_k == counts[-1]:
        search.run([Setting(best_f, best_s, MORE_COUNTS)])


def _by_intent(search: Search, intent: str) -> tuple[float, float, float, int]:
    """Least score; or the smoothest or sharpest of the settings that are as good beyond doubt."""
    if intent == "balanced":
        return search.best()
    order = sorted(search.equals(), key=lambda key: (key[0], key[3], -key[1]))
    return order[0] if intent == "cautious" else order[-1]


def _edges(search: Search, request: Request) -> list[str]:
    """Say when the best setting lies at the end of what was tried: the minimum may lie beyond."""
    fidelity, _, _, count = search.best()
    notes = []
    if "fidelity" not in request.fixed and not FIDELITIES[0] < fidelity < FIDELITIES[-1]:
        side = "smoothest" if fidelity <= FIDELITIES[0] else "least smooth"
        notes.append(f"the {side} fidelity tried ({fidelity:.4g}) predicted best: the image may ask for more of it")
    if request.method != "none" and "deconvolution_iterations" not in request.fixed and count == MORE_COUNTS[-1]:
        notes.append(f"the most iterations tried ({count}) predicted best; more would gain little and cost much")
    return notes


def _continuity(
    request: Request,
    engine: Engine,
    behind: Behind,
    radius: int,
    values: dict[str, float | int | str],
    points: list[Point],
) -> dict[str, float | int | str]:
    """Choose continuity, with the fidelity that goes with it, on a small block of neighbouring planes."""
    width = float(np.sqrt(request.fwhm_yx_px[0] * request.fwhm_yx_px[1]))
    crop = informative(request.planes[len(request.planes) // 2], width, min(SIDE, STACK_SIDE))
    scored = slice(1, len(request.planes) - 1)
    bench = _bench(request, behind, str(values["background"]), radius, crop, request.planes, scored)
    shape = (bench.data.shape[1], bench.data.shape[2])
    holdouts = [[hold_out(shape, radius, request.seed + 100 + i) for i in range(len(request.planes))]]
    search = Search(bench, holdouts, engine, str(values["background"]))
    fidelity, sparsity = float(values["fidelity"]), float(values["sparsity"])
    count = (int(values["deconvolution_iterations"]),)
    fixed = request.fixed.get("continuity")
    weights_tried = CONTINUITIES if fixed is None else (float(fixed),)
    steps = (1.0, STEEP) if "fidelity" not in request.fixed else (1.0,)
    grid = [(fidelity * step, weight) for step in steps for weight in weights_tried]
    if fixed is None:
        grid.append((fidelity, 0.0))
    offset = sparsity / fidelity if "sparsity" not in request.fixed else None
    search.run([Setting(f, sparsity if offset is None else f * offset, count, w) for f, w in grid])
    points += search.points()
    best = search.best()
    return {"fidelity": best[0], "sparsity": best[1], "continuity": best[2]}


def _continuity_t(
    request: Request,
    engine: Engine,
    behind: Behind,
    radius: int,
    values: dict[str, float | int | str],
    points: list[Point],
) -> dict[str, float | int | str]:
    """Choose continuity along t beside that along z, with the fidelity that goes with both, on a few small stacks."""
    assert request.frames is not None
    times, depth = request.frames.shape[:2]
    planes = request.frames.reshape(-1, *request.frames.shape[2:])
    width = float(np.sqrt(request.fwhm_yx_px[0] * request.fwhm_yx_px[1]))
    mode = str(values["background"])
    crop = informative(request.frames[times // 2, depth // 2], width, MOVIE_SIDE)
    scored = slice(depth + depth // 2, (times - 1) * depth, depth)  # the middle plane of every stack between two others
    bench = replace(_bench(request, behind, mode, radius, crop, planes, scored), times=times)
    shape = (bench.data.shape[1], bench.data.shape[2])
    holdouts = [[hold_out(shape, radius, request.seed + 200 + i) for i in range(len(planes))]]
    fidelity, sparsity = float(values["fidelity"]), float(values["sparsity"])
    count, deep = (int(values["deconvolution_iterations"]),), float(values["continuity"])
    found: dict[float, Search] = {}
    for weight in (0.0, *CONTINUITIES):
        steps = (1.0, STEEP) if "fidelity" not in request.fixed else (1.0,)
        levels = [sparsity if "sparsity" in request.fixed else sparsity * step for step in steps]
        found[weight] = Search(replace(bench, continuity_t=weight), holdouts, engine, mode)
        found[weight].run([Setting(fidelity * f, s, count, deep) for f, s in zip(steps, levels, strict=True)])
        points += [replace(point, continuity_t=weight) for point in found[weight].points()]
    late = min(found, key=lambda weight: found[weight].score(found[weight].best()))
    best, alone = found[late].best(), found[0.0].best()
    if as_good(found[0.0].found[alone], found[late].found[best]):  # what moves must not be tied on a doubtful gain
        return {"continuity_t": 0.0}
    return {"fidelity": best[0], "sparsity": best[1], "continuity_t": late}
