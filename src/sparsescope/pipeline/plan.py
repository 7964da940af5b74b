"""Decide every number before anything is computed, and say where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines import Engine, pick
from ..errors import InputError, RecipeError
from ..image import Image
from ..recipe import DEFAULTS, Recipe, Source
from ..tuning import Choice
from .automatic import automatic
from .camera import Camera
from .continuity import continuity_of, explanation, one_name, settled
from .resolution import resolution


@dataclass(frozen=True)
class Plan:
    """Every value of a run, resolved.

    Attributes
    ----------
    recipe : Recipe
        With no ``"auto"`` left in it.
    sources : dict of str to str
        Where each value came from.
    fwhm_px : float or None
        Width of the PSF along x in input pixels; None when nothing is deconvolved.
    fwhm_yx_px : tuple of float or None
        Width along y and x in pixels of the grid that is deconvolved (after up-sampling).
    axis : str or None
        Axes along which continuity acts, ``"Z"``, ``"T"`` or ``"TZ"``; None when planes are treated one by one.
    notes : tuple of str
        What the user should know.
    channels : tuple of Recipe
        One recipe per channel; they differ only in what was chosen from the image, and `recipe` is the first.
    tuning : tuple of Choice or None
        How each channel's values were chosen, with every setting that was tried.
    cameras : tuple of Camera or None
        What is known of each channel's camera; None where nothing was chosen from the image.
    """

    recipe: Recipe
    sources: Mapping[str, Source]
    fwhm_px: float | None
    fwhm_yx_px: tuple[float, float] | None
    axis: str | None
    notes: tuple[str, ...] = ()
    channels: tuple[Recipe, ...] = ()
    tuning: tuple[Choice | None, ...] = ()
    cameras: tuple[Camera | None, ...] = ()

    def of(self, channel: int | None) -> Recipe:
        """Return the recipe of one channel."""
        return self.channels[channel or 0] if self.channels else self.recipe


def plan(
    image: Image,
    recipe: Recipe | None = None,
    *,
    resolution_um: float | None = None,
    origins: Mapping[str, str] | None = None,
    engine: Engine | None = None,
) -> Plan:
    """Resolve every parameter of a run, choosing what is open from the image.

    Parameters
    ----------
    image : Image
        Its axes, sizes and optics decide.
    recipe : Recipe, optional
        What is fixed; the rest takes documented defaults.
    resolution_um : float, optional
        Width (FWHM) of the PSF in µm; wins over the recipe.
    origins : mapping, optional
        Source to state for values that were set: ``"flag"`` or ``"recipe"`` by parameter name.
    engine : Engine, optional
        What computes the trials; the automatic engine when left out.

    Raises
    ------
    InputError
        If the numbers are of a kind that is no fluorescence image, or the pixel size is needed and not known.
    RecipeError
        If the PSF is wider than the image.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsescope.image import as_image
    >>> made = plan(as_image(np.ones((64, 64)), pixel_size_um=0.065), Recipe(fidelity=200), resolution_um=0.26)
    >>> made.recipe.fidelity, made.sources["fidelity"], made.recipe.sparsity, made.sources["sparsity"], made.fwhm_px
    (200.0, 'recipe', 10.0, 'default', 4.0)
    """
    recipe = recipe or Recipe()
    origins = dict(origins or {})
    check_numbers(image.dtype)
    if resolution_um is not None:
        recipe = recipe.replace(resolution_um=resolution_um)
        origins.setdefault("resolution_um", "flag")
    sources: dict[str, Source] = {
        name: origins.get(name, "recipe") if name in recipe.given else "default"  # type: ignore[misc]
        for name in Recipe.model_fields
    }
    named, unused = one_name(image, recipe)
    if "continuity" in named.given - recipe.given:
        sources["continuity"] = sources["continuity_t"]
    recipe = named
    filled: dict[str, Any] = {}
    if recipe.sparse_iterations == "auto":
        filled["sparse_iterations"] = DEFAULTS["sparse_iterations"]
    notes: list[str] = [] if unused is None else [unused]
    fwhm_px = fwhm_yx = None
    if recipe.deconvolution != "none":
        size, source, note = resolution(image, recipe)
        filled["resolution_um"] = size
        if "resolution_um" not in recipe.given:
            sources["resolution_um"] = source
        notes += note
        fwhm_px, fwhm_yx = _in_pixels(image, size, recipe.upsample)
        notes += _sampling(fwhm_px, size)
    partly = Recipe(**{**recipe.model_dump(), **filled})
    channels, tuning, cameras = _chosen(image, partly, fwhm_yx, engine, sources, notes)
    axis = max((axis_of(image, made) or "" for made in channels), key=len) or None
    how = explanation(image, channels[0])
    notes += [] if how is None else [how]
    return Plan(channels[0], sources, fwhm_px, fwhm_yx, axis, tuple(dict.fromkeys(notes)), channels, tuning, cameras)


def _chosen(
    image: Image,
    recipe: Recipe,
    fwhm_yx: tuple[float, float] | None,
    engine: Engine | None,
    sources: dict[str, Source],
    notes: list[str],
) -> tuple[tuple[Recipe, ...], tuple[Choice | None, ...], tuple[Camera | None, ...]]:
    """Recipe of each channel with everything that was open chosen; sources and notes are added to."""
    recipes, tuning, cameras = [], [], []
    grid = None if fwhm_yx is None else (fwhm_yx[0] / recipe.upsample, fwhm_yx[1] / recipe.upsample)
    compute = engine or pick()
    for channel in range(image.sizes["C"]) if "C" in image.axes else [None]:
        values, choice, said, seen = automatic(image, recipe, grid, compute, channel)
        made = Recipe(**{**recipe.model_dump(), **values})
        tuning.append(choice)
        cameras.append(seen)
        notes += [text if channel is None else f"channel {channel}: {text}" for text in said]
        if choice is not None:
            sources.update(dict.fromkeys(values, "auto"))
        if made.continuity_t == "auto":
            also, source = settled(image, made)
            made = Recipe(**{**made.model_dump(), "continuity_t": also})
            sources["continuity_t"] = sources[source] if source else "default"
        recipes.append(made)
    return tuple(recipes), tuple(tuning), tuple(cameras)


def check_numbers(dtype: np.dtype[Any]) -> None:
    """Raise InputError unless the pixels are whole or real numbers."""
    if dtype.kind not in "iuf":
        kind = {"b": "true/false (a mask)", "c": "complex"}.get(dtype.kind, str(dtype))
        raise InputError(
            f"the pixels are {kind} numbers; allowed are integers and real numbers: give the intensity image itself"
        )


def _in_pixels(image: Image, size_um: float, upsample: int) -> tuple[float, tuple[float, float]]:
    x_um = image.spacing_um["x"]
    y_um = image.spacing_um.get("y", x_um)
    fwhm = (size_um / y_um, size_um / x_um)
    for letter, width in zip("YX", fwhm, strict=True):
        if width > image.sizes[letter]:
            raise RecipeError(
                f"the PSF is wider than the image: resolution {size_um:g} µm is {width:.3g} pixels, the image has "
                f"{image.sizes[letter]} along {letter}; check --resolution-um and --pixel-size-um (both in µm)"
            )
    return fwhm[1], (fwhm[0] * upsample, fwhm[1] * upsample)


def _sampling(fwhm_px: float, size_um: float) -> list[str]:
    if fwhm_px < 2:
        note = (
            f"resolution {size_um:g} µm is only {fwhm_px:.2g} pixels wide: the image is sampled too coarsely for "
            "deconvolution to gain much (3 pixels or more are advised); check the pixel size, or use --upsample 2"
        )
        return [note]
    return []


def axis_of(image: Image, recipe: Recipe) -> str | None:
    """Axes along which the priors tie planes together: Z, T or TZ; none for few planes or no weight."""
    return continuity_of(image, recipe).axes or None
