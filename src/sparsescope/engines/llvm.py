"""What numba has no words for, said to LLVM: accesses that never overlap, and sums of products rounded once.

A kernel that takes its rows from one flat buffer leaves the compiler to prove that they are different rows, which it
does by comparing every two addresses before every row, or by giving up. LLVM can be told instead: each access carries
the name of what it touches (``alias.scope``) and of what it does not (``noalias``; LLVM Language Reference, section
"noalias and alias.scope metadata").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

Access = Callable[..., Any]


def disjoint(kernel: str, written: int) -> tuple[Access, list[tuple[Access, Access]]]:
    """Return the accesses of a kernel that writes `written` arrays and reads others.

    Parameters
    ----------
    kernel : str
        A name that no other kernel uses: accesses of different kernels are free to overlap.
    written : int
        Arrays that are written, and perhaps read at the same place before.

    Returns
    -------
    read : callable
        ``read(memory, index)`` of what this kernel never writes.
    arrays : list of (get, put)
        ``get(memory, index)`` and ``put(memory, index, value)`` for each written array, which overlaps no other.
    """
    return _get(kernel, written, written), [
        (_get(kernel, written, i), _put(kernel, written, i)) for i in range(written)
    ]


def _name(access: Any, module: Any, kernel: str, written: int, own: int) -> None:
    """Say that an access touches array `own` and no other; array number `written` stands for all that is only read."""
    domain = module.add_metadata([f"sparsescope {kernel}"])
    scopes = [module.add_metadata([f"sparsescope {kernel} {i}", domain]) for i in range(written + 1)]
    access.set_metadata("alias.scope", module.add_metadata([scopes[own]]))
    access.set_metadata("noalias", module.add_metadata([s for i, s in enumerate(scopes) if i != own]))


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.gep(data, [arguments[1]])


def _get(kernel: str, written: int, own: int) -> Access:
    @intrinsic
    def get(_: Any, memory: Any, index: Any) -> Any:  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            value = builder.load(_address(context, builder, signature, arguments), align=4)
            _name(value, builder.module, kernel, written, own)
            return value

        return types.float32(memory, types.uint64), generate

    return get


def _put(kernel: str, written: int, own: int) -> Access:
    @intrinsic
    def put(_: Any, memory: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            stored = builder.store(arguments[2], _address(context, builder, signature, arguments), align=4)
            _name(stored, builder.module, kernel, written, own)
            return context.get_dummy_value()

        return types.void(memory, types.uint64, types.float32), generate

    return put


@intrinsic
def fused(_: Any, a: Any, b: Any, c: Any) -> Any:  # noqa: ARG001
    """Return a b + c, rounded once where the processor can: said, so that all forms of a formula agree to the bit."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        function = builder.module.declare_intrinsic("llvm.fmuladd", [kind], ir.FunctionType(kind, [kind] * 3))
        return builder.call(function, arguments)

    return types.float32(types.float32, types.float32, types.float32), generate
