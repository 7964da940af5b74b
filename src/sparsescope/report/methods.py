"""Text to paste: the commands that repeat a run, and a paragraph for the Methods section with its citations."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .._version import __version__
from ..image import Image
from ..optics.microscope import flag
from ..pipeline import Result

CITATIONS: Final = (
    (
        "Zhao, W. et al. Sparse deconvolution improves the resolution of live-cell super-resolution fluorescence "
        "microscopy. Nat. Biotechnol. 40, 606–617 (2022). doi:10.1038/s41587-021-01092-2"
    ),
    "Richardson, W. H. Bayesian-based iterative method of image restoration. J. Opt. Soc. Am. 62, 55–59 (1972).",
    "Lucy, L. B. An iterative technique for the rectification of observed distributions. Astron. J. 79, 745 (1974).",
    "Batson, J. & Royer, L. Noise2Self: blind denoising by self-supervision. ICML (2019) (pixels held out).",
)
"""What a paper that used the result should cite."""

METHOD: Final = {"rl": "Richardson–Lucy", "landweber": "Landweber"}


def command_lines(image: Image, result: Result, output: str | Path | None = None) -> list[str]:
    """Return the commands that repeat the run: from the output file, and with every number as a flag.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsescope import Recipe, deconvolve
    >>> from sparsescope.image import as_image
    >>> image = as_image(np.ones((40, 40)), pixel_size_um=0.1)
    >>> recipe = Recipe(fidelity=150, sparsity=1, resolution_um=0.3, deconvolution_iterations=3, background="none")
    >>> command_lines(image, deconvolve(image, recipe))[0].startswith("sparsescope run image")
    True
    """
    name = str(image.meta.get("path") or "image")
    flags = list(_flags(image, result))
    lines = [" ".join(["sparsescope run", shlex.quote(Path(name).name), *flags])]
    return [f"sparsescope rerun {shlex.quote(Path(output).name)}", *lines] if output else lines


def _flags(image: Image, result: Result) -> Iterator[str]:
    for given in image.meta.get("given", ()):
        value = {"pixel_size_um": image.pixel_size_um, "z_step_um": image.spacing_um.get("z"), "axes": image.axes}.get(
            given, image.interval_s
        )
        yield f"--{given.replace('_', '-')} {value}"
    told = dict(image.meta.get("optics", {}))
    for name in set(image.meta.get("optics_told", ())) - set(told):  # wavelengths, which each channel has of its own
        told[name] = " ".join(f"{getattr(channel, name):g}" for channel in image.channels)
    for name, value in sorted(told.items()):
        yield f"{flag(name)} {value}"
    for name, value in result.recipe.model_dump().items():
        if value is None or name == "intent":
            continue
        if (name, value) == ("psf_model", "given"):
            yield "--psf PSF_FILE"
            continue
        yield f"--{name.replace('_', '-')} {shlex.quote(f'{value:.9g}' if isinstance(value, float) else str(value))}"


def _psf(result: Result) -> str:
    r = result.recipe
    width = (
        "" if r.resolution_um == "auto" else f" of {1000 * float(r.resolution_um):.0f} nm full width at half maximum"
    )
    if r.psf_model == "gaussian":
        return f"a Gaussian PSF{width}"
    if r.psf_model == "airy":
        return f"an Airy pattern{width} as PSF"
    source = next((psf.source for psf in result.psfs if psf is not None), "given")
    how = "in three dimensions" if r.dimensions == "3d" else "plane by plane"
    return f"a PSF{width} ({source}), {how}"


def methods_text(image: Image, result: Result) -> str:
    """Return a paragraph that says what was done, with every number, for a Methods section.

    Parameters
    ----------
    image : Image
        The input.
    result : Result
        What was made of it.
    """
    r = result.recipe
    sentences = [
        f"Images were processed with sparsescope {__version__} by two-stage sparse deconvolution (Zhao et al., 2022)."
    ]
    if r.background != "none":
        sentences.append(f"A background ({r.background}) was estimated and taken off first.")
    if r.tolerance is not None or r.sparse_iterations:
        count = f"{r.sparse_iterations} iterations" if r.tolerance is None else f"a tolerance of {r.tolerance:g}"
        sentences.append(
            f"The sparse-Hessian stage used a fidelity of {r.fidelity:.4g}, a sparsity of {r.sparsity:.4g} and a "
            f"continuity of {r.continuity:.4g} with {count}."
        )
    if r.deconvolution != "none":
        sentences.append(
            f"It was followed by {r.deconvolution_iterations} iterations of {METHOD[r.deconvolution]} deconvolution "
            f"with {_psf(result)}."
        )
    if "auto" in result.sources.values():
        chosen = ", ".join(k.replace("_", " ") for k, source in result.sources.items() if source == "auto")
        also = any(choice is not None and choice.rehearsed for choice in result.tuning)
        how = "prediction of held-out pixels" + (" and trials on a frame simulated from what they gave" if also else "")
        sentences.append(f"Chosen from the image by {how}: {chosen}.")
    if image.pixel_size_um:
        sentences.append(f"The pixel size was {1000 * image.pixel_size_um:.4g} nm.")
    sentences.append("Intensities are in the counts of the camera; the result is linear in them but for the priors.")
    return " ".join(sentences)
