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


class Engine(Protocol):
    """One way of computing: fused kernels on a processor, plain arrays, or a graphics card."""

    name: str
    threads: int

    def describe(self) -> str:
        """One line for the user, such as ``cpu, 2 threads``."""

    def ready(self) -> bool:
        """Whether the first call starts at once; otherwise kernels are compiled first, once on a machine."""

    def each(self, work: Callable[[Engine, Item], None], items: Sequence[Item]) -> None:
        """Call ``work(engine, item)`` on every item, several at once where there are threads for it."""

    def published(self, data: Float32Array, terms: HessianTerms) -> PublishedIteration:
        """Start the published sparse-Hessian iteration on an array with axes YX, ZYX or TZYX."""

    def optimum(self, data: Float32Array, terms: HessianTerms) -> CertifiedIteration:
        """Start the certified solve of the same objective under x ≥ 0."""

    def blur(self, kernel_y: Float32Array, kernel_x: Float32Array, shape: tuple[int, int]) -> Blur:
        """Prepare the blur of planes of one shape by kernels of odd length."""


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
