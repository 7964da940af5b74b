"""Starting is quick because heavy libraries are not loaded before they are used (seen in a fresh process)."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sparsescope

HEAVY = {"numba", "scipy", "tifffile", "zarr", "dask", "matplotlib", "jinja2", "pywt", "torch", "imagecodecs"}


def loaded_after(code: str) -> set[str]:
    """Top-level names of the modules that a fresh Python holds after running some code."""
    script = f"{code}\nimport sys\nprint('\\n' + ' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def call(*arguments: str) -> str:
    return f"from sparsescope.cli import main\nassert main({list(arguments)}) == 0"


def test_importing_the_package_loads_no_library_but_the_lazy_loader() -> None:
    loaded = loaded_after("import sparsescope")
    assert not loaded & (HEAVY | {"numpy", "pydantic", "cyclopts", "rich"})
    assert "lazy_loader" in loaded


def test_making_an_image_and_a_recipe_loads_nothing_heavy() -> None:
    code = "import sparsescope as ss\nss.as_image([[1.0, 2.0]])\nss.Recipe(fidelity=150)"
    assert not loaded_after(code) & HEAVY


def test_the_help_of_the_command_line_loads_nothing_heavy() -> None:
    assert not loaded_after(call("--help")) & (HEAVY | {"numpy", "pydantic"})


@pytest.mark.parametrize(
    "command",
    ["run", "info", "demo", "cite", "recipe", "rerun", "sweep", "resolution", "compare", "simulate", "experiment"],
)
def test_the_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    assert not loaded_after(call(command, "--help")) & HEAVY


def test_every_public_name_is_there_and_there_are_at_most_a_dozen() -> None:
    assert len(sparsescope.__all__) <= 12
    for name in sparsescope.__all__:
        assert getattr(sparsescope, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = sparsescope.no_such_name  # type: ignore[attr-defined]
