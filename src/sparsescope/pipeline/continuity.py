"""Along which axes the priors tie planes together, and how strongly on the grid that is solved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..image import Image
from ..recipe import Recipe

MIN_STACK = 3
"""Planes along z or t below which they are treated one by one, as published."""


@dataclass(frozen=True)
class Continuity:
    """Weights of smoothness along z and t, in voxels of the grid that is solved; 0 where an axis is not tied.

    Attributes
    ----------
    z, t : float
        λ and λt.
    """

    z: float = 0.0
    t: float = 0.0

    @property
    def axes(self) -> str:
        """Axes that are tied, in the order in which blocks hold them: ``""``, ``"Z"``, ``"T"`` or ``"TZ"``."""
        return ("T" if self.t > 0 else "") + ("Z" if self.z > 0 else "")


def continuity_of(image: Image, recipe: Recipe) -> Continuity:
    """Weights for an image: `continuity` acts along z, or along t where there is no z; `continuity_t` along t beside z.

    Axes of fewer than `MIN_STACK` planes are not tied. A `continuity_t` that is ``"auto"`` is 0.

    Raises
    ------
    InputError
        If physical weights are wanted and the z step or the pixel size is not known.

    Examples
    --------
    >>> import numpy as np
    >>> movie = Image(np.ones((4, 3, 8, 8)), "TZYX", {"x": 0.1, "y": 0.1, "z": 0.2})
    >>> continuity_of(movie, Recipe(continuity=0.5, continuity_t=0.1))
    Continuity(z=0.5, t=0.1)
    >>> continuity_of(movie, Recipe(continuity=0.5, z_weighting="physical"))
    Continuity(z=0.125, t=0.0)
    """
    if recipe.sparse_iterations == 0 and recipe.tolerance is None:
        return Continuity()
    along = 0.0 if recipe.continuity == "auto" else float(recipe.continuity)
    long = {axis for axis in "TZ" if image.sizes.get(axis, 1) >= MIN_STACK}
    if "Z" not in image.axes:
        return Continuity(t=along if "T" in long else 0.0)
    late = 0.0 if recipe.continuity_t == "auto" or "T" not in long else float(recipe.continuity_t)
    deep = along * z_factor(image, recipe) if "Z" in long and along > 0 else 0.0
    return Continuity(deep, late)


def axes_at_most(image: Image, recipe: Recipe) -> int:
    """Return how many axes arrays of the sparse stage may have once the values that are open have been chosen.

    Examples
    --------
    >>> import numpy as np
    >>> movie = Image(np.ones((9, 8, 8)), "TYX")
    >>> axes_at_most(movie, Recipe()), axes_at_most(movie, Recipe(continuity=0))
    (3, 2)
    """
    chosen: dict[str, Any] = {"z_weighting": "published"}
    if recipe.continuity == "auto":
        chosen |= {name: 1.0 for name in ("continuity", "continuity_t") if getattr(recipe, name) == "auto"}
    return 2 + len(continuity_of(image, recipe.replace(**chosen)).axes)


def z_factor(image: Image, recipe: Recipe) -> float:
    """Return what `continuity` along z is multiplied with: 1, or (pixel size / z step)² where weights are physical.

    A second difference over planes dz apart is (dz/dx)² times the second derivative in units of the pixel dx, so this
    factor makes λ weigh derivatives per µm² alike along all axes. Pixels are those of the grid that is solved.
    """
    if recipe.z_weighting == "published":
        return 1.0
    x_um, z_um = image.spacing_um.get("x"), image.spacing_um.get("z")
    if x_um is None or z_um is None:
        missing = "z step" if z_um is None else "pixel size"
        flag = "--z-step-um 0.2 (z_step_um=0.2" if z_um is None else "--pixel-size-um 0.065 (pixel_size_um=0.065"
        raise InputError(
            f"z_weighting 'physical' compares the z step with the pixel size, and the {missing} is not known: add "
            f"{flag} in Python) with your value, or use --z-weighting published"
        )
    return (math.sqrt(x_um * image.spacing_um.get("y", x_um)) / _finer(recipe) / z_um) ** 2


def _finer(recipe: Recipe) -> int:
    """How much finer than the input the grid of the sparse stage is."""
    return 1 if recipe.upsample_method == "model" and recipe.deconvolution != "none" else recipe.upsample


def one_name(image: Image, recipe: Recipe) -> tuple[Recipe, str | None]:
    """Take `continuity_t` for `continuity` in a movie without z, where both are the same thing; say what is not used.

    Returns
    -------
    recipe : Recipe
        With `continuity` set where only `continuity_t` was.
    note : str or None
        What of the recipe has no effect.
    """
    if "continuity_t" not in recipe.given or "Z" in image.axes:
        return recipe, None
    if "continuity" not in recipe.given:
        return recipe.replace(continuity=recipe.continuity_t), None
    if recipe.continuity == recipe.continuity_t or "T" not in image.axes:
        return recipe, None
    return recipe, (
        f"continuity_t {recipe.continuity_t:g} is not used: this movie has no z, and continuity {recipe.continuity:g} "
        "is its weight along t"
    )


def settled(image: Image, recipe: Recipe) -> tuple[float, str | None]:
    """Value of an open `continuity_t`, and whose it is: that of `continuity` in a movie without z, else 0."""
    if "T" in image.axes and "Z" not in image.axes:
        return float(recipe.continuity), "continuity"
    return 0.0, None


def explanation(image: Image, recipe: Recipe) -> str | None:
    """Say how physical weights came about, with the sizes they rest on; None where they are as published."""
    if recipe.z_weighting == "published" or continuity_of(image, recipe).z == 0:
        return None
    factor, deep = z_factor(image, recipe), continuity_of(image, recipe).z
    return (
        f"continuity along z is {recipe.continuity:g} × {factor:.3g} = {deep:.3g} from plane to plane: "
        f"pixels of {image.spacing_um['x'] / _finer(recipe):.3g} µm, planes {image.spacing_um['z']:.3g} µm apart "
        "(z_weighting physical)"
    )
