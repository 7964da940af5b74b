"""Write docs/recipe.md from sparsescope.recipe, the one place where parameters are defined.

python docs/make_recipe_page.py

tests/test_docs.py fails while the page differs from what this makes.
"""

from __future__ import annotations

from pathlib import Path

from sparsescope.pipeline.automatic import CHOSEN
from sparsescope.recipe import DEFAULT_RESOLUTION_PX, DEFAULTS, Recipe, allowed

PAGE = Path(__file__).with_name("recipe.md")

BEFORE = """\
# Every parameter

<!-- made by docs/make_recipe_page.py from src/sparsescope/recipe.py: change it there -->

One recipe is the arguments of `Recipe(…)` in Python, the flags of `sparsescope run` (`--sparse-iterations` for
`sparse_iterations`), a TOML file, and what is written inside every result. A flag wins over the recipe, the recipe over
the file, and what nobody says takes the default. Where that is `auto`, the value is chosen from the image
([how](choosing.md)); where the image cannot tell, the value given here is taken and the table of a run calls its source
`default`.

`fidelity`, `sparsity` and `continuity` have the published scale (Zhao et al. 2022): they act on an image whose maximum
is 1, so settings from papers work as they stand. What each stage does with them is in [stages.md](stages.md).

| parameter | allowed | unit | default | meaning |
|---|---|---|---|---|
"""

AFTER = """
## Files

```console
$ sparsescope recipe new mine.toml
$ sparsescope run cell.ome.tif --recipe mine.toml --sparsity 4
$ sparsescope recipe show cell_sparse.ome.tif
```

The first line writes a recipe with every parameter below its meaning; the last prints the recipe inside a result, with
every value filled in. In Python: `Recipe.load("mine.toml")`, `recipe.to_toml()`, `recipe.replace(sparsity=4)`.

## Settings by name, and settings compared by eye

```console
$ sparsescope recipe presets
$ sparsescope info cell.ome.tif --preset published-matlab --sparsity 4
$ sparsescope sweep cell.ome.tif
```

A preset holds what its source states and leaves the rest as it is; flags win over it, and the list names the source
of each. In Python: `Recipe.preset("published-matlab", sparsity=4)`.

Eight presets are a start for a kind of specimen: `sim-actin`, `sim-lysoview`, `sim-caveolae`, `sd-sim-actin`,
`sd-sim-ccp`, `sd-sim-peroxisome`, `sd-sim-tubulin`, `sd-sim-lysosome`; "2D-SIM actin", "CCP" or "lysosome" find them,
too. Their numbers were measured by us on simulated frames ([results](../benchmarks/quality/RESULTS.md)). They are not
those of the published table, which we could not read. Say the resolution of your image beside them.

`sweep` writes a page and a picture with a busy part of the image at 25 settings of fidelity and sparsity; a click on a
tile of the page copies its flags.

A name that is not known, a value out of its range and a number that is not finite are refused, with what is allowed.
"""


def default(name: str) -> str:
    """Say what a parameter is when nobody says it."""
    value = Recipe.model_fields[name].default
    if name == "resolution_um":
        last = f"{DEFAULT_RESOLUTION_PX:g} pixels"
        return f"`auto`: 0.51 λ/NA where the file tells both, else measured in the image, else {last}"
    if name in DEFAULTS:
        fixed = f"`{DEFAULTS[name]:g}`" if isinstance(DEFAULTS[name], float) else f"`{DEFAULTS[name]}`"
        return f"`auto`; {fixed} where the image cannot tell" if name in CHOSEN or name == "continuity_t" else fixed
    return "not used" if value is None else f"`{value}`"


def unit(name: str) -> str:
    """Return the unit of a parameter, or a dash."""
    extra = Recipe.model_fields[name].json_schema_extra
    return str(extra["unit"]) if isinstance(extra, dict) and "unit" in extra else "–"


def page() -> str:
    """Return the whole page as Markdown."""
    rows = [
        f"| `{name}` | {allowed(name)} | {unit(name)} | {default(name)} | {field.description} |"
        for name, field in Recipe.model_fields.items()
    ]
    return BEFORE + "\n".join(rows) + "\n" + AFTER


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
