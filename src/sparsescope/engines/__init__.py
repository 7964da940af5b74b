"""What the solvers ask of a compute engine, and the table of engines; loading one is left to :func:`pick`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from ..errors import EngineError

Float32Array = npt.NDArray[np.float32]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class HessianTerms:
    """Weights of the sparse-Hessian objective on data whose maximum is about 1.

    Attributes
    ----------
    fidelity, sparsity, continuity : float
        F, s and λ of ``F/2 ‖f − x‖² + R(x) + s ‖x‖₁``; λ acts on the z axis of a ZYX or TZYX array.
    continuity_t : float
        λt, which acts on the t axis of a TZYX array.
    """

    fidelity: float
    sparsity: float
    continuity: float = 0.0
    continuity_t: float = 0.0


class Iteration(Protocol):
    """An iteration in progress; it owns its arrays."""

    def advance(self, count: int) -> None:
        """Take `count` further iterations."""

    def estimate(self) -> Float32Array:
        """Return the present estimate, not negative, as a new array."""


class PublishedIteration(Iteration, Protocol):
    """The published iteration, with its exactly sparse split variable."""

    def forget(self, hidden: npt.NDArray[np.bool_]) -> None:
        """Take the present estimate for the data where `hidden` is set: repeated, it solves without those data."""

    def split(self) -> Float32Array:
        """Return the split variable d of the identity term: the soft-thresholded estimate, with exact zeros."""


class CertifiedIteration(Iteration, Protocol):
    """An iteration towards the optimum that can prove how near it is."""

    def distance_bound(self) -> float:
        """Upper bound of the root-mean-square distance between the estimate and the optimum, from the duality gap."""


class Blur(Protocol):
    """Convolution with a symmetric separable PSF on a mirror-symmetric plane; it is its own adjoint."""

    def __call__(self, plane: Float32Array) -> Float32Array:
        """Return the blurred plane, shape (Y, X)."""


Read = Callable[[slice, Float32Array], None]
"""Fill the array with the object's slab, a range along its first axis."""

Turn = Callable[[slice, Float32Array], None]
"""Replace the expected data of a slab by what is to be sent back through the adjoint."""

Write = Callable[[slice, Float32Array], None]
"""Take the slab of what came back; the array is used again afterwards."""


class Arithmetic(Protocol):
    """Updates of voxels, one pass over memory each, on C-contiguous float32 arrays of equal shape.

    ``y = max(x + alpha (x − before), floor)`` is never stored: it is x, continued from `before`.
    """

    def extrapolate(self, x: Float32Array, before: Float32Array, alpha: float, floor: float, out: Float32Array) -> None:
        """Set ``out ← y``."""

    def ratio(self, expected: Float32Array, data: Float32Array, behind: Float32Array | None, floor: float) -> None:
        """Set ``expected ← max(data, floor) / max(expected + behind, floor)``."""

    def multiply(
        self, x: Float32Array, before: Float32Array, alpha: float, floor: float,
        back: Float32Array, weight: Float32Array | None,
    ) -> None:  # fmt: skip
        """Set ``before ← max(y · back · weight, floor)``, or x where `weight` is zero.

        And ``back ← max(before − y, floor)``.
        """

    def dots(
        self, change: Float32Array, now: Float32Array, corner: tuple[int, ...], sums: npt.NDArray[np.float64]
    ) -> None:
        """Set `sums`, shape (2, rows of `change`), to ⟨change, now⟩ and ⟨now, now⟩ of each row; then ``change ← now``.

        `now` may be larger than `change` along the axes after the first; `corner` is where `change` lies in it.
        """

    def residual(self, expected: Float32Array, data: Float32Array, mask: npt.NDArray[np.bool_] | None) -> None:
        """Set ``expected ← data − expected``, and zero where `mask` is not set."""

    def descend(
        self, x: Float32Array, before: Float32Array, momentum: float, back: Float32Array, weight: Float32Array | None
    ) -> None:
        """Set ``before ← max(0, x + momentum (x − before) + weight · back)``, or x where `weight` is zero."""

    def pool(self, fine: Float32Array, coarse: Float32Array, factor: int) -> None:
        """Set coarse pixels to the mean of their ``factor × factor`` fine ones along the last two axes."""

    def spread(self, coarse: Float32Array, fine: Float32Array, factor: int) -> None:
        """Set fine pixels to their coarse pixel's value divided by ``factor**2``: the adjoint of `pool`."""


