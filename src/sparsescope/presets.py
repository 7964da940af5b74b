"""Published settings by name, each with where it was read; plain values, so that the recipe can build on them.

The per-specimen table of the published manual (2D-SIM actin, LysoView, caveolae, SD-SIM actin, clathrin-coated pits,
peroxisome, tubulin, lysosome) and the supplement of Zhao et al. 2022 could not be read when this was written. Nothing
is guessed, so none of their numbers is here; a line is added when its source can be read.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .errors import RecipeError


@dataclass(frozen=True)
class Preset:
    """Settings from a publication.

    Attributes
    ----------
    about : str
        What they were used for, in a few words.
    source : str
        Where the numbers stand: paper, repository and version, or thread.
    values : mapping
        Values by parameter of the recipe; a parameter that the source does not set is not there.
    """

    about: str
    source: str
    values: Mapping[str, Any]


def _preset(about: str, source: str, **values: Any) -> Preset:
    return Preset(about, source, MappingProxyType(values))


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "published-python": _preset(
            "defaults of the authors' Python program",
            "github.com/WeisongZhao/sparse-deconv-py v0.3.0, documented defaults of sparse_deconv (doi "
            "10.1038/s41587-021-01092-2)",
            background="weak-high-light",
            upsample=1,
            fidelity=150.0,
            sparsity=10.0,
            continuity=0.5,
            sparse_iterations=100,
            deconvolution="rl",
            deconvolution_iterations=7,
        ),
        "published-matlab": _preset(
            "example values of the authors' MATLAB program (first stage)",
            "github.com/WeisongZhao/Sparse-SIM v1.0.3, documentation of SparseHessian_core (doi "
            "10.1038/s41587-021-01092-2)",
            fidelity=150.0,
            sparsity=15.0,
            continuity=1.0,
            sparse_iterations=100,
        ),
        "two-photon-nuclei": _preset(
            "nuclei (mRuby3) in two-photon stacks of zebrafish brain",
            "github.com/PKUCHENLAB/CLG-Volumetric-Imaging-Analysis-Framework, README, preprocessing of the structural "
            "channel",
            fidelity=150.0,
            sparsity=6.0,
            continuity=1.0,
            sparse_iterations=120,
            deconvolution_iterations=8,
        ),
        "neurons": _preset(
            "neurons, whose signal a background estimate would take away",
            "advice of the method's first author, github.com/WeisongZhao/sparse-deconv-py issue 4",
            background="none",
        ),
    }
)
"""Every preset by name, in the order in which they are listed."""


def named(name: str) -> Preset:
    """Return a preset by its name; letter case, spaces and underscores do not matter.

    Raises
    ------
    RecipeError
        If there is none of this name; the text holds near names, or all.

    Examples
    --------
    >>> named("Two photon_nuclei").values["sparsity"]
    6.0
    """
    key = "-".join(str(name).lower().replace("_", " ").replace("-", " ").split())
    if key in PRESETS:
        return PRESETS[key]
    near = difflib.get_close_matches(key, PRESETS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(PRESETS)};"
    raise RecipeError(f"there is no preset {name!r}: {hint} 'sparsescope recipe presets' lists all with their sources")
