"""A part of a run, frozen: the same recipe, scale and background, applied again to data that were changed a little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from ..image import Image
from ..optics.gaussian import gaussian_kernel1d
from ..optics.measured_resample import resampled
from ..optics.psf import Psf
from ..pipeline import Result, deconvolve
from ..preprocess.hot_pixels import replace_hot_pixels
from ..preprocess.noise import Noise, estimate_noise
from ..quality.halves import thin_gaussian, thin_photons
from ..recipe import DEFAULT_RESOLUTION_PX, Recipe
from ..tuning.crop import informative

Floats = npt.NDArray[np.float32]

NEIGHBOURS: Final = 4
"""Planes on either side that are computed with the one looked at, where continuity acts."""
DEEP: Final = 10
"""The same where the PSF has three axes."""
MARGIN_PX: Final = 16
"""Pixels around the window that are computed with it and cut away."""
BORDER_FWHM: Final = 1.25
"""Border of the image, in widths of the PSF, where the result is not asked to explain the data."""
SAMPLED: Final = 9
"""Planes among which the one with most light is looked for."""


@dataclass(frozen=True)
class Place:
    """A window in one plane of one channel.

    Attributes
    ----------
    index : mapping
        The plane, by axis letter.
    rows, columns : slice
        The window, in pixels of the input.
    """

    index: Mapping[str, int]
    rows: slice
    columns: slice


@dataclass(frozen=True)
class Frozen:
    """A window with all that reconstructs it as in the run.

    Attributes
    ----------
    place : Place
        Where it is.
    data, behind : array, (n, Y, X)
        Counts and background in counts of the window with its margin; n > 1 where continuity acts along z or t.
    at : int
        Which of the n planes is looked at.
    inner : tuple of slice
        The window without its margin.
    around : array, (m, Y, X)
        The result in the window with its margin, in counts, on the result's grid: of the plane looked at, or of all n
        planes where the PSF has three axes.
    edges : tuple of bool
        Whether the window ends at the image's border: top, bottom, left, right.
    recipe : Recipe
        Resolved, of this channel.
    fwhm_yx_px : tuple of float
        Width of the PSF along y and x in pixels of the input.
    axis : str
        ``"Z"``, ``"T"`` or empty.
    scale : float
        What the solvers' unit is in counts.
    spacing_um : mapping
        Pixel sizes.
    noise : Noise
        Of the data.
    threads : int or None
        Processor threads.
    psf : Psf or None
        On the result's grid, where it was no Gaussian taken plane by plane.
    """

    place: Place
    data: Floats
    behind: Floats
    at: int
    inner: tuple[slice, slice]
    around: Floats
    edges: tuple[bool, bool, bool, bool]
    recipe: Recipe
    fwhm_yx_px: tuple[float, float]
    axis: str
    scale: float
    spacing_um: Mapping[str, float]
    noise: Noise
    threads: int | None = None
    psf: Psf | None = None

    @property
    def fwhm_px(self) -> float:
        """Geometric mean of the widths along y and x, in pixels of the input."""
        return float(np.sqrt(self.fwhm_yx_px[0] * self.fwhm_yx_px[1]))

    @property
    def factor(self) -> int:
        """Pixels of the result along one pixel of the input."""
        return int(self.recipe.upsample)

    @property
    def value(self) -> Floats:
        """The result in the window, in counts, on its own grid."""
        return self.inside(self.around[self.at if len(self.around) > 1 else 0])

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Where the result should explain the data: not within 1.25 widths of the image's border, nor where saturated.

        Light comes in over the border from sources that the result does not show; saturated data are not explained.
        """
        mask = np.ones(self.counts.shape, bool)
        reach = round(BORDER_FWHM * self.fwhm_px) if self.recipe.deconvolution != "none" else 0
        for edge, side in zip(self.edges, (mask, mask[::-1], mask.T, mask.T[::-1]), strict=True):
            if edge and reach:
                side[:reach] = False
        if self.noise.saturated_fraction > 0:
            mask &= self.counts < self.data.max()
        return mask

    @property
    def counts(self) -> Floats:
        """The window's data, in counts."""
        plane: Floats = self.data[self.at][self.inner]
        return plane

    @property
    def background(self) -> Floats:
        """The window's background, in counts."""
        plane: Floats = self.behind[self.at][self.inner]
        return plane

    @property
    def light(self) -> Floats:
        """Counts above the background."""
        return self.counts - self.background

    def reconstruct(self, data: Floats | None = None, *, width: float = 1.0, **changes: Any) -> Floats:
        """Reconstruct the window from other data, with the PSF scaled or parameters changed.

        Parameters
        ----------
        data : array, (n, Y, X), optional
            In counts, with margin; those of the run when left out.
        width : float
            Factor on the width of the PSF.
        **changes
            Values of the recipe.

        Returns
        -------
        array, (Y, X), float32
            Counts on the result's grid, margin cut away.
        """
        values = self.data if data is None else data
        recipe = self.recipe.replace(hot_pixels="none", **changes)
        psf = None
        if self.psf is not None and recipe.deconvolution != "none":
            recipe, psf = recipe.replace(psf_model="auto"), self._fitting(_scaled(self.psf, width))
        elif width != 1 and recipe.deconvolution != "none":
            recipe = recipe.replace(resolution_um=float(recipe.resolution_um) * width)
        if recipe.sparse_iterations != 0 or recipe.tolerance is not None:  # else the background is part of the model
            values, recipe = values - self.behind, recipe.replace(background="none")
        block = values if self.axis else values[self.at]
        image = Image(np.asarray(block, np.float32), f"{self.axis}YX", self.spacing_um)
        result = deconvolve(image, recipe, psf=psf, scale=self.scale, threads=self.threads)
        made = np.asarray(result.image.data, np.float32)
        plane = made[self.at] if self.axis else made
        return self.inside(plane)

    def _fitting(self, psf: Psf) -> Psf:
        """Cut a PSF across to the window with its margin."""
        sizes = zip(psf.data.shape[-2:], self.data.shape[-2:], strict=True)
        half = [min(k, self.factor * n - 1 + self.factor * n % 2) // 2 for k, n in sizes]
        middle = [k // 2 for k in psf.data.shape[-2:]]
        part = tuple(slice(m - h, m + h + 1) for m, h in zip(middle, half, strict=True))
        return psf.replace(data=psf.data[..., part[0], part[1]])

    def inside(self, plane: Floats) -> Floats:
        """Cut the margin away from a plane on the result's grid."""
        rows, columns = (slice(part.start * self.factor, part.stop * self.factor) for part in self.inner)
        return plane[rows, columns]

    def halves(self, seed: int) -> tuple[Floats, Floats]:
        """Deal the light of every plane out to two independent images; see `quality.halves`."""
        noise = self.noise
        if noise.has_photon_scale and noise.gain_counts_per_electron is not None:
            return thin_photons(
                self.data, gain=noise.gain_counts_per_electron, offset=noise.offset_counts,
                read_e=noise.read_noise_e or 0.0, seed=seed,
            )  # fmt: skip
        return thin_gaussian(self.data, noise.variance(self.data), seed=seed)

    def explained(self) -> Floats:
        """Return the result as the microscope would show it, in counts on the input's grid, background left out."""
        if self.psf is not None:
            blurred = _convolved(self.around, self.psf.data)
            return coarse(blurred[self.at if len(self.around) > 1 else 0], self.factor)[self.inner]
        value = self.around[0]
        if self.recipe.deconvolution != "none":
            for axis, width in enumerate(self.fwhm_yx_px):
                kernel = gaussian_kernel1d(width * self.factor)
                value = ndimage.correlate1d(value, kernel, axis=axis, mode="reflect")
        return coarse(value, self.factor)[self.inner]


def _convolved(values: Floats, psf: Floats) -> Floats:
    """Convolve planes or a volume with a PSF of odd lengths; `scipy.signal` takes 0.4 s to load.

    Beyond the borders lies the mirror image of a plane, and nothing where the PSF has three axes.
    """
    deep = psf.ndim == 3
    reach = [(0, 0)] * (values.ndim - psf.ndim) + [(0, 0) if deep else (k // 2, k // 2) for k in psf.shape]
    psf = psf.reshape(-1, *psf.shape[-2:])
    wider = np.pad(values, reach, mode="symmetric")
    sizes = [n + k - 1 for n, k in zip(wider.shape, psf.shape, strict=True)]
    good = [fft.next_fast_len(n, real=True) for n in sizes]
    whole = fft.irfftn(fft.rfftn(wider, good) * fft.rfftn(psf, good), good)
    start = [k // 2 + before for k, (before, _) in zip(psf.shape, reach, strict=True)]
    part = tuple(slice(a, a + n) for a, n in zip(start, values.shape, strict=True))
    return np.asarray(whole[part], np.float32)


def _scaled(psf: Psf, width: float) -> Psf:
    """Return a PSF wider or narrower across by a factor, on the same voxels."""
    if width == 1:
        return psf
    sizes = dict(psf.spacing_um) or dict.fromkeys("zyx"[-psf.ndim :], 1.0)
    stretched = psf.replace(spacing_um={axis: size * (width if axis in "xy" else 1) for axis, size in sizes.items()})
    return resampled(stretched, sizes).replace(spacing_um=psf.spacing_um)


def coarse(value: npt.NDArray[np.floating], factor: int) -> Floats:
    """Average a plane on a finer grid over the pixels of the input.

    Examples
    --------
    >>> coarse(np.array([[1, 3], [5, 7]]), 2)
    array([[4.]], dtype=float32)
    """
    if factor == 1:
        return np.asarray(value, np.float32)
    height, width = (n // factor for n in value.shape)
    return np.asarray(value.reshape(height, factor, width, factor).mean((1, 3)), np.float32)


def channel_recipe(result: Result, channel: int | None) -> Recipe:
    """Return the recipe of one channel: values chosen from the image differ from channel to channel."""
    return result.channels[channel or 0] if result.channels else result.recipe


def freeze(
    image: Image, result: Result, *, channel: int | None = None, side: int = 256, threads: int | None = None
) -> Frozen | None:
    """Take out the window of a run in which there is most to see.

    Parameters
    ----------
    image : Image
        The input of the run.
    result : Result
        What it gave.
    channel : int, optional
        Along C; the first when left out.
    side : int
        Largest side of the window, in pixels of the input.
    threads : int, optional
        Processor threads.

    Returns
    -------
    Frozen or None
        None where nothing stands above the background.
    """
    channel = (channel or 0) if "C" in image.axes else None
    recipe = channel_recipe(result, channel)
    whole = _Channel(image, result.background, channel, recipe.hot_pixels)
    index, scale = whole.brightest()
    if not scale > 0:
        return None
    spacing = dict(image.spacing_um)
    fwhm = (DEFAULT_RESOLUTION_PX, DEFAULT_RESOLUTION_PX)
    if recipe.deconvolution != "none":
        x_um = spacing["x"]
        fwhm = (float(recipe.resolution_um) / spacing.get("y", x_um), float(recipe.resolution_um) / x_um)
    plane, behind = whole.read(index)
    rows, columns = informative(plane - behind, float(np.sqrt(fwhm[0] * fwhm[1])), side)
    psf = result.psfs[channel or 0] if result.psfs and recipe.deconvolution != "none" else None
    deep = psf is not None and psf.ndim == 3
    axis = "Z" if deep else _axis(image, recipe)
    block, at = _neighbours(index, axis, image, DEEP if deep else NEIGHBOURS)
    planes = [whole.read(i) for i in block]
    outer, inner = _with_margin((rows, columns), plane.shape)
    data, behinds = (np.stack([pair[i][outer] for pair in planes]) for i in (0, 1))
    factor = int(recipe.upsample)
    fine = tuple(slice(part.start * factor, part.stop * factor) for part in outer)
    shown = block if deep else [index]
    around = np.stack([np.asarray(result.image.block(**whole.fixed, **i), np.float32)[fine] for i in shown])
    edges = (rows.start == 0, rows.stop == plane.shape[0], columns.start == 0, columns.stop == plane.shape[1])
    noise = estimate_noise(data if len(data) > 1 and axis == "T" else data[at], fwhm_px=float(np.sqrt(np.prod(fwhm))))
    return Frozen(
        Place({**whole.fixed, **index}, rows, columns), data, behinds, at, inner, around, edges, recipe, fwhm, axis,
        scale, spacing, noise, threads, psf,
    )  # fmt: skip


class _Channel:
    """Planes of one channel with their background, as the pipeline sees them."""

    def __init__(self, image: Image, background: Image | None, channel: int | None, hot_pixels: str) -> None:
        self.image, self.background, self.hot_pixels = image, background, hot_pixels
        self.fixed = {} if channel is None else {"C": channel}
        self.axes = "".join(axis for axis in image.axes if axis in "TZ")

    def read(self, index: Mapping[str, int]) -> tuple[Floats, Floats]:
        plane = np.array(self.image.block(**self.fixed, **index), np.float32)
        if self.hot_pixels != "none":
            plane = replace_hot_pixels(plane)[0]
        if self.background is None:
            return plane, np.zeros_like(plane)
        return plane, np.asarray(self.background.block(**self.fixed, **index), np.float32)

    def brightest(self) -> tuple[dict[str, int], float]:
        """Return the plane with most light, of some, and the largest value above the background of all planes."""
        places = [
            dict(zip(self.axes, map(int, at), strict=True))
            for at in np.ndindex(*(self.image.sizes[axis] for axis in self.axes))
        ]
        sample = {round(i) for i in np.linspace(0, len(places) - 1, min(SAMPLED, len(places)))}
        best, most, top = places[0], -np.inf, 0.0
        for i, index in enumerate(places):
            plane, behind = self.read(index)
            net = plane - behind
            top = max(top, float(net.max()))
            if i in sample and float(net.std()) > most:
                best, most = index, float(net.std())
        return best, top


def _axis(image: Image, recipe: Recipe) -> str:
    """Axis of the continuity prior, as in the pipeline; empty where planes are treated one by one."""
    if recipe.continuity == 0 or (recipe.sparse_iterations == 0 and recipe.tolerance is None):
        return ""
    axis = next((letter for letter in "ZT" if letter in image.axes), "")
    return axis if axis and image.sizes[axis] >= 3 else ""


def _neighbours(index: Mapping[str, int], axis: str, image: Image, reach: int) -> tuple[list[dict[str, int]], int]:
    if not axis:
        return [dict(index)], 0
    length = image.sizes[axis]
    first = min(max(0, index[axis] - reach), max(0, length - 2 * reach - 1))
    last = min(length, first + 2 * reach + 1)
    return [{**index, axis: i} for i in range(first, last)], index[axis] - first


def _with_margin(
    window: tuple[slice, slice], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    outer, inner = [], []
    for part, length in zip(window, shape, strict=True):
        start, stop = max(0, part.start - MARGIN_PX), min(length, part.stop + MARGIN_PX)
        outer.append(slice(start, stop))
        inner.append(slice(part.start - start, part.stop - start))
    return (outer[0], outer[1]), (inner[0], inner[1])