class Imaging(Protocol):
    """Image formation: a linear operator H ≥ 0 from objects, on a domain that may reach beyond the data, to data.

    Attributes
    ----------
    object_shape, data_shape : tuple of int
        Shapes of what H takes and gives; leading axes may be stacks of separate images.
    field : tuple of slice
        Where the data lie in the object, in object pixels.
    gain : float
        What Hᵀ makes of ones far from every border, and an upper bound of ‖H‖².
    arithmetic : Arithmetic
        Of the engine that made it.
    """

    object_shape: tuple[int, ...]
    data_shape: tuple[int, ...]
    field: tuple[slice, ...]
    gain: float
    arithmetic: Arithmetic

    def forward(self, x: Float32Array) -> Float32Array:
        """Return H x as a new array."""

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r as a new array."""

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`, slab by slab, so that nothing whole need be stored in between.

        The three are called once for every slab, from several threads; a slab is read before it is written.
        """

    def release(self) -> None:
        """Give back the memory that is kept between sandwiches."""


class Engine(Protocol):
    """One way of computing: fused kernels on a processor, plain arrays, or a graphics card."""

    name: str
    threads: int

    def describe(self) -> str:
        """One line for the user, such as ``cpu, 2 threads``."""

    def ready(self, ndim: int = 2) -> bool:
        """Whether work on arrays of so many axes starts at once; otherwise kernels are compiled first, once."""

    def each(self, work: Callable[[Engine, Item], None], items: Sequence[Item]) -> None:
        """Call ``work(engine, item)`` on every item, several at once where there are threads for it."""

    def published(self, data: Float32Array, terms: HessianTerms) -> PublishedIteration:
        """Start the published sparse-Hessian iteration on an array with axes YX, ZYX or TZYX."""

    def optimum(self, data: Float32Array, terms: HessianTerms) -> CertifiedIteration:
        """Start the certified solve of the same objective under x ≥ 0."""

    def blur(self, kernel_y: Float32Array, kernel_x: Float32Array, shape: tuple[int, int]) -> Blur:
        """Prepare the blur of planes of one shape by kernels of odd length."""

    def imaging(
        self, psf: Float32Array | Sequence[Float32Array], data_shape: tuple[int, ...], factor: int = 1
    ) -> Imaging:
        """Prepare image formation on the extended domain: dark beyond it, no wrap-around.

        `psf` has odd lengths and unit sum: an array of 2 or 3 axes, or the factors of a separable one, an axis each.
        With fewer axes than the data it acts on the last ones. It is sampled on the object's grid, which is `factor`
        times finer than the data's along the last two axes.
        """

    def mirrored(self, kernel_y: Float32Array, kernel_x: Float32Array, shape: tuple[int, int]) -> Imaging:
        """Prepare the mirror-symmetric `blur` as an operator: nothing lies beyond the data."""

    def periodic(self, psf: Float32Array, shape: tuple[int, int]) -> Imaging:
        """Prepare the convolution of a plane with a PSF of two axes in which opposite borders touch."""


TABLE = {"cpu": "sparsescope.engines.cpu:CpuEngine", "numpy": "sparsescope.engines.reference:NumpyEngine"}
"""Engine name → class, imported only when it is picked."""

AUTO = "cpu"
"""The engine that ``"auto"`` picks."""


def pick(name: str = "auto", threads: int | None = None) -> Engine:
    """Return the engine of that name.

    Parameters
    ----------
    name : str
        ``"auto"`` or a key of `TABLE`.
    threads : int, optional
        Processor threads to use; all that this process may use when left out.

    Raises
    ------
    EngineError
        If there is no engine of that name, or the number of threads is not positive.

    Examples
    --------
    >>> pick("numpy").describe()
    'numpy, 1 thread'
    """
    if threads is not None and threads < 1:
        raise EngineError(f"threads = {threads}: allowed is 1 or more; leave it out to use every core")
    entry = TABLE.get(AUTO if name == "auto" else name)
    if entry is None:
        raise EngineError(f"no engine {name!r}; there are auto, {', '.join(TABLE)}")
    module, _, attribute = entry.partition(":")
    return cast(Engine, getattr(import_module(module), attribute)(threads))
