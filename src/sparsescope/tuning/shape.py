"""Which shape the PSF has, a Gaussian or an Airy pattern of the same width: the one that predicts held-out pixels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..engines import Engine
from ..optics.airy import airy_psf
from .choice import Request
from .search import Search
from .trial import Setting

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


def seen_through(search: Search, request: Request, engine: Engine) -> Search | None:
    """Return the best setting of a search tried with the PSF that is known, or that the image shows.

    Parameters
    ----------
    search : Search
        What was tried with a Gaussian.
    request : Request
        Its `psf`, `psf_open` and `fwhm_yx_px` matter.
    engine : Engine
        What computes.

    Returns
    -------
    Search or None
        None where the Gaussian stays.
    """
    if request.psf is not None:
        known = _with(search, request.psf, 0.0)
        known.run([best_again(search)])
        return known
    if not request.psf_open or search.best()[3] < FEWEST:
        return None
    return _preferred(search, airy_psf(request.fwhm_yx_px), engine)


def best_again(search: Search) -> Setting:
    """Return the best setting of a search with the iteration counts that are not far above its own."""
    fidelity, sparsity, continuity, count = search.best()
    counts = sorted({key[3] for key in search.found if key[3] <= max(FARTHER * count, FEWEST)})
    return Setting(fidelity, sparsity, tuple(counts), continuity)


def _preferred(search: Search, psf: Floats, engine: Engine) -> Search | None:
    """Return the search with a PSF if that predicts held-out pixels better than the Gaussian, beyond doubt.

    Each is given the background that suits it best of three, and its best iterations; what is compared are the squared
    errors pixel by pixel, at the fidelity and the sparsity that were best for the Gaussian.
    """
    light = float(np.maximum(search.bench.data - search.bench.behind, 0)[search.bench.scored].mean())
    gaussian, other = ([_with(search, one, part * light) for part in LOWER] for one in (None, psf))
    setting = best_again(search)
    engine.each(lambda alone, tried: tried.one(alone, setting), [*other, *gaussian])
    (count, errors), (others, fewer) = _least(gaussian), _least(other)
    gain = errors - fewer
    sure = bool(gain.mean() > DOUBT * gain.std() / math.sqrt(gain.size))
    return other[0] if sure and min(count, others) >= FEWEST else None


def _with(search: Search, psf: Floats | None, lower: float) -> Search:
    """Return a search on the same pixels with a PSF, the background lowered."""
    bench = replace(search.bench, psf=psf, behind=search.bench.behind - np.float32(lower))
    return Search(bench, search.holdouts, search.engine, search.background)


def _least(searches: list[Search]) -> tuple[int, Errors]:
    """Return the iterations of least error among searches, and the errors at the held-out pixels."""
    every = [(key[3], wrong) for search in searches for key, wrong in search.found.items()]
    return min(every, key=lambda one: (float(one[1].mean()), one[0]))
