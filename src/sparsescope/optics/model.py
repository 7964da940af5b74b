"""A PSF before it is put on voxels: a function of the distance to the axis and of the stage's position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .quadrature import Doubles
from .radial import Grid

Intensity = Callable[[Grid, Doubles], Doubles]
"""From radii and positions of the stage to values of shape (radii, positions)."""


@dataclass(frozen=True)
class Model:
    """A PSF before it is put on voxels.

    Attributes
    ----------
    intensity : callable
        Values on a grid of radii for positions of the stage in µm, shape (radii, positions).
    cutoff, axial_cutoff : float
        Highest spatial frequencies across and along the axis, in cycles per µm.
    whole_planes : bool
        Whether every plane holds the same light, 1, as in wide field; otherwise only the ratio of values counts.
    words : str
        Its name in a sentence.
    notes : tuple of str
        What was assumed.
    peak : callable, optional
        Brightness on the axis for positions of the stage, where there is a shorter way than `intensity`: the pinhole
        is left aside.
    layers : bool
        Whether depth, indices and coverslip enter; without them the focus is at 0.
    """

    intensity: Intensity
    cutoff: float
    axial_cutoff: float
    whole_planes: bool
    words: str
    notes: tuple[str, ...] = ()
    peak: Callable[[Doubles], Doubles] | None = None
    layers: bool = True

    def on_axis(self, stage_um: Doubles) -> Doubles:
        """Return the brightness of a point on the axis, by which the focus is found."""
        if self.peak is not None:
            return self.peak(stage_um)
        return np.asarray(self.intensity(Grid.reaching(0.0, self.cutoff), stage_um)[0])
