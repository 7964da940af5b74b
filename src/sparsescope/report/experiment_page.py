"""An experiment as one self-contained HTML file: the claim, what was found, where it ends, the numbers."""

from __future__ import annotations

from .._version import __version__
from ..findings import Findings, cell
from .page import png_uri, render

ROWS = 80
"""Rows of a table that the page shows; the CSV file has all."""


def experiment_page(found: Findings, picture: bytes, command: str, *, quick: bool) -> str:
    """Return the page.

    Parameters
    ----------
    found : Findings
        What the experiment found.
    picture : bytes
        Its figure as PNG.
    command : str
        What repeats it.
    quick : bool
        Whether it was a quick run.
    """
    tables = []
    for table in found.tables:
        rows = [[cell(value) for value in row] for row in table.rows[:ROWS]]
        more = f" (the first {ROWS} of {len(table.rows)} rows)" if len(table.rows) > ROWS else ""
        tables.append((table.columns, rows, f"{table.title or 'Numbers'}{more}"))
    return render(
        "experiment.html.jinja",
        version=__version__,
        found=found,
        picture=png_uri(picture),
        tables=tables,
        command=command,
        quick=quick,
    )
