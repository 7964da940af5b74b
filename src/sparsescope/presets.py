"""Settings by name, each with where its numbers come from; plain values, so that the recipe can build on them.

Some were read in a publication. Those of specimens (`sim-…`, `sd-sim-…`) were measured by us on simulated frames, with
`benchmarks/quality/specimens.py`, as a start: the per-specimen table of the published manual (2D-SIM actin, LysoView,
caveolae, SD-SIM actin, clathrin-coated pits, peroxisome, tubulin, lysosome) and the supplement of Zhao et al. 2022
could not be read when this was written. None of its numbers is here, and none was guessed.
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
    """Settings by name, from a publication or from a measurement of our own.

    Attributes
    ----------
    about : str
        What they were used for, in a few words.
    source : str
        Where the numbers come from: paper, repository and version, thread, or the script that measured them.
    values : mapping
        Values by parameter of the recipe; a parameter that the source does not set is not there.
    """

    about: str
    source: str
    values: Mapping[str, Any]


def _preset(about: str, source: str, **values: Any) -> Preset:
    return Preset(about, source, MappingProxyType(values))


def _specimen(about: str, fidelity: float, sparsity: float, deconvolution_iterations: int) -> Preset:
    return _preset(
        about,
        "measured by us on simulated frames, benchmarks/quality/specimens.py; not the published table",
        background="smooth-16",
        fidelity=fidelity,
        sparsity=sparsity,
        sparse_iterations=100,
        intensity="unbiased",
        deconvolution_iterations=deconvolution_iterations,
    )


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
        "sim-actin": _specimen("actin filaments in 2D-SIM", 100.0, 5.0, 14),
        "sim-lysoview": _specimen("LysoView in 2D-SIM: dim rings of 0.15 to 0.6 µm", 40.0, 0.0, 14),
        "sim-caveolae": _specimen("caveolae in 2D-SIM: rings of 0.06 to 0.1 µm", 40.0, 0.0, 35),
        "sd-sim-actin": _specimen("actin filaments in spinning-disk SIM", 100.0, 3.0, 10),
        "sd-sim-ccp": _specimen("clathrin-coated pits in spinning-disk SIM", 60.0, 1.8, 7),
        "sd-sim-peroxisome": _specimen("peroxisomes in spinning-disk SIM: dim, filled", 40.0, 2.0, 7),
        "sd-sim-tubulin": _specimen("dense microtubules in spinning-disk SIM", 100.0, 5.0, 14),
        "sd-sim-lysosome": _specimen("lysosomes in spinning-disk SIM: hollow vesicles", 60.0, 1.8, 7),
    }
)
"""Every preset by name, in the order in which they are listed."""


ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "lysoview": "sim-lysoview",
        "caveolae": "sim-caveolae",
        "ccp": "sd-sim-ccp",
        "clathrin-coated-pits": "sd-sim-ccp",
        "peroxisome": "sd-sim-peroxisome",
        "peroxisomes": "sd-sim-peroxisome",
        "tubulin": "sd-sim-tubulin",
        "microtubules": "sd-sim-tubulin",
        "lysosome": "sd-sim-lysosome",
        "lysosomes": "sd-sim-lysosome",
    }
)
"""Other names of presets."""


def named(name: str) -> Preset:
    """Return a preset by its name, or by that of its specimen; letter case, spaces and underscores do not matter.

    Raises
    ------
    RecipeError
        If there is none of this name; the text holds near names, or all.

    Examples
    --------
    >>> named("Two photon_nuclei").values["sparsity"]
    6.0
    >>> named("2D-SIM actin") is PRESETS["sim-actin"], named("CCP") is PRESETS["sd-sim-ccp"]
    (True, True)
    """
    key = "-".join(str(name).lower().replace("_", " ").replace("-", " ").split()).removeprefix("2d-")
    key = ALIASES.get(key, key)
    if key in PRESETS:
        return PRESETS[key]
    near = difflib.get_close_matches(key, PRESETS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(PRESETS)};"
    raise RecipeError(f"there is no preset {name!r}: {hint} 'sparsescope recipe presets' lists all with their sources")
