"""Experiments: each claim of the method as a command, with its figure, its numbers and the place where it ends."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from ..errors import InputError

if TYPE_CHECKING:
    from ..findings import Findings


class Entry(NamedTuple):
    """An experiment: its module here, and what it asks in one line."""

    module: str
    about: str


TABLE = {
    "noise-free": Entry("noise_free", "is there a limit of resolution without noise?"),
    "solver-agnostic": Entry("solver_agnostic", "do all solvers reach A x = y without noise, and at what cost?"),
    "background": Entry("background", "what does a background do, in the model or left out?"),
    "priors": Entry("priors", "sparsity, continuity, both, or neither"),
    "noise-vs-prior": Entry("noise_vs_prior", "seven noise levels by seven weights of the priors"),
    "over-sparsity": Entry("over_sparsity", "how sparsity turns the whole picture into zero"),
    "nonzero-ratio": Entry("nonzero_ratio", "how many pixels are not zero, before and after"),
    "ladder": Entry("ladder", "which separations are resolved, by light and background"),
    "single-molecules": Entry("single_molecules", "localisation as deconvolution with the strongest prior"),
    "linearity": Entry("linearity", "does the result stay proportional to the light?"),
    "real-pairs": Entry("real_pairs", "wide-field against SIM of the same field (needs such images: --data)"),
}
"""Every experiment by name, in the order of the list."""


class Step(NamedTuple):
    """So many of so many units of a stage are done."""

    stage: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class Ask:
    """How an experiment is to be run.

    Attributes
    ----------
    quick : bool
        Smaller and fewer scenes, for a few seconds.
    data : Path or None
        Folder of real images, for the experiments that use them.
    on_step : callable
        Told how far it is.
    """

    quick: bool = False
    data: Path | None = None
    on_step: Callable[[Step], None] = field(default=lambda _: None)

    def step(self, done: int, total: int, unit: str, stage: str = "experiment") -> None:
        """Tell how far it is."""
        self.on_step(Step(stage, done, total, unit))


class Experiment(Protocol):
    """A module of this room."""

    def run(self, ask: Ask) -> Findings:
        """Run it."""


def load(name: str) -> Experiment:
    """Return an experiment by name.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> load("noise-free").run
    <function run at ...>
    """
    if name not in TABLE:
        raise InputError(f"no experiment {name!r}; there are {', '.join(TABLE)}")
    return cast("Experiment", importlib.import_module(f"{__name__}.{TABLE[name].module}"))
