"""Where the counts went: sums before and after each stage, as percentages and as sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..engines import Float32Array
from ..recipe import Recipe
from .second_stage import Deconvolved

FLUX_TOLERANCE_PERCENT = 0.5
TOO_SPARSE_PERCENT = 30.0


def total(array: Float32Array) -> float:
    """Sum in float64."""
    return float(np.sum(array, dtype=np.float64))


@dataclass
class Account:
    """Sums in counts over everything that was processed, on the input's grid.

    Attributes
    ----------
    data, background, sparse, after : list of float
        Sum of each plane of the input, of the background, after the sparse stage, and of the result; they are added
        up exactly, so the order in which threads finish does not matter.
    measured, explained : list of float
        Sum of what the second stage was given to explain in each plane, and of what its object explains.
    minimum : float
        Smallest value met in the input.
    hot, saturated : int
        Pixels replaced as hot, dead or not finite; pixels at the top of the detector's range.
    empty : list of str
        What is said about channels with nothing in them.
    """

    data: list[float] = field(default_factory=list)
    background: list[float] = field(default_factory=list)
    sparse: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    measured: list[float] = field(default_factory=list)
    explained: list[float] = field(default_factory=list)
    minimum: float = 0.0
    hot: int = 0
    saturated: int = 0
    empty: list[str] = field(default_factory=list)

    def add_data(self, data: Float32Array, behind: Float32Array | None, finer: int) -> None:
        """Add a plane of the input and its background, None where there is none, both in counts.

        They are `finer` times finer than the input along y and x.
        """
        self.data.append(total(data) / finer**2)
        self.background.append(0.0 if behind is None else total(behind) / finer**2)

    def add_sparse(self, sparse: Float32Array, modelled: Float32Array | None, finer: int) -> None:
        """Add what the sparse stage made of a plane, in counts, and the background that is still in it."""
        self.sparse.append((total(sparse) - (0.0 if modelled is None else total(modelled))) / finer**2)

    def add_second(self, found: Deconvolved, finer: tuple[int, int]) -> None:
        """Add a plane or a stack after the second stage; `finer` is of what that stage was given and of its result."""
        early = finer[0] ** 2
        self.after.append(total(found.value) / finer[1] ** 2)
        self.measured.append(found.measured / early)
        self.explained.append(found.explained / early)
        self.saturated += found.masked // early

    def add(self, other: Account) -> None:
        """Take over the sums of part of the image."""
        for name in ("data", "background", "sparse", "after", "measured", "explained"):
            getattr(self, name).extend(getattr(other, name))
        self.minimum = min(self.minimum, other.minimum)
        self.hot += other.hot
        self.saturated += other.saturated
        self.empty += other.empty

    def measures(self) -> dict[str, float]:
        """Return the part of the sum that each stage removed or changed, in percent."""
        data, background, sparse, after = map(math.fsum, (self.data, self.background, self.sparse, self.after))
        measured, explained = math.fsum(self.measured), math.fsum(self.explained)
        out = {}
        if data > 0 and background:
            out["background_removed_percent"] = 100 * background / data
        if data - background > 0:
            out["sparsity_removed_percent"] = 100 * (1 - sparse / (data - background))
        if measured > 0:
            out["deconvolution_flux_change_percent"] = 100 * (explained / measured - 1)
        if sparse > 0:
            out["field_sum_change_percent"] = 100 * (after / sparse - 1)
        return out

    def notes(self, recipe: Recipe) -> list[str]:
        """Return what the user should know about the counts."""
        measures, notes = self.measures(), list(self.empty)
        sparse = recipe.sparse_iterations != 0 or recipe.tolerance is not None
        if self.hot:
            notes.append(f"{self.hot} hot, dead or not-finite pixels were replaced by the median of their neighbours")
        if self.minimum < 0:
            notes.append(
                f"the input has negative values (down to {self.minimum:.4g}): the image was processed before or an "
                "offset was subtracted; they are kept as data"
                + (", the result is never negative" if sparse or recipe.deconvolution != "none" else "")
            )
        if "background_removed_percent" in measures:
            notes.append(f"background removed {measures['background_removed_percent']:.1f} % of the sum")
        sparsity = measures.get("sparsity_removed_percent")
        if sparse and sparsity is not None:
            if sparsity <= -0.05:
                little = ": little stands out there" if sparsity < -5 else ""  # as much noise below the background
                notes.append(
                    f"the sparse stage cut noise below the background at zero, which adds {-sparsity:.1f} % to the "
                    f"signal above it{little}"
                )
            else:
                notes.append(f"the sparse stage removed {sparsity:z.1f} % of the signal above the background")
            if sparsity > TOO_SPARSE_PERCENT:
                notes.append(
                    f"sparsity removed {sparsity:.0f} % of the signal: dim structures may be gone; "
                    "lower --sparsity or raise --fidelity"
                )
        flux = measures.get("deconvolution_flux_change_percent")
        if recipe.deconvolution != "none" and flux is not None:
            kept = "kept" if abs(flux) <= FLUX_TOLERANCE_PERCENT else "NOT kept"
            notes.append(f"flux {kept} by the deconvolution: what its result explains differs by {flux:+.2g} %")
            notes += self._field_notes(measures)
        if recipe.upsample > 1:
            times = recipe.upsample**2
            notes.append(f"up-sampled ×{recipe.upsample}: values keep their level, so sums are {times} times larger")
            if recipe.deconvolution == "none" and recipe.upsample_method == "model":
                notes.append("up-sampled by Fourier interpolation, as there is no second stage to model the camera in")
        return notes

    def _field_notes(self, measures: dict[str, float]) -> list[str]:
        """Say why the sum over the field is not that of the data."""
        notes = []
        if self.saturated:
            notes.append(
                f"{self.saturated} pixels at the top of the detector's range did not count: their light is estimated "
                "from their surroundings"
            )
        change = measures.get("field_sum_change_percent", 0.0)
        if abs(change) > FLUX_TOLERANCE_PERCENT and not self.saturated:
            notes.append(
                f"the sum over the field changed by {change:+.2g} %: light near the border is counted where its source "
                "lies, inside the field or beyond it"
            )
        return notes
