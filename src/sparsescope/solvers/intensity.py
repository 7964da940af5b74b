"""Intensities of the sparse stage's result: what iteration and L1 prior take away, and how it is given back."""

from __future__ import annotations

import numpy as np

from ..engines import Float32Array, HessianTerms


def restoring(terms: HessianTerms) -> float:
    """Return what the published iteration's result is multiplied with to have the level that its objective asks for.

    Its normaliser has s² where its right-hand side has s, so that it converges to the minimiser times
    F / (F + s² − s): priors are 1-homogeneous, and only the level is changed.

    Parameters
    ----------
    terms : HessianTerms
        Fidelity F and sparsity s.

    Examples
    --------
    >>> restoring(HessianTerms(150.0, 10.0)), restoring(HessianTerms(150.0, 0.0))
    (1.6, 1.0)
    """
    return 1 + (terms.sparsity**2 - terms.sparsity) / terms.fidelity


def unbiased(minimiser: Float32Array, terms: HessianTerms) -> Float32Array:
    """Give back what the L1 prior takes from every pixel that it does not set to zero.

    Where nothing is negative the prior ``s ‖g‖₁`` takes s / F from every pixel: a tenth as bright a structure loses ten
    times as great a part. Soft thresholding by t = s / F followed by ``u + min(u, t)`` is firm thresholding with t and
    2 t: what was darker than t stays zero, what was brighter than 2 t has its intensity back, and it is continuous
    between them.

    Parameters
    ----------
    minimiser : array, shape (..., Y, X), float32
        What minimises the objective, not negative, in the unit in which the data's maximum is about 1.
    terms : HessianTerms
        Fidelity F and sparsity s.

    Returns
    -------
    array, the same shape, float32
        A new array.

    References
    ----------
    Gao & Bruce, WaveShrink with firm shrinkage, Statistica Sinica 7, 855–874 (1997).

    Examples
    --------
    >>> data = np.array([0.05, 0.15, 0.2, 1.0], np.float32)
    >>> soft = np.maximum(data - np.float32(0.1), 0)
    >>> unbiased(soft, HessianTerms(100.0, 10.0)).round(3).tolist()
    [0.0, 0.10000000149011612, 0.20000000298023224, 1.0]
    """
    given_back = np.minimum(minimiser, np.float32(terms.sparsity / terms.fidelity))
    given_back += minimiser
    return given_back
