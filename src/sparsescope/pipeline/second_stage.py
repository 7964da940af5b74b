"""The second stage: planes or volumes deconvolved with their PSF, compared with the data only where there are data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..engines import Engine, Float32Array, Imaging
from ..errors import RecipeError
from ..optics.gaussian import gaussian_kernel1d
from ..optics.psf import Psf
from ..preprocess.upsample import upsample
from ..recipe import Recipe
from ..solvers.data_term import DataTerm
from ..solvers.landweber import Landweber
from ..solvers.loop import Outcome, solve
from ..solvers.richardson_lucy import RichardsonLucy
from .spread import Spread

Mask = npt.NDArray[np.bool_]
OnStep = Callable[[int, int], None]

PUBLISHED_MARGIN = 6
"""The published programs continue a plane on every side by its shorter side over this."""


@dataclass(frozen=True)
class Deconvolved:
    """What the second stage returns.

    Attributes
    ----------
    value : array
        The object inside the field; of what was worked on in files one that is read plane by plane.
    outcome : Outcome
        How the iteration ended.
    measured, explained : float
        Sum of the data that count, less a background in the model, and of what the object, also that beyond the
        field, makes of them.
    masked : int
        How many data did not count.
    """

    value: Any
    outcome: Outcome
    measured: float
    explained: float
    masked: int = 0

    def in_counts(self, scale: np.float32) -> Deconvolved:
        """Return the same in counts, `scale` of them to one."""
        times = float(scale)
        value = self.value * scale
        return replace(self, value=value, measured=self.measured * times, explained=self.explained * times)


def untouched(plane: Float32Array) -> Deconvolved:
    """Return a plane to which nothing is done."""
    total = float(plane.sum(dtype=np.float64))
    return Deconvolved(plane, Outcome.COMPLETED, total, total)


def deconvolver(recipe: Recipe, spread: Spread, factor: int, late: int) -> Deconvolver:
    """Return the second stage of a channel; the result is `factor` times finer than the input, `late` than the data."""
    if spread.psf is not None:
        return Deconvolver(recipe, spread.psf, late, must_fit=spread.kind == "given")
    return Deconvolver(recipe, [width * factor for width in spread.fwhm_yx_px], late)


class Deconvolver:
    """Richardson–Lucy or Landweber for planes or volumes of one shape; prepared once, used from several threads.

    Where no background is in the model, the object is scaled so that it explains exactly the light measured (negative
    data as zero): cutting the extrapolation at zero adds up to a percent. The sum over the field is not forced: light
    near the border may come from sources beyond it, or have left the field, and is counted where its source is.

    Parameters
    ----------
    recipe : Recipe
        Resolved.
    psf : Psf or sequence of float
        On the grid of the result: sampled, or the widths (FWHM) in pixels of a Gaussian, one per axis such as (y, x).
    factor : int
        How many times finer than the data the result is, in y and x.
    must_fit : bool
        Refuse a sampled PSF that is larger than the image; one that is computed may well be, and its light beyond the
        field is then known to be lost.
    """

    def __init__(self, recipe: Recipe, psf: Psf | Sequence[float], factor: int = 1, *, must_fit: bool = True) -> None:
        self.must_fit = must_fit
        self.method = recipe.deconvolution
        self.iterations = int(recipe.deconvolution_iterations)
        self.factor = factor
        self.psf: Float32Array | tuple[Float32Array, ...]
        self.borders = recipe.borders
        self.psf = psf.data if isinstance(psf, Psf) else tuple(gaussian_kernel1d(width) for width in psf)
        self._terms: dict[tuple[str, int, tuple[int, ...]], DataTerm] = {}
        self._lock = Lock()

    def __call__(
        self,
        data: Float32Array,
        behind: Float32Array | None,
        engine: Engine,
        mask: Mask | None = None,
        on_step: OnStep | None = None,
    ) -> Deconvolved:
        """Deconvolve a plane or a volume.

        Parameters
        ----------
        data : array, shape (Y, X) or (Z, Y, X)
            Its maximum is about 1.
        behind : array, same shape, optional
            What the blurred object is added to.
        engine : Engine
            What computes.
        mask : array of bool, same shape, optional
            Where data count.
        on_step : callable, optional
            Called with (iterations done, limit) now and then.

        Raises
        ------
        RecipeError
            If the PSF has more axes than the data, or is larger than they are.
        """
        if self.borders == "published" and data.ndim == 2 and min(data.shape) // PUBLISHED_MARGIN:
            return self._published(data, behind, engine, on_step)
        return self._solved(data, behind, engine, mask, on_step)

    def solver(self, term: DataTerm, behind: Any, start: Any) -> Any:
        """Return the method that is iterated."""
        method = RichardsonLucy if self.method == "rl" else Landweber
        return method(term, self.iterations, behind, start)

    def _published(
        self, data: Float32Array, behind: Float32Array | None, engine: Engine, on_step: OnStep | None
    ) -> Deconvolved:
        """Continue a plane by its outermost pixels before, and cut them away after."""
        margin = min(data.shape) // PUBLISHED_MARGIN
        wider, back = (None if part is None else np.pad(part, margin, mode="edge") for part in (data, behind))
        assert wider is not None
        found = self._solved(wider, back, engine, None, on_step)
        net = data if behind is None else data - behind
        value = np.ascontiguousarray(found.value[margin:-margin, margin:-margin])
        measured = float(net.sum(dtype=np.float64))
        return replace(found, value=value, measured=measured, explained=measured)

    def _solved(
        self,
        data: Float32Array,
        behind: Float32Array | None,
        engine: Engine,
        mask: Mask | None,
        on_step: OnStep | None,
    ) -> Deconvolved:
        term = self._term(engine, data.shape)
        if mask is not None and not mask.all():
            term = DataTerm(cast(Imaging, term.imaging), mask)
        start = None if self.factor == 1 else self._fine(data if behind is None else data - behind)
        solution = solve(self.solver(term, behind, start), data, on_step)
        if not solution.outcome.ok:
            return Deconvolved(self._fine(data), solution.outcome, 0.0, 0.0)
        counted = data if mask is None else data[mask]
        net = counted if behind is None else counted - (behind if mask is None else behind[mask])
        measured = float(net.sum(dtype=np.float64))
        explained = term.explained(solution.value)
        value = solution.value[term.imaging.field]
        if behind is None and explained > 0:
            aim = float(np.maximum(net, 0).sum(dtype=np.float64))
            value, explained = value * np.float32(aim / explained), aim
        return Deconvolved(value, solution.outcome, measured, explained, data.size - counted.size)

    def _term(self, engine: Engine, shape: tuple[int, ...]) -> DataTerm:
        key = (engine.name, engine.threads, shape)
        with self._lock:
            if key not in self._terms:
                self._terms[key] = DataTerm(self._imaging(engine, shape))
            return self._terms[key]

    def _imaging(self, engine: Engine, shape: tuple[int, ...]) -> Imaging:
        if self.must_fit and not isinstance(self.psf, tuple):
            check_size(self.psf, shape, self.factor)
        if self.borders == "masked":
            return engine.imaging(self.psf, shape, self.factor)
        if self.borders == "published":
            return self._periodic(engine, shape)
        if not isinstance(self.psf, tuple) or len(shape) != 2 or self.factor != 1:
            raise RecipeError(
                "borders = 'mirror' is for planes with a Gaussian PSF on their own grid: leave it out, or use "
                "upsample_method = 'fourier'"
            )
        return engine.mirrored(self.psf[0], self.psf[1], (shape[0], shape[1]))

    def _periodic(self, engine: Engine, shape: tuple[int, ...]) -> Imaging:
        psf = self.psf if not isinstance(self.psf, tuple) else np.multiply.outer(*self.psf).astype(np.float32)
        if len(shape) != 2 or psf.ndim != 2 or self.factor != 1:
            raise RecipeError(
                "borders = 'published' is for planes on their own grid: leave it out, or use upsample_method 'fourier'"
            )
        if any(k > n for k, n in zip(psf.shape, shape, strict=True)):
            raise RecipeError(
                f"borders = 'published' needs an image no smaller than its PSF ({psf.shape} and {shape} pixels, with "
                "the margin): use borders = 'masked'"
            )
        return engine.periodic(psf, (shape[0], shape[1]))

    def _fine(self, data: Float32Array) -> Float32Array:
        return data.copy() if self.factor == 1 else upsample(data, self.factor)


OUTSIDE = 5e-4
"""Part of a PSF's light on one side that may lie outside what is called its size."""


