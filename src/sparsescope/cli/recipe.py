"""``sparsescope recipe``: show the recipe inside a result, write a new one, list presets."""

from __future__ import annotations

import textwrap
from pathlib import Path

from cyclopts import App

from ..recipe import Recipe
from . import say
from .flags import limits, load
from .rerun import provenance

app = App(name="recipe", help_format="plaintext", result_action="return_value", help_epilogue="")


@app.command
def show(file: Path, /) -> int:
    """Print a recipe as TOML.

    Parameters
    ----------
    file
        A result of sparsescope (the recipe embedded in it is shown), or a TOML file (checked and completed).
    """
    from ..io import read_provenance

    is_toml = file.suffix.lower() == ".toml"
    recipe = load(file) if is_toml else Recipe.from_toml(provenance(file, read_provenance(file))["recipe"])
    say.line(recipe.to_toml().rstrip())
    return 0


@app.command
def new(file: Path | None = None, /) -> int:
    """Print a recipe with every parameter at its default, what it means and what it may be; or write it to a file.

    Edit it, then: sparsescope run IMAGE --recipe FILE

    Parameters
    ----------
    file
        TOML file to write. [default: print it]
    """
    from ..io.atomic import replacing

    if file is None:
        say.line(commented())
    else:
        with replacing(file) as out:
            out.write(f"{commented()}\n".encode())
        say.line(say.plain(file), style="green")
    return 0


@app.command
def presets() -> int:
    """List settings by name: what they were used for, their values, and where the numbers come from.

    Use one with: sparsescope run FILE --preset NAME. Flags win over it; what it does not set is chosen as always.
    """
    from ..presets import PRESETS

    for name, preset in PRESETS.items():
        say.line(f"{name}   {preset.about}", style="bold")
        say.table([(key.replace("_", " "), say.number(value)) for key, value in preset.values.items()])
        say.paragraph(f"  source: {preset.source}")
    return 0


EXAMPLES = {"tolerance": 0.001}
"""For each parameter that is not used by default, a value to start from."""


def commented() -> str:
    """Return a recipe as TOML in which each value stands below its meaning, unit and range.

    Examples
    --------
    >>> Recipe.from_toml(commented()) == Recipe()
    True
    """
    defaults = {line.split(" = ")[0]: line for line in Recipe().to_toml().splitlines()}
    parts = ["# Recipe for sparsescope. Use it with: sparsescope run FILE --recipe THIS.toml"]
    for name, field in Recipe.model_fields.items():
        about = textwrap.wrap(f"{field.description} {limits(name)}", width=100, break_on_hyphens=False)
        value = f"# {name} = {EXAMPLES[name]}" if field.default is None else defaults[name]
        parts.append("\n".join([*(f"# {text}" for text in about), value]))
    return "\n\n".join(parts)
