"""Choose what is open: first by prediction of held-out pixels, then on a frame made from what they chose."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np

from ..engines import Engine
from ..preprocess.noise_band import over
from .choice import Choice, Request
from .crop import informative
from .holdout import hold_out
from .missing import Missing
from .noise_seen import SeenNoise
from .prepare import Behind, prepare, width_px
from .rehearsal import Rehearsal
from .search import Key, Search
from .shape import FARTHER, seen_through
from .tied import Values, continuity, continuity_t
from .trial import Bench, Setting

FIDELITIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
OFFSETS = (0.003, 0.01, 0.03)
"""Sparsity as a part of fidelity: s/F is the level, as a fraction of the maximum, that the L1 prior takes away. None
at all predicts best in bright images, but lets noise stand between the structures."""
FIRST_OFFSET = (0.01,)
"""The same for the result that the rehearsal takes for the truth."""
REHEARSED_OFFSETS = (0.0, 0.01, 0.02, 0.03, 0.05)
BIASED_OFFSETS = (0.0, 0.003, 0.006)
"""The same where what sparsity takes away is not given back: more would cost dim structures their intensity."""
DARK = 3.0
"""Most that sparsity may take from a pixel, in standard deviations of the noise of a dark one: what is looked at may
hold no dim structures where others do."""
LOST = 0.002
"""Part of the pixels in which sparsity may erase something that stands out of the noise."""
COUNTS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 45, 65)
MORE_COUNTS = (65, 85, 110)
FITTED = "smooth-16"
"""Background where the noise tells what is background alone: a camera's own frames and reconstructions."""
GENTLE = "smooth-wide"
"""Background where noise is correlated and reaches beyond the optics' band: such noise tells nothing."""

DETAIL = 3.0
"""Power near the optics' cut-off, over that of the noise, that is more than light makes of noise alone."""
FULL_COUNT = 45
"""Least iterations that make the truth of the rehearsal where noise has the band of the optics and such detail stands
out of it: blocks that are held out tell nothing of that."""
FULL_FIDELITY = (30.0, 300.0)
"""Between which its fidelity is kept, as blocks tell little of that either."""

STEEP = math.sqrt(10.0)

