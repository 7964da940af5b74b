"""What every part of a run needs, wherever it is done: the input, the plan, and where planes go."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from ..engines import Float32Array
from ..image import Image
from ..recipe import Recipe
from .blocks import Index, Planes
from .continuity import Continuity, continuity_of
from .needs import Portion
from .pieces import finer_early
from .plan import Plan
from .room import Array, Room
from .second_stage import Deconvolver, deconvolver
from .spread import Spread
from .stages import finer

Place = tuple[int | slice, ...]


@dataclass(frozen=True)
class Prepared:
    """One channel, ready to be worked on.

    Attributes
    ----------
    planes : Planes
        Its planes.
    recipe : Recipe
        Resolved.
    tied : Continuity
        Which axes the priors tie.
    spread : Spread or None
        What blurs it.
    second : Deconvolver or None
        Its second stage.
    """

    planes: Planes
    recipe: Recipe
    tied: Continuity
    spread: Spread | None
    second: Deconvolver | None


@dataclass
class Context:
    """One run as one process sees it.

    Attributes
    ----------
    image : Image
        The input, in memory or read plane by plane.
    plan : Plan
        Resolved.
    parts : Portion
        How much is worked on at a time.
    room : Room
        Where spare arrays go.
    out : array
        The result: NumPy or anything that takes ``out[place] = plane``.
    background : array or None
        The background likewise; None where no channel has one.
    reader : callable
        Makes the planes of a channel.
    """

    image: Image
    plan: Plan
    parts: Portion
    room: Room
    out: Array
    background: Array | None
    reader: type[Planes] = Planes
    _prepared: dict[int | None, Prepared] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.factor, self.early = self.plan.recipe.upsample, finer_early(self.plan)

    def channel(self, channel: int | None) -> Prepared:
        """Return a channel, prepared once."""
        with self._lock:
            if channel not in self._prepared:
                self._prepared[channel] = self._prepare(channel)
            return self._prepared[channel]

    def _prepare(self, channel: int | None) -> Prepared:
        recipe, spread = self.plan.of(channel), self.plan.spread(channel)
        late = self.factor // self.early
        second = None if spread is None else deconvolver(recipe, spread, self.factor, late)
        planes = self.reader(self.image, channel, recipe.hot_pixels)
        return Prepared(planes, recipe, continuity_of(self.image, recipe), spread, second)

    def place(self, index: Index, planes: Planes) -> Place:
        """Return where a plane (or, with no index along an axis, all of them) lies in the result."""
        where = {**planes.fixed, **index}
        return tuple(where.get(axis, slice(None)) for axis in self.image.axes)

    def spare(self, shape: tuple[int, ...]) -> Array:
        """Return an array of a block, in memory or in a file."""
        return partial(self.room.spare, most_bytes=self.parts.spare_bytes)(shape)

    def finer(self, plane: Float32Array) -> Float32Array:
        """Sample a plane of the input on the grid of the sparse stage."""
        return finer(plane, self.early, self.plan.recipe.upsample_method)
