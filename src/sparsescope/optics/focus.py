"""Where the focus is: the stage's position at which a point is brightest, and the width of the peak around it."""

from __future__ import annotations

import math

import numpy as np

from .microscope import Microscope
from .model import Model
from .quadrature import Doubles
from .radial import Grid

STEPS = 12
"""Positions per diffraction-limited axial width."""


def paraxial_focus_um(scope: Microscope) -> float:
    """Stage position at which rays near the axis meet: n_i (depth / n_s + coverslip's excess / n_g)."""
    excess = scope.coverslip_um - scope.coverslip_design_um
    return scope.index() * (scope.depth_um / scope.sample() + excess / scope.glass())


def _marginal_focus_um(scope: Microscope) -> float:
    """Stage position at which the rays of the pupil's rim meet; rays that the sample cannot hold are left out."""
    n_i, n_s, n_g = scope.index(), scope.sample(), scope.glass()
    s = min(scope.need("numerical_aperture"), 0.9 * n_s)
    excess = scope.coverslip_um - scope.coverslip_design_um

    def slope(index: float) -> float:
        return s / math.sqrt(index**2 - s**2)

    return (scope.depth_um * slope(n_s) + excess * slope(n_g)) / slope(n_i)


def limited_width_um(scope: Microscope) -> float:
    """Axial full width at half maximum without aberrations, 0.886 / (n (1 - cos α) / wavelength)."""
    n = scope.index()
    wave = (scope.emission_nm or scope.need("excitation_nm")) / 1000
    return 0.886 * wave / (n - math.sqrt(n**2 - scope.need("numerical_aperture") ** 2))


def is_aberrated(scope: Microscope) -> bool:
    """Whether layers change the phase over the pupil."""
    bent = scope.coverslip_um != scope.coverslip_design_um or (scope.depth_um > 0 and scope.sample() != scope.index())
    return bent or scope.need("numerical_aperture") > scope.sample()


def best_focus_um(scope: Microscope, model: Model) -> float:
    """Return the position of the stage at which a point on the axis is brightest, in µm.

    Parameters
    ----------
    scope : Microscope
        Its layers; without aberrations the answer is the depth itself.
    model : Model
        Whose maximum is looked for.
    """
    if not model.layers:
        return 0.0
    if not is_aberrated(scope):
        return scope.depth_um
    width = limited_width_um(scope)
    ends = sorted([paraxial_focus_um(scope), _marginal_focus_um(scope)])
    stage: Doubles = np.arange(ends[0] - 2 * width, ends[1] + 2 * width, width / STEPS, dtype=np.float64)
    top = _peak_um(stage, model.on_axis(stage))
    if model.peak is None:
        return top
    near: Doubles = np.asarray(top + np.arange(-STEPS, STEPS + 1) * (width / STEPS), np.float64)
    return _peak_um(near, model.intensity(Grid.reaching(0.0, model.cutoff), near)[0])


def _peak_um(stage_um: Doubles, line: Doubles) -> float:
    """Position of the maximum, between the samples by a parabola."""
    top = int(np.clip(line.argmax(), 1, len(line) - 2))
    low, middle, high = line[top - 1 : top + 2]
    bend = low - 2 * middle + high
    return float(stage_um[top] + (0.5 * (low - high) / bend if bend < 0 else 0) * (stage_um[1] - stage_um[0]))


def axial_width_um(scope: Microscope, model: Model, focus_um: float) -> float:
    """Return the distance of the outermost positions at which a point is half as bright as in focus."""
    reach = 3 * limited_width_um(scope) + 3 * abs(focus_um - paraxial_focus_um(scope))
    step = limited_width_um(scope) / STEPS
    count = math.ceil(reach / step)
    stage: Doubles = np.asarray(focus_um + step * np.arange(-count, count + 1), np.float64)
    line = model.on_axis(stage)
    bright = np.flatnonzero(line >= line.max() / 2)
    return float(stage[bright[-1]] - stage[bright[0]] + step)
