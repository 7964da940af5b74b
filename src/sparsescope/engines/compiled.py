"""How kernels are compiled: the one place that names the options, and where compiled code is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


def kernel(function: Callable[..., Any], *, reorder: bool = False, fuse: bool = True) -> Any:
    """Compile on first call, keep the machine code on disk, and release the interpreter lock while running.

    Parameters
    ----------
    function : callable
        The kernel in numba's subset of Python.
    reorder : bool
        Let sums be taken in the order that vectorises.
    fuse : bool
        Let a product and a sum be rounded once (fused multiply-add).
    """
    allowed = {"nnan", "nsz"} | ({"reassoc"} if reorder else set()) | ({"contract"} if fuse else set())
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": allowed,  # NaN is not expected: inputs are checked
    }
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written: compile in every process
        return numba.njit(**options)(function)


def summing(function: Callable[..., Any]) -> Any:
    """Compile a kernel whose inner sum may be taken in the order that vectorises."""
    return kernel(function, reorder=True)


def unfused(function: Callable[..., Any]) -> Any:
    """Compile a kernel that rounds products before they are added: forms of one formula then agree bit for bit."""
    return kernel(function, fuse=False)


def is_kept(compiled: Any) -> bool:
    """Whether machine code of this kernel lies in the cache of this machine."""
    path = compiled.stats.cache_path
    name = f"{compiled.py_func.__module__.rpartition('.')[2]}.{compiled.py_func.__name__}-*.nbi"
    return bool(path) and any(Path(path).glob(name))


INSTRUCTIONS = ("avx512f", "avx2", "fma", "sse4.2", "neon", "sve")
"""Vector instructions that make a difference to the kernels."""


def instructions() -> tuple[str, ...]:
    """Return the vector instructions of this processor that code is compiled for."""
    from llvmlite import binding

    there = binding.get_host_cpu_features()
    return tuple(name for name in INSTRUCTIONS if there.get(name))


def cache_folder(compiled: Any) -> Path | None:
    """Return the folder that machine code of a kernel is kept in; None where it is not kept."""
    path = compiled.stats.cache_path
    return Path(path) if path else None