ALIKE = 0.1
"""Part by which the rehearsed error of a setting may exceed the least for the intents to take them as equally good."""

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
    results differ that two sets of hidden pixels give (`Search`). Where the noise is that of a camera, or has the band
    of the optics (`SeenNoise`), what the best prediction gives is then taken for the truth of a made-up frame, and the
    settings that come nearest to it are chosen (`Rehearsal`), but for those whose sparsity erases what stands out of
    the noise of the plane (`Missing`). In the second case held-out blocks are blind to the finest structures, which
    noise of that band does not drown; where they stand out of it, the truth is made with more iterations.
    """
    started = time.perf_counter()
    middle = request.planes[len(request.planes) // 2]
    noise = SeenNoise.of(request)
    radius, crop = noise.radius, informative(middle, width_px(request))
    search = _search(request, engine, behind, noise, crop)
    _refine(search, request, FIRST_OFFSET if noise.variance else OFFSETS)
    notes = [_correlated(noise)] if radius else []
    empty = not search.stands_out()
    if empty:
        search.run(_settings(request, list(FIDELITIES[:2]), OFFSETS[1:]))
        notes.append(NOTHING)
    elif (count := _filled(search.bench)) < FEW:
        notes.append(f"structures fill only {count} pixels of the part looked at: the parameters rest on few pixels")
    points = search.points()
    seen = None if empty or request.method == "none" else seen_through(search, request, engine)
    if seen is not None:
        points = [point for point in points if point.key not in seen.found] + seen.points()
        search, request = seen, replace(request, psf=seen.bench.psf)
    rehearsal = None if empty else _rehearse(search, request, noise, engine)
    first = search.best() if rehearsal else _by_intent(search, "cautious" if empty else request.intent)
    chosen = _rehearsed_by_intent(rehearsal, request.intent) if rehearsal else first
    notes += [] if empty else _edges(chosen, request)
    values = _values(search.background, first)
    if request.axis and len(request.planes) >= 3:
        values |= continuity(request, engine, behind, radius, values, points)
    if request.frames is not None:
        values |= continuity_t(request, engine, behind, radius, values, points)
        if values["continuity_t"] == 0:
            notes.append("time points are solved one by one: tying them along t predicts no better beyond doubt")
    more = float(values["fidelity"]) / first[0]  # what ties allow
    values |= {"fidelity": chosen[0] * more, "sparsity": chosen[1] * more, "deconvolution_iterations": chosen[3]}
    values |= dict(request.fixed)
    if request.psf_open:
        values["psf_model"] = "gaussian" if seen is None else "airy"
    rehearsed = tuple(rehearsal.points(search.background)) if rehearsal else ()
    return Choice(values, tuple(points), radius, crop, time.perf_counter() - started, tuple(notes), rehearsed)


def _correlated(noise: SeenNoise) -> str:
    """Return the note on correlated noise."""
    pixels = f"{noise.radius} pixel{'s' if noise.radius > 1 else ''}"
    if noise.band is not None:
        return (
            f"the noise is correlated over {pixels} and has the band of the optics (reconstructed frames): blocks of "
            "pixels were held out, and settings were tried on frames made with such noise"
        )
    return (
        f"the noise is correlated over {pixels} (averaged, interpolated or reconstructed frames): blocks of pixels "
        "were held out, and only a gentle background is taken away"
    )


def _values(background: str, key: Key) -> Values:
    return {
        "background": background,
        "fidelity": key[0],
        "sparsity": key[1],
        "deconvolution_iterations": key[3],
        "continuity": 0.0,
    }


def _filled(bench: Bench) -> int:
    """Count the pixels that structures fill, those above a tenth of the maximum."""
    return int(np.count_nonzero((bench.data - bench.behind)[bench.scored] > BRIGHT * bench.scale))


def _search(request: Request, engine: Engine, behind: Behind, noise: SeenNoise, crop: tuple[slice, slice]) -> Search:
    """Prepare the search: background, crop and two sets of held-out pixels."""
    mode = str(request.fixed.get("background", FITTED if noise.variance else GENTLE))
    radius, unbiased = noise.radius, request.unbiased and noise.variance is None
    middle = request.planes[len(request.planes) // 2 :][:1]
    shape = (crop[0].stop - crop[0].start, crop[1].stop - crop[1].start)
    holdouts = [[hold_out(shape, radius, request.seed + i)] for i in range(2)]
    bench = prepare(request, behind, mode, radius, crop, middle, slice(0, 1))
    return Search(replace(bench, unbiased=unbiased, psf=None), holdouts, engine, mode)


def _counts(request: Request, counts: tuple[int, ...]) -> tuple[int, ...]:
    if request.method == "none":
        return (0,)
    fixed = request.fixed.get("deconvolution_iterations")
    return counts if fixed is None else (int(fixed),)


def _settings(
    request: Request, fidelities: list[float], offsets: tuple[float, ...], counts: tuple[int, ...] = COUNTS
) -> list[Setting]:
    """Every fidelity with every offset; what is fixed stays."""
    counts, sparsity = _counts(request, counts), request.fixed.get("sparsity")
    if "fidelity" in request.fixed:
        fidelities = [float(request.fixed["fidelity"])]
    if sparsity is not None:
        return [Setting(f, float(sparsity), counts) for f in fidelities]
    return [Setting(f, f * t, counts) for f in fidelities for t in offsets]


def _refine(search: Search, request: Request, offsets: tuple[float, ...]) -> None:
    """Search fidelity, then sparsity beside it, then fidelity more finely, then more iterations if they still gain."""
    search.run(_settings(request, list(FIDELITIES), offsets[:1]))
    best = search.best()[0]
    search.run(_settings(request, [f for f in FIDELITIES if best / 4 < f < best * 4], offsets[1:]))
    best, sparsity, _, _ = search.best()
    if "fidelity" not in request.fixed:
        finer = [best / math.sqrt(STEEP), best * math.sqrt(STEEP)]
        search.run(_settings(request, finer, (sparsity / best,)))
    _more(search, request)


def _more(trials: Search | Rehearsal, request: Request) -> None:
    """Try more iterations where the most so far were best."""
    fidelity, sparsity, _, count = trials.best()
    if "deconvolution_iterations" not in request.fixed and count == COUNTS[-1]:
        trials.run([Setting(fidelity, sparsity, MORE_COUNTS)])


def _rehearse(search: Search, request: Request, noise: SeenNoise, engine: Engine) -> Rehearsal | None:
    """Compare settings around the best one on a frame made from its result, from coarse to fine."""
    variance, bench, width = noise.variance, search.bench, request.fwhm_yx_px
    if variance is None or {"fidelity", "sparsity", "deconvolution_iterations"} <= set(request.fixed):
        return None
    first, offsets = _first(search, noise), _offsets(request, bench, variance)
    spectrum = None if noise.band is None else over(bench.data.shape[1:], noise.band.power)
    rehearsal = Rehearsal.of(bench, first, variance, width, engine, request.seed, request.unbiased, spectrum)
    missing = Missing(rehearsal.bench, variance, width, spectrum)
    most = math.inf if request.psf is None else FARTHER * first.iterations[0]  # a sampled PSF takes three times as long
    counts = tuple(count for count in COUNTS if count <= most)
    coarse = [max(first.fidelity * step, FIDELITIES[0]) for step in (1 / STEEP, 1.0, STEEP)]
    rehearsal.run(_settings(request, coarse, offsets, counts))
    _spare(rehearsal, missing, request)
    fidelity, sparsity, _, _ = rehearsal.best()
    near = min(range(len(offsets)), key=lambda i: abs(offsets[i] - sparsity / fidelity))
    finer = [max(fidelity / math.sqrt(STEEP), FIDELITIES[0]), fidelity * math.sqrt(STEEP)]
    rehearsal.run(_settings(request, finer, offsets[max(near - 1, 0) : near + 2], counts))
    _spare(rehearsal, missing, request)
    _more(rehearsal, request)
    return rehearsal


def _first(search: Search, noise: SeenNoise) -> Setting:
    """Return the setting that makes the truth of the rehearsal."""
    fidelity, sparsity, _, count = search.best()
    if noise.band is None:
        return Setting(fidelity, sparsity, (count,))
    kept = min(max(fidelity, FULL_FIDELITY[0]), FULL_FIDELITY[1])
    full = FULL_COUNT if noise.band.detail > DETAIL else 0
    return Setting(kept, sparsity * kept / fidelity, (max(count, full),))


def _offsets(request: Request, bench: Bench, variance: tuple[float, float, float]) -> tuple[float, ...]:
    """Return the offsets to compare: what they take is not far above the noise where there is background alone."""
    if not request.unbiased:
        return BIASED_OFFSETS
    slope, intercept, least = variance
    dark = math.sqrt(max(slope * float(np.median(bench.behind)) + intercept, least)) / bench.scale
    return tuple(offset for offset in REHEARSED_OFFSETS if offset <= DARK * dark)


def _spare(rehearsal: Rehearsal, missing: Missing, request: Request) -> None:
    """Rule out offsets that erase what stands out of the noise: the made-up truth may have lost it before."""
    if "sparsity" in request.fixed:
        return
    fidelity, sparsity, _, count = rehearsal.best()
    most = missing.pixels(Setting(fidelity, 0.0, (count,)), rehearsal.engine) + LOST * missing.net.size
    while sparsity > 0 and missing.pixels(Setting(fidelity, sparsity, (count,)), rehearsal.engine) > most:
        rehearsal.below = sparsity / fidelity
        fidelity, sparsity, _, count = rehearsal.best()


def _by_intent(search: Search, intent: str) -> Key:
    """Least score; or the smoothest or sharpest of the settings that are as good beyond doubt."""
    return search.best() if intent == "balanced" else _end(search.equals(), intent)


def _rehearsed_by_intent(rehearsal: Rehearsal, intent: str) -> Key:
    """Least error; or the smoothest or sharpest of the settings that are nearly as good."""
    return rehearsal.best() if intent == "balanced" else _end(rehearsal.equals(ALIKE), intent)


def _end(keys: list[Key], intent: str) -> Key:
    order = sorted(keys, key=lambda key: (key[0], key[3], -key[1]))
    return order[0] if intent == "cautious" else order[-1]


def _edges(chosen: Key, request: Request) -> list[str]:
    """Say when the setting lies at the end of what was tried: the best may lie beyond."""
    fidelity, _, _, count = chosen
    notes = []
    if "fidelity" not in request.fixed and not FIDELITIES[0] < fidelity < FIDELITIES[-1]:
        side = "smoothest" if fidelity <= FIDELITIES[0] else "least smooth"
        notes.append(f"the {side} fidelity tried ({fidelity:.4g}) was best: the image may ask for more of it")
    if request.method != "none" and "deconvolution_iterations" not in request.fixed and count == MORE_COUNTS[-1]:
        notes.append(f"the most iterations tried ({count}) were best; more would gain little and cost much")
    return notes
