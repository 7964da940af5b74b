"""``sparsescope compare``: two images of one field against each other, or both against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from . import say, show
from .batch import print_documents
from .exits import OK, UsageError
from .flags import OUTPUT, READING, SAME, Reading

if TYPE_CHECKING:
    from ..evidence.compare import Comparison


def compare(
    a: Path,
    b: Path,
    /,
    *,
    truth: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    reading: Annotated[Reading, SAME] = READING,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Say how well two images of one field agree.

    Parameters
    ----------
    a
        An image.
    b
        The image that it is compared with.
    truth
        The truth, or a sharper picture of the same field: both images are compared with it.
    json
        Print one JSON document on stdout instead of the table.
    """
    from ..evidence.compare import MEANING
    from ..evidence.compare import compare as compute

    paths = [a, b, *([] if truth is None else [truth])]
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError(f"{', '.join(map(str, paths))}: the same file twice; give different files")
    names = _names(paths)
    images = {name: reading.read(path) for name, path in zip(names, paths, strict=True)}
    found = compute(images, None if truth is None else names[2])
    if json:
        document = {
            "a": a, "b": b, "truth": truth, "comparisons": [asdict(c) for c in found], "meaning": MEANING,
            "notes": [note for image in images.values() for note in image.meta.get("notes", ())],
        }  # fmt: skip
        print_documents([document], {})
        return OK
    letters = dict(zip(names, ("A", "B", "truth"), strict=False))
    say.table([(letter, name, "") for name, letter in letters.items()])
    for first in dict.fromkeys((c.channel, c.plane) for c in found):
        group = [c for c in found if (c.channel, c.plane) == first]
        place = ", ".join(part for part in first if part and part != "the plane")
        say.line(f"  {say.plain(place)}".rstrip(), style="bold")
        say.table(_rows(group, letters, MEANING))
    show.notes([note for image in images.values() for note in image.meta.get("notes", ())])
    return OK


def _names(paths: list[Path]) -> list[str]:
    """Return the shortest names that tell the files apart."""
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _rows(group: list[Comparison], letters: dict[str, str], meaning: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """Return the measures as rows, one column for each pair."""
    yield ("", *(f"{letters[c.first]} to {letters[c.second]}" for c in group), "")
    formats = {"psnr_2px_db": "{:.2f} dB", "frc_px": "{:.2f} px", "rse": "{:.4g}"}
    for name, words in meaning.items():
        values = [getattr(c, name) for c in group]
        cells = ["none" if v is None else formats.get(name, "{:.3f}").format(v) for v in values]
        yield (NAMES[name], *cells, words)


NAMES = {
    "agreement": "agreement",
    "psnr_2px_db": "PSNR at 2 px",
    "correlation": "correlation",
    "frc_px": "FRC",
    "rsp": "RSP",
    "rse": "RSE",
}
"""Measures as they are shown."""
