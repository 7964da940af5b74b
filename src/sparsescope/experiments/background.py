"""Background in the model: Richardson–Lucy with b, without it, and with b subtracted beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..findings import Figure, Findings, Line, Picture, Plot, Table
from ..simulate.camera import CAMERAS
from ..simulate.simulation import Simulation, simulate
from . import Ask
from .tools import ESSAY, PAPER, RICHARDSON_LUCY, Doubles, at_width, fitted_error, richardson_lucy

PIXEL_UM, FWHM_UM, PHOTONS = 0.05, 0.2, 300.0
COUNTS = (3, 10, 30, 100, 300, 1000)
BACKGROUNDS = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Even background as a part of the brightest pixel of the structure."""

Way = Callable[[Doubles, float], tuple[Doubles, float]]

WAYS: dict[str, Way] = {
    "b left out": lambda f, _: (f, 0.0),
    "subtracted, cut at 0": lambda f, b: (np.maximum(f - b, 0), 0.0),
    "b in the model": lambda f, b: (f, b),
    "b 10 % too high": lambda f, b: (f, 1.1 * b),
    "b 10 % too low": lambda f, b: (f, 0.9 * b),
}
"""What Richardson–Lucy is given: data and background."""


@dataclass
class _Case:
    """One background: the frame, and errors and best pictures by way."""

    background: float
    frame: npt.NDArray[Any]
    errors: dict[str, list[float]]
    best: dict[str, npt.NDArray[Any]]


def run(ask: Ask) -> Findings:
    """Run it."""
    side, backgrounds, counts = (64, (0.0, 1.0), COUNTS[:4]) if ask.quick else (128, BACKGROUNDS, COUNTS)
    cases = []
    for number, background in enumerate(backgrounds):
        made = simulate(
            Simulation(
                "filaments", (side, side), PIXEL_UM, FWHM_UM, photons=PHOTONS, background=background,
                camera=CAMERAS["ideal"], seed=2,
            )
        )  # fmt: skip
        target = at_width(made.truth, FWHM_UM / PIXEL_UM / 2)
        case = _Case(background, made.image, {}, {})
        for name, way in WAYS.items():
            data, model = way(made.image.astype(np.float64), background * PHOTONS)
            errors = []
            for count in counts:
                result = richardson_lucy(data, FWHM_UM / PIXEL_UM, count, model)
                errors.append(fitted_error(result, target))
                if errors[-1] == min(errors):
                    case.best[name] = result
            case.errors[name] = errors
        cases.append(case)
        ask.step(number + 1, len(backgrounds), "backgrounds")
    return _findings(cases, counts)


def _findings(cases: list[_Case], counts: tuple[int, ...]) -> Findings:
    table = Table(
        ("background", "way", "best error", "at iteration", *(f"{n}" for n in counts)),
        tuple(
            (f"{c.background:.0%}", name, min(errors), counts[int(np.argmin(errors))], *errors)
            for c in cases
            for name, errors in c.errors.items()
        ),
        "Relative error against the truth at half the width of the PSF, by iterations",
    )
    one = next(c for c in cases if c.background == 1.0)
    black = cases[0]
    least = {name: min(errors) for name, errors in one.errors.items()}
    shown = (
        (
            f"With a background as bright as the structure, the best error is {least['b left out']:.2f} where b is "
            f"left out, {least['subtracted, cut at 0']:.2f} where it is subtracted first and "
            f"{least['b in the model']:.2f} where it is in the model; on black ground "
            f"{min(black.errors['b in the model']):.2f} in all three."
        ),
        (
            f"Subtracting first comes close at its best iteration, and loses beyond it: at {counts[-1]} iterations "
            f"the error is {one.errors['subtracted, cut at 0'][-1]:.2f} against "
            f"{one.errors['b in the model'][-1]:.2f}. In the model, b makes Richardson–Lucy slower and steadier."
        ),
    )
    boundary = (
        (
            f"b has to be known. 10 % too high gives {least['b 10 % too high']:.2f}, 10 % too low "
            f"{least['b 10 % too low']:.2f}; rather too low than too high."
        ),
        (
            "In the model or not, a background costs light: its noise stays. Even with b known exactly the best "
            f"error grows from {min(black.errors['b in the model']):.2f} on black ground to "
            f"{least['b in the model']:.2f}."
        ),
        (
            "The best number of iterations was chosen with the truth. The background is even; an uneven one has to "
            "be estimated and may be mistaken for structure."
        ),
    )
    return Findings(
        "Background in the model",
        "“RL only considers Poisson noise, while Poisson noise does not contain background … It would be a good "
        "correction/prior-knowledge to add b to the model.” (the essay)",
        _figure(cases, counts, one),
        (table,),
        shown,
        boundary,
        (PAPER, ESSAY, RICHARDSON_LUCY),
        {
            **{f"least error, {name}": value for name, value in least.items()},
            "black": min(black.errors["b in the model"]),
        },
    )


def _figure(cases: list[_Case], counts: tuple[int, ...], one: _Case) -> Figure:
    names = ("b left out", "subtracted, cut at 0", "b in the model")
    pictures = [Picture(one.frame, "input, background 100 %", PIXEL_UM, limits=_range(one.frame))]
    pictures += [
        Picture(one.best[n], f"{n}\nat its best iteration", PIXEL_UM, limits=_range(one.best[n])) for n in names
    ]
    course = Plot(
        tuple(Line(counts, one.errors[n], n, "both") for n in WAYS),
        "background 100 %", "iterations", "relative error", log_x=True,
    )  # fmt: skip
    by_level = Plot(
        tuple(
            Line([c.background for c in cases], [min(c.errors[n]) for c in cases], n, "both") for n in WAYS
        ),
        "at the best iteration", "background, part of the structure's maximum", "relative error",
    )  # fmt: skip
    caption = "Black and white are the 0.5th and 99.9th percentile of each picture."
    return Figure((tuple(pictures), (course, by_level)), caption, (1.0, 0.95), cell_in=3.0)


def _range(values: npt.NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(values, (0.5, 99.9))
    return float(low), float(high)
