"""Every parameter once: its name, default, unit, range and help; feeds Python, the command line, TOML and metadata."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import RecipeError
from .presets import named

Auto = Literal["auto"]
Source = Literal["file", "recipe", "flag", "estimated", "auto", "default"]
"""Where a value came from: image file, recipe, flag or argument, measured in the data, chosen, documented default."""

DEFAULTS: dict[str, Any] = {
    "background": "flat",
    "fidelity": 150.0,
    "sparsity": 10.0,
    "continuity": 0.5,
    "continuity_t": 0.0,
    "sparse_iterations": 100,
    "deconvolution_iterations": 7,
}
"""What ``"auto"`` stands for where nothing can be chosen from the image: the published settings, less a flat offset."""

DEFAULT_RESOLUTION_PX = 3.0
"""Width of the PSF in pixels taken when neither the recipe nor the file's optics say it."""

Background = Literal[
    "none",
    "flat",
    "smooth-wide",
    "smooth-16",
    "smooth-8",
    "weak-high-light",
    "strong-high-light",
    "weak-low-light",
    "medium-low-light",
    "strong-low-light",
]
"""Nothing; low percentiles over the plane or wide windows; a field fitted to what is no structure, varying over no less
than so many PSF widths; or the published wavelet modes."""


def _unit(unit: str) -> dict[str, str]:
    return {"unit": unit}


class Recipe(BaseModel):
    """All parameters of a deconvolution; what is left out is ``"auto"`` or the default shown.

    The scale of `fidelity`, `sparsity` and `continuity` is the published one (Zhao et al. 2022): they act on an image
    whose maximum is 1, so settings from papers work as they stand.

    Raises
    ------
    RecipeError
        If a name is unknown or a value is out of its range; the text repeats the value and says what is allowed.

    Examples
    --------
    >>> recipe = Recipe(fidelity=300, sparsity=5)
    >>> recipe.fidelity, recipe.deconvolution
    (300.0, 'rl')
    >>> Recipe.from_toml(recipe.to_toml()) == recipe
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    intent: Annotated[
        Literal["cautious", "balanced", "sharp"],
        Field(
            description="How the automatic choice weighs safety against sharpness; "
            "has no effect on values that are set."
        ),
    ] = "balanced"
    hot_pixels: Annotated[
        Literal["none", "adaptive"],
        Field(description="Replace hot, dead and not-finite pixels by the median of their neighbours before all else."),
    ] = "none"
    background: Annotated[
        Auto | Background,
        Field(
            description="Background to subtract: a level, low percentiles in wide windows, a smooth field fitted "
            "between the structures, or the published wavelet low-pass by strength and light level."
        ),
    ] = "auto"
    upsample: Annotated[
        Annotated[int, Field(ge=1, le=8)],
        Field(description="Factor of finer sampling of the result in x and y."),
    ] = 1
    upsample_method: Annotated[
        Literal["model", "fourier", "zeros"],
        Field(
            description="How: as part of the second stage's model, where a camera pixel sums its fine pixels; or "
            "before the sparse stage, by Fourier interpolation or by the published insertion of zeros."
        ),
    ] = "model"
    fidelity: Annotated[
        Auto | Annotated[float, Field(gt=0, le=1e6)],
        Field(description="Weight of the data against the priors; larger trusts the data more (published scale)."),
    ] = "auto"
    sparsity: Annotated[
        Auto | Annotated[float, Field(ge=0, le=1e5)],
        Field(description="Weight of the L1 prior; larger darkens dim pixels (published scale)."),
    ] = "auto"
    continuity: Annotated[
        Auto | Annotated[float, Field(ge=0, le=1e3)],
        Field(description="Weight of smoothness along z, or along t where there is no z; 0 treats planes one by one."),
    ] = "auto"
    continuity_t: Annotated[
        Auto | Annotated[float, Field(ge=0, le=1e3)],
        Field(
            description="Weight of smoothness along t in movies of stacks, beside continuity along z; open, it is "
            "chosen where continuity is, too, and else 0. In a movie without z it is another name for continuity."
        ),
    ] = "auto"
    z_weighting: Annotated[
        Literal["published", "physical"],
        Field(
            description="What continuity along z counts in: published, from plane to plane, whatever their distance; "
            "physical, per µm, so that it is multiplied by (pixel size / z step)²."
        ),
    ] = "published"
    sparse_iterations: Annotated[
        Auto | Annotated[int, Field(ge=0, le=1_000_000)],
        Field(description="Iterations of the sparse stage, as published; 0 leaves the stage out."),
    ] = "auto"
    tolerance: Annotated[
        Annotated[float, Field(gt=0, lt=1)] | None,
        Field(
            description="Solve the sparse stage to its optimum instead: stop when the result is proven to lie within "
            "this root-mean-square distance of it (as a fraction of the maximum); the result then has exact zeros.",
        ),
    ] = None
    intensity: Annotated[
        Literal["auto", "published", "restored", "unbiased"],
        Field(
            description="Level of the sparse stage's result: as the published iteration gives it, lower than its own "
            "objective asks by F / (F + s² − s); restored; or unbiased, where also what sparsity takes from every "
            "pixel, s / F of the maximum, is given back to those that keep as much; open, unbiased where fidelity or "
            "sparsity is chosen (restored where the PSF has three axes), else published."
        ),
    ] = "auto"
    deconvolution: Annotated[
        Literal["rl", "landweber", "none"],
        Field(description="Second stage: accelerated Richardson-Lucy, accelerated Landweber, or none."),
    ] = "rl"
    deconvolution_iterations: Annotated[
        Auto | Annotated[int, Field(ge=0, le=100_000)],
        Field(description="Iterations of the second stage."),
    ] = "auto"
    borders: Annotated[
        Literal["masked", "mirror", "published"],
        Field(
            description="What the second stage takes to lie beyond the image: an object of its own, found where the "
            "data see it; the mirror image (a plane's Gaussian only); or, as in the published programs, the outermost "
            "pixels again, on a plane whose opposite borders touch (planes only)."
        ),
    ] = "masked"
    psf_model: Annotated[
        Literal["auto", "gaussian", "airy", "optics", "given"],
        Field(
            description="Where the PSF comes from: a Gaussian of the resolution; an Airy pattern (of a clear circular "
            "pupil) of it; the microscope that the file tells of; a PSF that is given; open, the given one, the "
            "microscope for z-stacks whose resolution is not set, else a Gaussian, or the Airy pattern where anything "
            "else is chosen from the image and held-out pixels are predicted better with it."
        ),
    ] = "auto"
    dimensions: Annotated[
        Literal["auto", "2d", "3d"],
        Field(
            description="Deconvolve stacks plane by plane or in three dimensions; open, in three where a PSF of three "
            "axes is known."
        ),
    ] = "auto"
    resolution_um: Annotated[
        Auto | Annotated[float, Field(gt=0, le=1e3)],
        Field(
            description="Resolution of the input: full width at half maximum of its PSF.", json_schema_extra=_unit("µm")
        ),
    ] = "auto"

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise RecipeError(_plain(error, type(self))) from None

    def to_toml(self) -> str:
        """Return the recipe as TOML text; values that are None (not used) are left out."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """Read a recipe from TOML text, as written by :meth:`to_toml`."""
        try:
            return cls(**tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(f"the recipe is not valid TOML: {error}") from None

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe from a TOML file."""
        try:
            return cls.from_toml(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"cannot read the recipe {path}: {error}") from None

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Recipe:
        """Return settings by name, published or measured, some of them changed; what a preset does not set stays open.

        Raises
        ------
        RecipeError
            If there is no preset of this name, or a change is out of its range.

        Examples
        --------
        >>> recipe = Recipe.preset("published-matlab", sparsity=4)
        >>> recipe.fidelity, recipe.sparsity, recipe.background
        (150.0, 4.0, 'auto')
        """
        return cls(**{**named(name).values, **changes})

    def replace(self, **changes: Any) -> Recipe:
        """Return a copy with some values changed, checked like a new recipe."""
        return type(self)(**{**self.model_dump(exclude_unset=True), **changes})

    @property
    def given(self) -> frozenset[str]:
        """Names of the parameters that were set on purpose to something other than ``"auto"``."""
        return frozenset(name for name in self.model_fields_set if getattr(self, name) != "auto")


