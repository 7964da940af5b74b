"""Deconvolve an image: plan it, make room, and carry the plan out."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engines import pick
from ..errors import InputError
from ..image import Image
from ..optics.measured_given import Spacing
from ..recipe import Recipe
from .continuity import axes_at_most
from .crew import Crew, Here, Report
from .keeping import Keeper, Nowhere
from .needs import portion, still_to_load
from .plan import Plan, plan
from .result import Progress, Result
from .room import Room
from .stages import Levels
from .told import told_image
from .whole import Whole


def deconvolve(  # noqa: PLR0913
    image: Image | Any,
    recipe: Recipe | Sequence[Recipe] | None = None,
    *,
    psf: Any = None,
    psf_spacing_um: Spacing | None = None,
    axes: str | None = None,
    pixel_size_um: float | None = None,
    z_step_um: float | None = None,
    interval_s: float | None = None,
    resolution_um: float | None = None,
    engine: str = "auto",
    threads: int | None = None,
    origins: Mapping[str, str] | None = None,
    scale: float | None = None,
    levels: Sequence[Levels] | None = None,
    planned: Plan | None = None,
    max_memory_bytes: int | None = None,
    scratch_folder: Path | None = None,
    on_progress: Report | None = None,
    keeper: Keeper | None = None,
    crew: Crew | None = None,
) -> Result:
    """Deconvolve an image by two-stage sparse deconvolution, counts in and counts out.

    Parameters
    ----------
    image : Image or array
        What :func:`sparsescope.read` returns, or an array; an array of more than two axes needs `axes`. Never changed.
    recipe : Recipe or sequence of Recipe, optional
        Parameters; what is left out is chosen or takes its documented default. Several are one for each channel.
    psf : Psf or array, optional
        The PSF, shape (Y, X) or (Z, Y, X), on the voxels of the image unless `psf_spacing_um` says otherwise; with
        three axes, stacks are deconvolved in three dimensions. A list gives one to each channel.
    psf_spacing_um : float, sequence or mapping, optional
        Voxel sizes of the PSF in µm: one for all axes, one per axis in their order, or by letter.
    axes : str, optional
        Letters of the array's axes over ``TCZYX``; for arrays only.
    pixel_size_um, z_step_um, interval_s : float, optional
        Sizes in µm and the time between frames in s; they win over what the image says.
    resolution_um : float, optional
        Width (FWHM) of the PSF in µm; wins over the recipe and the image.
    engine : str
        ``"auto"``, ``"cpu"`` or ``"numpy"``.
    threads : int, optional
        Processor threads; all that the process may use when left out. The result does not depend on it.
    origins : mapping, optional
        Source to state for recipe values that were set (``"flag"`` or ``"recipe"``), by name.
    scale : float, optional
        Counts that are 1 to `fidelity` and `sparsity`; the largest value above the background when left out. For a
        part of an image give the value of the whole, so that the same recipe does the same to both.
    levels : sequence of Levels, optional
        Instead of a scale: largest value, mean and scale of each channel in counts, as decided elsewhere, such as on
        the first frames of a movie that was followed.
    planned : Plan, optional
        What :func:`plan` returned for this image; then nothing is chosen again, and the recipe is taken from it.
    max_memory_bytes : int, optional
        What the process may have in memory; four fifths of what is free are planned with when left out. Where result
        and background do not fit, they are kept in a temporary file, ``result.image.data`` is then read from it when
        indexed, and ``numpy.asarray`` gives the whole.
    scratch_folder : path-like, optional
        Folder for that file; the system's for temporary files when left out.
    on_progress : callable, optional
        Called with a Progress now and then.
    keeper : Keeper, optional
        Where planes and what is done are kept; in memory, or in temporary files where it is short, when left out.
    crew : Crew, optional
        Who does the work; this process when left out.

    Returns
    -------
    Result
        Image in counts (float32), recipe with every value, their sources, background, notes and measures.

    Raises
    ------
    InputError, RecipeError, EngineError, OutputError
        With what was given, what is allowed and what to do; also where memory or disk cannot hold what is needed.

    Notes
    -----
    Channels are treated one by one. The continuity prior acts along Z where there is a Z axis, else along T; with
    `continuity_t` movies of stacks are tied along both. Method: Zhao et al., Nature Biotechnology 40, 606–617 (2022),
    doi 10.1038/s41587-021-01092-2.

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.random.default_rng(0).poisson(20, (64, 64)).astype("uint16")
    >>> result = deconvolve(frame, Recipe(sparse_iterations=10), pixel_size_um=0.065, resolution_um=0.2)
    >>> result.image.data.dtype, result.image.axes, result.sources["fidelity"]
    (dtype('float32'), 'YX', 'auto')
    """
    started = time.perf_counter()
    image = told_image(image, axes, pixel_size_um, z_step_um, interval_s)
    compute = pick(engine, threads)
    report: Report = on_progress or (lambda _: None)
    known = recipe if isinstance(recipe, Recipe) else Recipe()
    if not compute.ready(axes_at_most(image, known if planned is None else planned.recipe)):
        report(Progress("compiling", 0, 1, "kernels"))
    if planned is None:
        planned = plan(
            image, recipe, psf=psf, psf_spacing_um=psf_spacing_um, resolution_um=resolution_um, origins=origins,
            engine=compute,
        )  # fmt: skip
    if scale is not None and not (math.isfinite(scale) and scale > 0):
        raise InputError(f"scale = {scale!r}: allowed is a positive number of counts, or None for the image's own")
    count = image.sizes.get("C", 1)
    if levels is not None and (scale is not None or len(levels) != count):
        raise InputError(f"{len(levels)} levels for {count} channels: give one for each, and no scale")
    room = Room.of(max_memory_bytes, None if scratch_folder is None else Path(scratch_folder), still_to_load(compute))
    parts = portion(image, planned, compute.threads, room.allowed)
    keep = keeper or Nowhere(room)
    parts = keep.settle(parts)
    room.settle(parts.need.without_arrays() if keep.lasting else parts.need)
    whole = Whole(image, planned, parts, room, report, keep)
    whole.carry_out(crew or Here(compute), scale, levels)
    return whole.result(compute.describe(), time.perf_counter() - started)
