"""What passes from the sparse stage to the second one: planes, or whole stacks gathered from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines import Float32Array
from .room import Array
from .second_stage import Mask


@dataclass(frozen=True)
class Staged:
    """A block after the sparse stage.

    Attributes
    ----------
    plane : callable
        Returns plane i in counts.
    behind : array or None
        Background of its only plane where the second stage models it.
    masks : list of array or None
        Where data count, by plane.
    """

    plane: Callable[[int], Float32Array]
    behind: Float32Array | None
    masks: list[Mask | None]


class Stack:
    """Planes of one stack, gathered until none is `missing`; in files where `make` returns arrays in files."""

    def __init__(self, depth: int, shape: tuple[int, ...], make: Callable[[tuple[int, ...]], Array]) -> None:
        self.sparse, self._make, self.missing = make((depth, *shape)), make, depth
        self.behind: Array | None = None
        self.mask: Any = None

    def put(self, z: int, plane: Float32Array, behind: Float32Array | None, mask: Mask | None) -> None:
        """Take over a plane as plane `z`."""
        self.sparse[z] = plane
        if behind is not None:
            self.behind = self._make(self.sparse.shape) if self.behind is None else self.behind
            self.behind[z] = behind
        if mask is not None:
            self.mask = self._all() if self.mask is None else self.mask
            self.mask[z] = mask
        self.missing -= 1

    def _all(self) -> Any:
        """Return a mask in which everything counts."""
        if isinstance(self.sparse, np.ndarray):
            return np.ones(self.sparse.shape, bool)
        mask = self._make(self.sparse.shape)
        for z in range(mask.shape[0]):
            mask[z] = 1
        return mask


def nth(i: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the place of plane `i` in a block, the last axis running fastest."""
    return tuple(int(n) for n in np.unravel_index(i, shape))