def _plain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in plain words what was given, what is allowed and what to do."""
    lines: dict[str, str] = {}
    for detail in error.errors():
        name = str(detail["loc"][0]) if detail["loc"] else "recipe"
        if detail["type"] == "extra_forbidden":
            lines[name] = f"unknown parameter {name!r}; known are {', '.join(model.model_fields)}"
        else:
            lines[name] = f"{name} = {detail['input']!r} is not allowed: {allowed(name)}"
    return "; ".join(lines.values())


def allowed(name: str) -> str:
    """Say in words which values a parameter takes, for messages and help.

    Examples
    --------
    >>> allowed("upsample")
    'a whole number >= 1 and <= 8'
    >>> allowed("fidelity")
    'auto, or a number > 0 and <= 1e+06'
    """
    schema = Recipe.model_json_schema()["properties"][name]
    return ", or ".join(_words(part) for part in schema.get("anyOf", [schema]))


_BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


def _words(part: dict[str, Any]) -> str:
    if "const" in part:
        return str(part["const"])
    if "enum" in part:
        return "one of " + ", ".join(map(str, part["enum"]))
    if part.get("type") == "null":
        return "nothing (leave it out)"
    kind = "a whole number" if part.get("type") == "integer" else "a number"
    return " ".join(
        [kind, " and ".join(f"{sign} {part[key]:g}" for key, sign in _BOUNDS.items() if key in part)]
    ).strip()
