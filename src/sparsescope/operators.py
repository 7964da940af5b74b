"""Second differences on a mirror-symmetric domain: forward, adjoint, weights and norm, in plain array code.

These are the definitions that the engines' fused kernels are tested against. Arrays have the axes ``YX``, ``ZYX`` (z
stands for t where a movie has no z) or ``TZYX``. The domain is continued by half-sample mirroring, so every operator
here is diagonal under the type-II cosine transform and no value meets the opposite border.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]

_AXIS = {"x": -1, "y": -2, "z": -3, "t": -4}

TERMS = ("xx", "yy", "zz", "xy", "xz", "yz")
"""The distinct second derivatives in space, in the order in which every engine stores them."""

TIME_TERMS = ("tt", "xt", "yt", "zt")
"""Those that a fourth axis adds; they follow `TERMS`."""


def terms_of(ndim: int) -> tuple[str, ...]:
    """Second differences that an array of 2, 3 or 4 axes has, in their order.

    Examples
    --------
    >>> terms_of(2)
    ('xx', 'yy', 'xy')
    """
    return tuple(term for term in TERMS if ndim > 2 or "z" not in term) + (TIME_TERMS if ndim > 3 else ())


def hessian_weights(continuity: float, ndim: int, continuity_t: float = 0.0) -> Mapping[str, float]:
    """Weight of each second difference in R(x), by term.

    ``R(x) = |xx| + |yy| + λ|zz| + 2|xy| + 2√λ(|xz| + |yz|)`` with λ the continuity (Zhao et al. 2022). A fourth axis
    with a weight λt of its own adds ``λt|tt| + 2√λt(|xt| + |yt|) + 2√(λ λt)|zt|``, so that Σ w DᵀD stays the square
    of one Laplacian.

    Parameters
    ----------
    continuity : float
        λ, the weight of the third axis from the end (z, or t where there is no z).
    ndim : int
        Axes of the array: 2, 3 or 4.
    continuity_t : float
        λt, the weight of the fourth axis from the end.

    Examples
    --------
    >>> dict(hessian_weights(0.25, 3))
    {'xx': 1.0, 'yy': 1.0, 'zz': 0.25, 'xy': 2.0, 'xz': 1.0, 'yz': 1.0}
    >>> hessian_weights(0.25, 4, 4.0)["zt"]
    2.0
    """
    scale = {"x": 1.0, "y": 1.0, "z": continuity, "t": continuity_t}
    return MappingProxyType(
        {
            term: scale[term[0]] if term[0] == term[1] else 2 * math.sqrt(scale[term[0]] * scale[term[1]])
            for term in terms_of(ndim)
        }
    )


def _forward_difference(x: Array, axis: int) -> Array:
    return np.diff(x, axis=axis, append=np.take(x, [-1], axis=axis))


def _backward_difference(p: Array, axis: int) -> Array:
    """Transpose of `_forward_difference`."""
    q = p.copy()
    np.moveaxis(q, axis, 0)[-1] = 0
    return -np.diff(q, axis=axis, prepend=np.zeros_like(np.take(q, [0], axis=axis)))


def second_difference(x: Array, term: str) -> Array:
    """Second difference of `x` along the two axes named by `term`: [1, −2, 1], or forward–forward where they differ.

    Parameters
    ----------
    x : array, shape (T, Z, Y, X), (Z, Y, X) or (Y, X)
    term : str
        One of `TERMS` or `TIME_TERMS`.

    Returns
    -------
    array of the shape of `x`

    Examples
    --------
    >>> second_difference(np.array([[0.0, 0.0, 1.0, 0.0]]), "xx")
    array([[ 0.,  1., -2.,  1.]])
    """
    a, b = (_AXIS[letter] for letter in term)
    if a != b:
        return _forward_difference(_forward_difference(x, a), b)
    return -_backward_difference(_forward_difference(x, a), a)


def adjoint_second_difference(p: Array, term: str) -> Array:
    """Transpose of :func:`second_difference`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, p = rng.random((2, 4, 5))
    >>> bool(np.isclose((second_difference(x, "xy") * p).sum(), (x * adjoint_second_difference(p, "xy")).sum()))
    True
    """
    a, b = (_AXIS[letter] for letter in term)
    if a != b:
        return _backward_difference(_backward_difference(p, b), a)
    return second_difference(p, term)


def laplacian_bound(continuity: float, ndim: int, continuity_t: float = 0.0) -> float:
    """Largest eigenvalue of Σ w DᵀD = L², L = ∂xx + ∂yy + √λ ∂zz + √λt ∂tt: (8 + 4√λ + 4√λt)², 64 in 2-D.

    Examples
    --------
    >>> laplacian_bound(0.25, 3)
    100.0
    >>> laplacian_bound(0.25, 4, 1.0)
    196.0
    """
    return (4.0 * sum(_scales(continuity, ndim, continuity_t))) ** 2


def _scales(continuity: float, ndim: int, continuity_t: float) -> list[float]:
    """Factor of each axis in L, in the order of the axes."""
    return [math.sqrt(continuity_t), math.sqrt(continuity), 1.0, 1.0][-ndim:]


def laplacian_spectrum(shape: tuple[int, ...], continuity: float, continuity_t: float = 0.0) -> npt.NDArray[np.float64]:
    """Eigenvalues of L² under the type-II cosine transform, one per coefficient.

    Parameters
    ----------
    shape : tuple of int
        (T, Z, Y, X), (Z, Y, X) or (Y, X).
    continuity, continuity_t : float
        λ and λt, the weights of the z and the t axis.
    """
    total = np.zeros((1,) * len(shape))
    scales = _scales(continuity, len(shape), continuity_t)
    for axis, (length, scale) in enumerate(zip(shape, scales, strict=True)):
        values = 4 * np.sin(np.pi * np.arange(length) / (2 * length)) ** 2
        total = total + scale * values.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return total**2
