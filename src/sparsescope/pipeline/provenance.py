"""How a result was made, as the flat text and numbers that are embedded in the file."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from .._version import __version__
from ..errors import InputError
from ..image import Image
from ..io import sha256
from .plan import Plan
from .stages import Levels

MOST_HASHED: Final = 100_000_000_000
"""Bytes of pixels above which the input gets no checksum: reading it once more would take longer than minutes."""


def provenance(
    image: Image, plan: Plan, engine: str, notes: tuple[str, ...], scale: float | None = None,
    levels: Sequence[Levels] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what repeats the run: recipe as TOML, sources, version, and the input with its sizes and SHA-256.

    Of an input of more than `MOST_HASHED` bytes the SHA-256 is left out.

    Parameters
    ----------
    image : Image
        The input.
    plan : Plan
        The values of the run.
    engine : str
        What computed.
    notes : tuple of str
        What the user was told.
    scale : float, optional
        Counts that were taken for 1, where the caller said it.
    levels : sequence of Levels, optional
        Those of each channel, where the caller said them.
    """
    made: dict[str, Any] = {
        "software": "sparsescope",
        "version": __version__,
        "recipe": plan.recipe.to_toml(),
        "sources": dict(plan.sources),
        "engine": engine,
        "axes": image.axes,
        "spacing_um": dict(image.spacing_um),
        "notes": list(notes),
    }
    path = image.meta.get("path")
    if path:
        made["input"] = str(path)
        if math.prod(image.shape) * image.dtype.itemsize <= MOST_HASHED:
            with contextlib.suppress(InputError):  # it may be gone by now
                made["sha256"] = sha256(path)
    if plan.fwhm_px is not None:
        made["fwhm_px"] = plan.fwhm_px
    if len(set(plan.channels)) > 1:
        made["channel_recipes"] = [recipe.to_toml() for recipe in plan.channels]
    psfs = [spread.psf.source for spread in plan.spreads if spread is not None and spread.psf is not None]
    if psfs:
        made["psf"] = list(dict.fromkeys(psfs))
    if scale is not None:
        made["scale"] = scale
    if levels is not None:
        made["levels"] = [asdict(one) for one in levels]
    return made
