"""The rooms of the house keep their order: who may import whom, who may name which library, how long things may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src"
PACKAGE = SRC / "sparsescope"

RANKS = {
    "_version": 0,
    "errors": 0,
    "image": 1,
    "engines": 1,  # the contract and the table of names, engines/__init__.py
    "engines.*": 2,
    "findings": 1,
    "fourier": 2,
    "prox": 2,
    "io": 3,
    "operators": 1,
    "optics": 3,
    "presets": 3,  # plain values; the recipe builds on them
    "preprocess": 3,
    "quality": 3,
    "simulate": 4,
    "solvers": 4,
    "recipe": 5,
    "tuning": 5,
    "pipeline": 6,
    "evidence": 7,
    "experiments": 7,
    "report": 8,
    "scale": 7,
    "_napari": 9,
    "cli": 9,
    "__init__": 10,
    "__main__": 10,
}
"""Rank of each room; a module imports only from lower ranks, or from its own room."""

LIBRARIES = {
    "cyclopts": "cli/*",
    "dask": "io/*",
    "defusedxml": "io/*",
    "distributed": "scale/cluster.py",
    "imagecodecs": "io/*",
    "jinja2": "report/*",
    "lazy_loader": "__init__.py",
    "liffile": "io/*",
    "matplotlib": "report/*",
    "mrcfile": "io/*",
    "nd2": "io/*",
    "numba": "engines/*",
    "oiffile": "io/*",
    "psutil": "pipeline/*",
    "pydantic": "recipe.py",
    "pymoo": "experiments/*",
    "pywt": "preprocess/*",
    "rich": "cli/*",
    "threadpoolctl": "preprocess/*",
    "tifffile": "io/*",
    "tomli_w": "recipe.py",
    "torch": "engines/*",
    "zarr": "io/*",
}
"""The room that may name each optional or heavy library; there, one file does (with the exceptions below)."""

SEVERAL_FILES = {"cyclopts", "matplotlib", "numba", "rich"}
"""Libraries that are the language of a room: commands are written in cyclopts and rich, kernels in numba, figures in
matplotlib: before/after pictures and panels of experiments are two ideas, so they are two files."""

MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 420

FILES = sorted(PACKAGE.rglob("*.py"))


def short(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imports(path: Path) -> tuple[tuple[int, str], ...]:
    """Line and absolute name of everything a file imports, at its top or inside a function."""
    return tuple(imported(path))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{stem}.{alias.name}"
                yield node.lineno, name if name in MODULES else stem


def room(module: str) -> str:
    """First part of a module's name below the package; the package itself is ``__init__``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def rank(module: str) -> int:
    key = room(module)
    if f"{key}.*" in RANKS and len(module.split(".")) > 2:
        key = f"{key}.*"
    if key not in RANKS:
        pytest.fail(f"{module} is in no room: give {key!r} a rank in tests/test_layers.py and in docs/architecture.md")
    return RANKS[key]


def own_imports(path: Path) -> Iterator[tuple[int, str]]:
    return ((line, name) for line, name in imports(path) if name.split(".")[0] == "sparsescope")


@pytest.mark.parametrize("path", FILES, ids=short)
def test_a_module_imports_only_from_lower_ranks_or_from_its_own_room(path: Path) -> None:
    here = module_name(path)
    limit = rank(here)
    wrong = [
        f"line {line} imports {name} (rank {rank(name)})"
        for line, name in own_imports(path)
        if rank(name) >= limit and room(name) != room(here)
    ]
    assert not wrong, f"{here} (rank {limit}): {'; '.join(wrong)}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: {other for _, other in own_imports(path) if other != name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_heavy_library_is_named_in_its_room_only(library: str) -> None:
    users = [path for path in FILES if any(name.split(".")[0] == library for _, name in imports(path))]
    pattern = LIBRARIES[library]
    strangers = [short(path) for path in users if not path.relative_to(PACKAGE).match(pattern)]
    assert not strangers, f"{library} belongs in {pattern}, but is imported in {strangers}"
    if library not in SEVERAL_FILES:
        assert len(users) <= 1, f"{library} belongs in one file, but is imported in {[short(path) for path in users]}"


@pytest.mark.parametrize("path", FILES, ids=short)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    if room(module_name(path)) in ("cli", "__main__"):
        return
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    names = [(call.lineno, ast.unparse(call.func)) for call in calls]
    wrong = [
        f"line {line}: {name}" for line, name in names if name in ("print", "exit", "quit", "sys.exit", "os._exit")
    ]
    assert not wrong


@pytest.mark.parametrize("path", FILES, ids=short)
def test_every_except_names_what_it_catches(path: Path) -> None:
    assert not [
        node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler) and node.type is None
    ]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Length of a function without its docstring."""
    first = function.body[0]
    length = (function.end_lineno or 0) - function.lineno + 1
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        length -= (first.end_lineno or 0) - first.lineno + 1
    return length


@pytest.mark.parametrize("path", FILES, ids=short)
def test_functions_and_modules_are_short(path: Path) -> None:
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f"{f.name}: {body_lines(f)} lines" for f in functions if body_lines(f) > MAX_FUNCTION_LINES]
    assert not long
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


@pytest.mark.parametrize("path", FILES, ids=short)
def test_every_module_public_function_and_public_class_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(tree(path)), "the module says what it is for in a docstring"
    definitions = [n for n in tree(path).body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    assert not [d.name for d in definitions if not d.name.startswith("_") and ast.get_docstring(d) is None]
