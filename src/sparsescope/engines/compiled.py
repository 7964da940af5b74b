"""How kernels are compiled: the one place that names the options, and where compiled code is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

FASTMATH = {"contract", "nnan", "nsz"}
"""Fused multiply-add is allowed and NaN is not expected (inputs are checked); sums keep their order."""


def kernel(function: Callable[..., Any], *, reorder: bool = False) -> Any:
    """Compile on first call, keep the machine code on disk, and release the interpreter lock while running.

    Parameters
    ----------
    function : callable
        The kernel in numba's subset of Python.
    reorder : bool
        Let sums be taken in the order that vectorises.
    """
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": FASTMATH | {"reassoc"} if reorder else FASTMATH,
    }
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written: compile in every process
        return numba.njit(**options)(function)


def summing(function: Callable[..., Any]) -> Any:
    """Compile a kernel whose inner sum may be taken in the order that vectorises."""
    return kernel(function, reorder=True)


def is_kept(compiled: Any) -> bool:
    """Whether machine code of this kernel lies in the cache of this machine."""
    path = compiled.stats.cache_path
    name = f"{compiled.py_func.__module__.rpartition('.')[2]}.{compiled.py_func.__name__}-*.nbi"
    return bool(path) and any(Path(path).glob(name))
