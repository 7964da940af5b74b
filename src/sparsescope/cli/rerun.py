"""``sparsescope rerun``: the same result again, from what is written inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from .._version import __version__
from ..errors import InputError
from ..recipe import Recipe
from . import say, show
from .batch import print_documents
from .files import is_there, make_folder, result_end, stem
from .flags import INPUT, OUTPUT, Blurring, Reading, Writing
from .jobs import Job
from .work import work

if TYPE_CHECKING:
    from ..image import Image
    from ..pipeline.stages import Levels


SILENT = Writing(evidence="none", no_report=True)
"""A repeated result needs no evidence of its own."""


def rerun(
    result: Path,
    /,
    *,
    source: Annotated[Path | None, Parameter(name="--input", group=INPUT)] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
    quiet: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Repeat a result with the recipe and the settings written inside it, and say whether the pixels are the same.

    Writes <stem>_rerun_sparse.ome.tif (OME-Zarr for OME-Zarr) beside the result, or into --out.

    Parameters
    ----------
    result
        A file that sparsescope wrote.
    source
        The input file. [default: the recorded one, where it was or beside the result]
    out
        Folder for the new result, made when it is missing.
    overwrite
        Replace the new result if it exists.
    json
        Print one JSON document on stdout instead of the table.
    quiet
        Show no progress.
    """
    from ..io import read, read_provenance

    recorded = provenance(result, read_provenance(result))
    before = read(result)
    file, notes = find_input(result, recorded, source)
    recipe, origins = recipe_again(recorded)
    folder = result.parent if out is None else out
    make_folder(folder)
    writing = replace(SILENT, out=out, overwrite=overwrite, format="ome-zarr" if result.is_dir() else "ome-tiff")
    target = folder / f"{stem(result).removesuffix('_sparse')}_rerun{result_end(writing.format)}"
    reading = Reading(**recorded.get("reading", {}))
    blurring = blurring_again(recorded, notes)
    job = Job(
        file, target, recipe, origins, reading, writing, blurring, str(before.dtype), levels_again(recorded),
        quiet=quiet, silent=json,
    )  # fmt: skip
    done = work(job)
    difference = largest_difference(before, read(target))
    notes.append(_verdict(difference, result))
    if json:
        document = {**show.as_document(done), "largest_difference": difference, "notes": [*done.notes, *notes]}
        print_documents([document], {})
    else:
        show.notes(notes)
    return 0


def provenance(result: Path, recorded: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is recorded in a result, checked; raise InputError when it was not written by sparsescope."""
    if not isinstance(recorded.get("recipe"), str):
        raise InputError(
            f"{result} holds no recipe: it was not written by sparsescope, or another program saved it since"
        )
    return recorded


def recipe_again(recorded: Mapping[str, Any]) -> tuple[Recipe | list[Recipe], dict[str, str]]:
    """Return the recipe inside a result, one for each channel where they differ, and the source to state for it."""
    texts = recorded.get("channel_recipes") or [recorded["recipe"]]
    recipes = [Recipe.from_toml(text) for text in texts]
    return recipes if len(recipes) > 1 else recipes[0], dict.fromkeys(recipes[0].given, "recipe")


def levels_again(recorded: Mapping[str, Any]) -> tuple[Levels, ...] | None:
    """Return the levels of each channel, where they were decided on part of the image."""
    from ..pipeline.stages import Levels

    found = recorded.get("levels")
    return None if found is None else tuple(Levels(**one) for one in found)


def blurring_again(recorded: Mapping[str, Any], notes: list[str]) -> Blurring:
    """Return the PSF files of a result; raise InputError where one is gone, note where one is another."""
    from ..io import sha256

    found = []
    for file in recorded.get("psf_files", ()):
        path = Path(str(file["path"]))
        if not path.is_file():
            raise InputError(f"the PSF of this result, {path}, is not there: put it back, or run again with --psf FILE")
        if sha256(path) != file["sha256"]:
            notes.append(f"{path} is not the recorded PSF: its SHA-256 differs, so the result will")
        found.append(path)
    return Blurring(found or None)


def find_input(result: Path, recorded: Mapping[str, Any], source: Path | None) -> tuple[Path, list[str]]:
    """Return the input of a result and notes on how it differs from the recorded one."""
    from ..io import sha256

    written = Path(str(recorded.get("input", "")))
    candidates = [source] if source is not None else [written, result.parent / written.name]
    file = next((path for path in candidates if path.name and is_there(path)), None)
    if file is None:
        raise InputError(f"the input {source or written} is not there: say where it is with --input FILE")
    notes = []
    digest = recorded.get("sha256")
    if digest is None:
        notes.append("no SHA-256 of the input is recorded: whether it is the same file cannot be checked")
    elif sha256(file) != digest:
        notes.append(f"{file} is not the recorded input: its SHA-256 differs, so the result will")
    if recorded.get("version") != __version__:
        notes.append(f"the result was made by version {recorded.get('version')}, this is {__version__}")
    return file, notes


def largest_difference(before: Image, after: Image) -> float | None:
    """Return the largest absolute difference of two images, None when their shapes differ."""
    from ..report.survey import planes

    if before.shape != after.shape:
        return None
    pairs = zip(planes(before), planes(after), strict=True)
    return max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs)


def _verdict(difference: float | None, result: Path) -> str:
    if difference is None:
        return f"the new result has another shape than {result.name}"
    if difference == 0:
        return f"every pixel is the same as in {result.name}"
    return f"pixels differ from {result.name} by up to {say.number(difference)}"