def check_size(psf: Float32Array, shape: tuple[int, ...], factor: int = 1) -> None:
    """Raise RecipeError where a sampled PSF does not fit the image that it is to sharpen.

    Parameters
    ----------
    psf : array
        Of two or three axes, its sum 1.
    shape : tuple of int
        Of the plane or volume; the PSF belongs to the last axes.
    factor : int
        How many times finer the PSF is sampled in y and x.

    Examples
    --------
    >>> import numpy as np
    >>> check_size(np.full((5, 5), 0.04, np.float32), (9, 9))
    """
    if psf.ndim > len(shape):
        raise RecipeError(
            f"the PSF has {psf.ndim} axes (Z, Y, X), the image {len(shape)}: a single plane takes a PSF of two axes; "
            "give that, or the whole z-stack"
        )
    letters = "ZYX"[-psf.ndim :]
    for axis, (letter, pixels) in enumerate(zip(letters, shape[-psf.ndim :], strict=True)):
        room = pixels if letter == "Z" else pixels * factor
        line = psf.sum(tuple(a for a in range(psf.ndim) if a != axis), dtype=np.float64)
        size = _width(psf, axis) if letter == "Z" else _extent(line)
        if size > room:
            raise RecipeError(
                f"the PSF is larger than the image: {size} pixels along {letter}, the image has {room}; crop the PSF "
                "to what lies around its peak (sparsescope psf), check its voxel size, or give more of the image"
            )


def _extent(line: npt.NDArray[np.float64]) -> int:
    """Pixels that hold all but `OUTSIDE` of the light on either side."""
    inside = (np.cumsum(line) > OUTSIDE) & (np.cumsum(line[::-1])[::-1] > OUTSIDE)
    return int(np.count_nonzero(inside))


def _width(psf: Float32Array, axis: int) -> int:
    """Pixels along the line through the peak that reach half of it: out of focus the light has no end."""
    peak = np.unravel_index(int(psf.argmax()), psf.shape)
    line = psf[tuple(slice(None) if a == axis else peak[a] for a in range(psf.ndim))]
    return int(np.count_nonzero(2 * line >= line.max()))
