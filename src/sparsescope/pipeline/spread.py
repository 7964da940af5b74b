"""The PSF of each channel: given, computed from the microscope that the file tells of, or a Gaussian of known width."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from ..errors import RecipeError
from ..image import Image
from ..optics.airy import airy_psf
from ..optics.make import make_psf
from ..optics.measured_given import Spacing, as_psf
from ..optics.metadata import microscope_of
from ..optics.psf import Psf
from ..optics.width import fwhm_px
from ..recipe import Recipe, Source
from .resolution import resolution

DEEP: Final = 3
"""Planes along z from which on a stack is deconvolved in three dimensions, where its PSF is known."""

Kind = Literal["gaussian", "airy", "optics", "given"]

REMEDY: Final = (
    "give a PSF (--psf FILE, psf= in Python), or what the file does not say of the microscope: --na, --emission-nm, "
    "--modality, --z-step-um"
)


@dataclass(frozen=True)
class Spread:
    """What blurs one channel.

    Attributes
    ----------
    fwhm_yx_px : tuple of float
        Width along y and x in pixels of the input.
    fwhm_um : float or None
        Width along x; None where the pixel size is not known.
    source : str
        Where it came from.
    psf : Psf or None
        Sampled on the grid of the result; None for a Gaussian of that width, plane by plane.
    notes : tuple of str
        What the user should know.
    kind : str
        ``"gaussian"``, ``"airy"``, ``"optics"`` or ``"given"``.
    """

    fwhm_yx_px: tuple[float, float]
    fwhm_um: float | None
    source: Source
    psf: Psf | None = None
    notes: tuple[str, ...] = ()
    kind: Kind = "gaussian"

    @property
    def deep(self) -> bool:
        """Whether stacks are deconvolved in three dimensions."""
        return self.psf is not None and self.psf.ndim == 3

    def airy(self, image: Image, factor: int) -> Spread:
        """Return the same with an Airy pattern of that width, on a grid `factor` times finer than the image's."""
        y, x = (width * factor for width in self.fwhm_yx_px)
        sizes = {axis: size for axis, size in _fine(image, factor).items() if axis in "xy"}
        psf = Psf(airy_psf((y, x)), sizes, "Airy pattern of a clear circular pupil")
        return replace(self, psf=psf, kind="airy")

    @property
    def settled(self) -> dict[str, str]:
        """What the recipe's `psf_model` and `dimensions` came to."""
        return {"psf_model": self.kind, "dimensions": "3d" if self.deep else "2d"}


def spread_of(
    image: Image, recipe: Recipe, channel: int | None, given: Any = None, spacing_um: Spacing | None = None
) -> Spread:
    """Return what blurs a channel.

    Parameters
    ----------
    image : Image
        The input.
    recipe : Recipe
        Its `psf_model`, `dimensions`, `resolution_um` and `upsample` matter.
    channel : int or None
        Number of the channel, None where there is one.
    given : Psf or array, optional
        What the user gives; wins over all else.
    spacing_um : float, sequence or mapping, optional
        Its voxel sizes; those of the image when left out.

    Raises
    ------
    InputError, RecipeError
        If what is needed is not known, or does not fit the image.
    """
    if given is not None:
        return _given(image, recipe, given, spacing_um)
    if recipe.psf_model == "given":
        raise RecipeError("psf_model = 'given' in the recipe, and no PSF is given: --psf FILE (psf= in Python)")
    stack = image.sizes.get("Z", 1) >= DEEP and recipe.dimensions != "2d"
    if recipe.psf_model == "optics" or (recipe.psf_model == "auto" and recipe.resolution_um == "auto" and stack):
        try:
            return _computed(image, recipe, channel, 3 if stack else 2)
        except RecipeError as error:
            if recipe.psf_model == "optics" or recipe.dimensions == "3d":
                raise
            why = str(error)
    else:
        why = ""
    if recipe.dimensions == "3d":
        raise RecipeError(f"dimensions = '3d' needs a PSF of three axes and a stack: {REMEDY}")
    size, source, notes = resolution(image, recipe, channel)
    if stack and recipe.deconvolution != "none":
        notes = [*notes, _flat_note(recipe, why)]
    x_um, y_um = _pixel(image)
    found = Spread(_fitting(image, (size / y_um, size / x_um), size), size, source, None, tuple(notes))
    return found.airy(image, recipe.upsample) if recipe.psf_model == "airy" else found


