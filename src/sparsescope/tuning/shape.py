"""Which shape the PSF has, a Gaussian or an Airy pattern of the same width: the one that predicts held-out pixels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..engines import Engine
from ..optics.airy import airy_psf
from .choice import Request
from .search import Key, Search
from .trial import Bench, Setting

Floats = npt.NDArray[np.float32]
Errors = npt.NDArray[np.float64]

LOWER = (0.0, 0.1, 0.2)
"""How far the background may lie too high, in units of the structures' mean light: what an Airy pattern spreads far is
easily taken for background, and then nothing is left that tells the shape."""
FARTHER = 1.7
"""Factor on the iterations that were best for the Gaussian up to which others are tried."""
FEWEST = 5
"""Iterations below which a result is not yet what its PSF asks for, and tells nothing of it."""
DOUBT = 3.0
"""Standard errors by which the Airy pattern must predict better."""


def psf_of(search: Search, request: Request, engine: Engine) -> Floats | None:
    """Return the PSF that is known or that the image shows, None for a Gaussian.

    Parameters
    ----------
    search : Search
        What was tried with a Gaussian.
    request : Request
        Its `psf`, `psf_open` and `fwhm_yx_px` matter.
    engine : Engine
        What computes.
    """
    if request.psf is not None or not request.psf_open:
        return request.psf
    psf = airy_psf(request.fwhm_yx_px)
    return psf if predicts_better(psf, search, engine) else None


def predicts_better(psf: Floats, search: Search, engine: Engine) -> bool:
    """Whether a PSF predicts held-out pixels better than the Gaussian of a search, beyond doubt.

    Each is given the background that suits it best of three, and its best iterations; what is compared are the squared
    errors pixel by pixel, at the fidelity and the sparsity that were best for the Gaussian.

    Parameters
    ----------
    psf : array, shape (y, x)
        Of odd lengths, its sum 1.
    search : Search
        What was tried with a Gaussian.
    engine : Engine
        What computes.
    """
    best = search.best()
    setting = Setting(best[0], best[1], around(best, search), best[2])
    net = np.maximum(search.bench.data - search.bench.behind, 0)[search.bench.scored]
    light = float(net.mean())
    found: list[tuple[int, Errors]] = []
    for one in (None, psf):
        tried = [
            _least(replace(search, bench=_lowered(search.bench, one, part * light)), setting, engine) for part in LOWER
        ]
        found.append(min(tried, key=lambda trial: float(trial[1].mean())))
    (count, errors), (other, fewer) = found
    gain = errors - fewer
    return min(count, other) >= FEWEST and bool(gain.mean() > DOUBT * gain.std() / math.sqrt(gain.size))


def around(best: Key, search: Search) -> tuple[int, ...]:
    """Return the iteration counts that were tried and are not far above the best."""
    return tuple(sorted({key[3] for key in search.found if key[3] <= max(FARTHER * best[3], FEWEST)}))


def through(psf: Floats, search: Search) -> Search:
    """Return the best setting of a search tried again with another PSF."""
    best = search.best()
    again = Search(replace(search.bench, psf=psf), search.holdouts, search.engine, search.background)
    again.run([Setting(best[0], best[1], around(best, search), best[2])])
    return again


def _lowered(bench: Bench, psf: Floats | None, by: float) -> Bench:
    return replace(bench, psf=psf, behind=bench.behind - np.float32(by))


def _least(search: Search, setting: Setting, engine: Engine) -> tuple[int, Errors]:
    """Return the iterations of least error, and the errors at the held-out pixels."""
    results = [search.bench.try_out(setting, holdouts, engine) for holdouts in search.holdouts]
    every = [np.concatenate([result[j].errors for result in results]) for j in range(len(setting.iterations))]
    least = min(range(len(every)), key=lambda j: float(every[j].mean()))
    return setting.iterations[least], every[least]
