"""A run as a list of pieces: each is done or not done, wherever and in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from ..image import Image
from .blocks import Block, Index, Planes, halo_planes
from .continuity import continuity_of
from .plan import Plan


@dataclass(frozen=True)
class Piece:
    """Planes that come out together: one plane, those of a block that are kept, or those of a stack.

    Attributes
    ----------
    number : int
        Place in the list of all pieces of a run.
    channel : int or None
        Index along C; None where there is no C.
    blocks : tuple of Block
        What the sparse stage solves for it: one block, or all those of a stack that is deconvolved as a whole.
    """

    number: int
    channel: int | None
    blocks: tuple[Block, ...]

    @property
    def kept(self) -> tuple[Index, ...]:
        """Index of each plane that comes out."""
        return tuple(index for block in self.blocks for index in block.planes[block.kept])

    @property
    def alone(self) -> bool:
        """Whether it is a single plane."""
        return len(self.blocks) == 1 and len(self.blocks[0].planes) == 1


def channels_of(image: Image) -> list[int | None]:
    """Return the index of every channel, None for an image without C."""
    return list(range(image.sizes["C"])) if "C" in image.axes else [None]


def finer_early(plan: Plan) -> int:
    """Return how much finer than the input the grid of the sparse stage is."""
    recipe = plan.recipe
    modelled = recipe.upsample_method == "model" and plan.fwhm_yx_px is not None
    return 1 if modelled else recipe.upsample


def pieces(image: Image, plan: Plan, block_bytes: int | None = None) -> list[Piece]:
    """Cut a run into pieces; the same image, plan and size of blocks give the same pieces.

    Parameters
    ----------
    image : Image
        The input; only its axes and sizes count.
    plan : Plan
        Resolved.
    block_bytes : int, optional
        State of the sparse stage for one block; ``blocks.BLOCK_BYTES`` when left out.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsescope import Recipe, as_image
    >>> from sparsescope.pipeline import plan
    >>> movie = as_image(np.ones((3, 32, 32)), axes="TYX", pixel_size_um=0.1)
    >>> made = plan(movie, Recipe(fidelity=100, sparsity=5, continuity=0, deconvolution="none", background="none"))
    >>> [(piece.number, piece.kept) for piece in pieces(movie, made)]
    [(0, ({'T': 0},)), (1, ({'T': 1},)), (2, ({'T': 2},))]
    """
    found: list[Piece] = []
    for channel in channels_of(image):
        for blocks in _groups(image, plan, channel, block_bytes):
            found.append(Piece(len(found), channel, blocks))
    return found


def _groups(image: Image, plan: Plan, channel: int | None, block_bytes: int | None) -> list[tuple[Block, ...]]:
    recipe, spread = plan.of(channel), plan.spread(channel)
    tied = continuity_of(image, recipe)
    voxels = image.sizes["Y"] * image.sizes["X"] * finer_early(plan) ** 2
    halo = halo_planes(tied.t or tied.z, float(recipe.fidelity))
    blocks = list(Planes(image, channel, recipe.hot_pixels).blocks(tied.axes, voxels, halo, block_bytes))
    if spread is None or not spread.deep or tied.axes == "TZ":
        return [(block,) for block in blocks]
    return [tuple(group) for _, group in groupby(blocks, lambda block: block.planes[0].get("T"))]