def _flat_note(recipe: Recipe, why: str) -> str:
    text = "the stack is deconvolved plane by plane"
    if recipe.resolution_um != "auto" and recipe.psf_model == "auto":
        return f"{text}, as its width is given; for three dimensions leave it out and {REMEDY}"
    return f"{text}, as no PSF in three dimensions is known: {why} (--psf FILE)" if why else text


def _given(image: Image, recipe: Recipe, given: Any, spacing_um: Spacing | None) -> Spread:
    deep = image.sizes.get("Z", 1) > 1 and recipe.dimensions != "2d"
    if recipe.psf_model not in ("auto", "given"):
        raise RecipeError(f"psf_model = {recipe.psf_model!r} in the recipe and a PSF given: use one of them")
    axes = "ZYX" if deep else "YX"
    fine = _fine(image, recipe.upsample)
    known = spacing_um is not None or (isinstance(given, Psf) and given.spacing_um)
    if not known and recipe.upsample > 1:
        if not image.spacing_um:
            raise RecipeError("up-sampling needs the voxel size of the PSF: give psf_spacing_um, or --pixel-size-um")
        spacing_um = dict(image.spacing_um)
    shape = [image.sizes[a] * (recipe.upsample if a != "Z" else 1) for a in axes]
    psf = as_psf(
        given, spacing_um, fine if (known or recipe.upsample > 1) and fine else None, ndim=len(axes), image_shape=shape,
        source="given",
    )  # fmt: skip
    return _sampled(image, recipe, psf, "flag" if isinstance(given, Psf) else "recipe", "given")


def _computed(image: Image, recipe: Recipe, channel: int | None, ndim: int) -> Spread:
    scope = microscope_of(image, channel or 0, source="flag", **image.meta.get("optics", {}))
    psf = make_psf(scope, _fine(image, recipe.upsample), ndim=ndim)
    return _sampled(image, recipe, psf, "flag" if image.meta.get("optics_told") else "file", "optics")


def _sampled(image: Image, recipe: Recipe, psf: Psf, source: Source, kind: Kind) -> Spread:
    widths = fwhm_px(psf)
    y, x = ((widths[a] or 1.0) / recipe.upsample for a in "yx")
    size = image.spacing_um.get("x")
    what = f"PSF of {' × '.join(map(str, psf.data.shape))} voxels, {psf.source}"
    how = "in three dimensions" if psf.ndim == 3 else "plane by plane"
    notes = (f"{what}: deconvolved {how}", *psf.notes)
    return Spread(
        _fitting(image, (y, x), None if size is None else x * size),
        None if size is None else float(f"{x * size:.4g}"), source, psf, notes, kind,
    )  # fmt: skip


def _pixel(image: Image) -> tuple[float, float]:
    x_um = image.spacing_um["x"]
    return x_um, image.spacing_um.get("y", x_um)


def _fine(image: Image, factor: int) -> dict[str, float]:
    """Voxel sizes of the result's grid, as far as they are known."""
    return {axis: size / (factor if axis in "xy" else 1) for axis, size in image.spacing_um.items()}


def _fitting(image: Image, fwhm: tuple[float, float], size_um: float | None) -> tuple[float, float]:
    for letter, width in zip("YX", fwhm, strict=True):
        if width > image.sizes[letter]:
            told = "" if size_um is None else f"resolution {size_um:g} µm is "
            raise RecipeError(
                f"the PSF is wider than the image: {told}{width:.3g} pixels, the image has {image.sizes[letter]} along "
                f"{letter}; check --resolution-um and --pixel-size-um (both in µm)"
            )
    return fwhm


def each_given(image: Image, given: Any) -> list[Any]:
    """Return the PSF given for each channel: one serves all, a list or tuple of several gives one to each."""
    count = image.sizes.get("C", 1)
    if not isinstance(given, list | tuple) or not any(hasattr(one, "shape") or isinstance(one, Psf) for one in given):
        return [given] * count
    if len(given) != count:
        raise RecipeError(f"{len(given)} PSFs for {count} channels: give one for each, or one for all")
    return list(given)
