"""What the pipeline hands back, and how it reports on its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..image import Image
from ..optics.psf import Psf
from ..recipe import Recipe, Source
from ..tuning import Choice
from .camera import Camera


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a run in progress.

    Attributes
    ----------
    stage : str
        ``"compiling"``, ``"background"`` or ``"deconvolution"``.
    done, total : int
        Units finished, and in all.
    unit : str
        ``"frames"`` or ``"planes"``.
    """

    stage: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class Result:
    """A deconvolved image with everything that is needed to judge and to repeat it.

    Attributes
    ----------
    image : Image
        The result in the counts of the input, float32, with its axes, sizes and channels; ``meta["provenance"]`` holds
        what :func:`sparsescope.write` embeds.
    recipe : Recipe
        The recipe with every value filled in.
    sources : dict of str to str
        Where each value came from: file, recipe, flag, estimated, auto or default.
    background : Image or None
        The background that was subtracted, in counts on the input's grid; None when the recipe asks for none.
    engine : str
        What computed, such as ``"cpu, 2 threads"``.
    seconds : float
        Wall time.
    outcome : str
        How the run ended, in words; a numerical failure says what to do.
    notes : tuple of str
        What the user should know, in plain words.
    measures : dict of str to float
        Figures measured on the way: parts of the sum removed by each stage, in percent.
    tuning : tuple of Choice or None
        How the automatic values of each channel were found: every setting that was tried, with its score.
    cameras : tuple of Camera or None
        Gain, offset and read noise of each channel's camera with their sources; None where nothing was chosen from
        the image.
    channels : tuple of Recipe
        The recipe of each channel; they differ in what was chosen from the image, and `recipe` is the first.
    psfs : tuple of Psf or None
        The PSF of each channel on the grid of the result, where it was no Gaussian taken plane by plane.
    """

    image: Image
    recipe: Recipe
    sources: Mapping[str, Source]
    background: Image | None
    engine: str
    seconds: float
    outcome: str
    notes: tuple[str, ...]
    measures: Mapping[str, float]
    tuning: tuple[Choice | None, ...] = ()
    cameras: tuple[Camera | None, ...] = ()
    channels: tuple[Recipe, ...] = ()
    psfs: tuple[Psf | None, ...] = ()
