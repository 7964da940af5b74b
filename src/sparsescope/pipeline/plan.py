"""Decide every number before anything is computed, and say where each came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines import Engine, pick
from ..errors import InputError, RecipeError
from ..image import Image
from ..optics.measured_given import Spacing
from ..recipe import DEFAULTS, Recipe, Source
from ..tuning import Choice
from .automatic import automatic
from .camera import Camera
from .continuity import continuity_of, explanation, one_name, settled
from .deep import iterations
from .spread import Spread, each_given, spread_of

AIRY = (
    "the PSF is taken for an Airy pattern (of a clear circular pupil): it predicts held-out pixels better than a "
    "Gaussian of the same width"
)


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
        One recipe per channel; they differ in what was chosen from the image and in the resolution, unless they were
        given one by one; `recipe` is the first.
    tuning : tuple of Choice or None
        How each channel's values were chosen, with every setting that was tried.
    cameras : tuple of Camera or None
        What is known of each channel's camera; None where nothing was chosen from the image.
    spreads : tuple of Spread or None
        What blurs each channel; None when nothing is deconvolved.
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
    spreads: tuple[Spread | None, ...] = ()

    def of(self, channel: int | None) -> Recipe:
        """Return the recipe of one channel."""
        return self.channels[channel or 0] if self.channels else self.recipe

    def spread(self, channel: int | None) -> Spread | None:
        """Return what blurs one channel."""
        return self.spreads[channel or 0] if self.spreads else None


def plan(
    image: Image,
    recipe: Recipe | Sequence[Recipe] | None = None,
    *,
    psf: Any = None,
    psf_spacing_um: Spacing | None = None,
    resolution_um: float | None = None,
    origins: Mapping[str, str] | None = None,
    engine: Engine | None = None,
) -> Plan:
    """Resolve every parameter of a run, choosing what is open from the image.

    Parameters
    ----------
    image : Image
        Its axes, sizes and optics decide.
    recipe : Recipe or sequence of Recipe, optional
        What is fixed; the rest is chosen or takes documented defaults. Several are one for each channel.
    psf : Psf or array, optional
        The PSF, shape (Y, X) or (Z, Y, X); a list gives one to each channel. Its background must be off.
    psf_spacing_um : float, sequence or mapping, optional
        Its voxel sizes in µm, by axis or one for all; those of the image when left out.
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
        If the PSF is wider than the image, does not fit it, or is no PSF.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsescope.image import as_image
    >>> made = plan(as_image(np.ones((64, 64)), pixel_size_um=0.065), Recipe(fidelity=200), resolution_um=0.26)
    >>> made.recipe.fidelity, made.sources["fidelity"], made.recipe.sparsity, made.sources["sparsity"], made.fwhm_px
    (200.0, 'recipe', 10.0, 'default', 4.0)
    """
    origins = dict(origins or {})
    check_numbers(image.dtype)
    recipes = _one_each(image, recipe)
    if resolution_um is not None:
        recipes = [one.replace(resolution_um=resolution_um) for one in recipes]
        origins.setdefault("resolution_um", "flag")
    sources: dict[str, Source] = {
        name: origins.get(name, "recipe") if name in recipes[0].given else "default"  # type: ignore[misc]
        for name in Recipe.model_fields
    }
    given = each_given(image, psf)
    compute = engine or pick()
    made = [
        _channel(image, one, i if "C" in image.axes else None, given[i], psf_spacing_um, compute, sources)
        for i, one in enumerate(recipes)
    ]
    channels = tuple(one.recipe for one in made)
    spreads = tuple(one.spread for one in made)
    axis = max((axis_of(image, one) or "" for one in channels), key=len) or None
    how = explanation(image, channels[0])
    notes = [text for one in made for text in one.notes] + ([] if how is None else [how])
    first, factor = spreads[0], channels[0].upsample
    return Plan(
        channels[0], sources,
        None if first is None else first.fwhm_yx_px[1],
        None if first is None else (first.fwhm_yx_px[0] * factor, first.fwhm_yx_px[1] * factor),
        axis, tuple(dict.fromkeys(notes)), channels, tuple(one.choice for one in made),
        tuple(one.camera for one in made), spreads,
    )  # fmt: skip


@dataclass(frozen=True)
class _Channel:
    """What was decided for one channel."""

    recipe: Recipe
    spread: Spread | None
    choice: Choice | None
    camera: Camera | None
    notes: list[str]


def _one_each(image: Image, recipe: Recipe | Sequence[Recipe] | None) -> list[Recipe]:
    """Return a recipe for each channel."""
    count = image.sizes.get("C", 1)
    if recipe is None or isinstance(recipe, Recipe):
        return [recipe or Recipe()] * count
    if len(recipe) != count:
        raise RecipeError(f"{len(recipe)} recipes for {count} channels: give one for each, or one for all")
    if len({(one.upsample, one.upsample_method) for one in recipe}) > 1:
        raise RecipeError("channels of one image share their grid: give every recipe the same upsample")
    return list(recipe)


def _channel(
    image: Image,
    recipe: Recipe,
    channel: int | None,
    psf: Any,
    psf_spacing_um: Spacing | None,
    engine: Engine,
    sources: dict[str, Source],
) -> _Channel:
    """Decide every value of one channel; sources are added to."""
    given = recipe.given
    recipe, unused = one_name(image, recipe)
    if "continuity" in recipe.given - given:
        sources["continuity"] = sources["continuity_t"]
    notes: list[str] = [] if unused is None else [unused]
    filled: dict[str, Any] = {}
    if recipe.sparse_iterations == "auto":
        filled["sparse_iterations"] = DEFAULTS["sparse_iterations"]
    spread, psf_open = None, False
    if recipe.deconvolution != "none":
        spread = spread_of(image, recipe, channel, psf, psf_spacing_um)
        filled |= _settled(recipe, spread, given, sources, notes)
        psf_open = recipe.psf_model == "auto" and spread.psf is None and recipe.borders == "masked"
    elif psf is not None:
        raise RecipeError("a PSF is given and deconvolution = 'none': leave one of them out")
    else:
        filled |= {"psf_model": "gaussian", "dimensions": "2d"}
    if recipe.intensity == "auto":
        filled["intensity"] = _intensity(recipe, spread)
    recipe = Recipe(**{**recipe.model_dump(), **filled})
    values, choice, said, seen = automatic(image, recipe, spread, engine, channel, psf_open)
    recipe = Recipe(**{**recipe.model_dump(), **values})
    if spread is not None and values.get("psf_model") == "airy":
        spread = spread.airy(image, recipe.upsample)
        notes.append(AIRY)
    if choice is not None:
        sources.update(dict.fromkeys(values, "auto"))
    elif "intensity" in filled:  # nothing was chosen
        recipe = recipe.replace(intensity="published")
    open_count = "deconvolution_iterations" in values and recipe.upsample == 1
    if choice is not None and spread is not None and spread.deep and open_count:
        count, choice = iterations(image, recipe, channel, spread, choice, engine)
        recipe = Recipe(**{**recipe.model_dump(), "deconvolution_iterations": count})
    if recipe.continuity_t == "auto":
        also, source = settled(image, recipe)
        recipe = Recipe(**{**recipe.model_dump(), "continuity_t": also})
        sources["continuity_t"] = sources[source] if source else "default"
    notes += said
    if channel is not None:
        notes = [f"channel {channel}: {text}" for text in notes]
    return _Channel(recipe, spread, choice, seen, notes)


def _intensity(recipe: Recipe, spread: Spread | None) -> str:
    """Level of the sparse stage's result where it is open.

    Light from out of focus is dim and wide, and a PSF of three axes has a use for it: little sparsity is chosen there,
    and what it takes is not given back to the bright alone.
    """
    if "auto" not in (recipe.fidelity, recipe.sparsity):
        return "published"
    return "restored" if spread is not None and spread.deep else "unbiased"


def _settled(
    recipe: Recipe, spread: Spread, given: frozenset[str], sources: dict[str, Source], notes: list[str]
) -> dict[str, Any]:
    """Return the values that follow from what blurs; sources and notes are added to."""
    filled: dict[str, Any] = dict(spread.settled)
    if "psf_model" not in given:
        sources["psf_model"] = "default" if spread.psf is None else spread.source
    if spread.fwhm_um is not None:
        filled["resolution_um"] = spread.fwhm_um
    if "resolution_um" not in given or spread.psf is not None:
        sources["resolution_um"] = spread.source
    notes += [*spread.notes, *_sampling(spread)]
    if spread.deep and recipe.background == "auto":
        filled["background"] = "flat"
        notes.append("light from out of focus belongs to the PSF in three dimensions: only a flat background is off")
    return filled


def check_numbers(dtype: np.dtype[Any]) -> None:
    """Raise InputError unless the pixels are whole or real numbers."""
    if dtype.kind not in "iuf":
        kind = {"b": "true/false (a mask)", "c": "complex"}.get(dtype.kind, str(dtype))
        raise InputError(
            f"the pixels are {kind} numbers; allowed are integers and real numbers: give the intensity image itself"
        )


def _sampling(spread: Spread) -> list[str]:
    fwhm_px = spread.fwhm_yx_px[1]
    if fwhm_px < 2:
        told = "" if spread.fwhm_um is None else f"{spread.fwhm_um:g} µm "
        note = (
            f"resolution {told}is only {fwhm_px:.2g} pixels wide: the image is sampled too coarsely for "
            "deconvolution to gain much (3 pixels or more are advised); check the pixel size, or use --upsample 2"
        )
        return [note]
    return []


def axis_of(image: Image, recipe: Recipe) -> str | None:
    """Axes along which the priors tie planes together: Z, T or TZ; none for few planes or no weight."""
    return continuity_of(image, recipe).axes or None
