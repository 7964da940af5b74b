"""Figures of findings: every kind of panel is drawn, the data are kept, the same figure is the same file."""

from __future__ import annotations

import struct

import numpy as np

from sparsescope.findings import Figure, Findings, Heat, Line, Picture, Plot, Table
from sparsescope.report.experiment_page import experiment_page
from sparsescope.report.figures import png

VALUES = np.arange(64.0).reshape(8, 8)
PLOT = Plot(
    (Line([1, 10], [0.1, 1], "<b>one</b>", "both"), Line([1, 10], [1, 1], style="dashed")), "plot", "x", "y", True
)
HEAT = Heat(np.array([[0.1, np.nan], [0.3, 0.4]]), "heat", ("a", "b"), ("c", "d"), framed=((0, 0),))
PICTURES = (
    Picture(VALUES, "bar", 0.1, boxes=((1, 1, 3, 3),), lines=((0, 0, 4, 4),)),
    Picture(VALUES, "spectrum", scale="log"),
    Picture(np.zeros((4, 4)), "nothing"),
    Picture(VALUES, "limits", limits=(3.0, 3.0)),
)


def size(picture: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


def test_every_kind_of_panel_is_drawn_in_rows_of_any_length() -> None:
    before = VALUES.copy()
    drawn = png(Figure((PICTURES, (PLOT, None, HEAT)), framed=((0, 1),), heights=(1.0, 0.7)))
    width, height = size(drawn)
    assert drawn.startswith(b"\x89PNG")
    assert width > height > 300
    assert np.array_equal(VALUES, before)


def test_more_panels_make_a_wider_picture_and_the_same_figure_the_same_file() -> None:
    one, two = Figure((PICTURES[:1],)), Figure((PICTURES[:2],))
    assert size(png(two))[0] > 1.5 * size(png(one))[0]
    assert png(one) == png(one)


def test_text_of_findings_is_shown_and_never_run() -> None:
    found = Findings(
        "a <script>alert(1)</script> title", "claim & more", Figure((PICTURES[:1],)),
        (Table(("a", "b"), tuple((i, i / 3) for i in range(100)), "many"),), ("shown",), ("ends here",), ("source",),
    )  # fmt: skip
    page = experiment_page(found, b"png", "sparsescope experiment x --out 'a b'", quick=True)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "claim &amp; more" in page
    assert "ends here" in page
    assert "the first 80 of 100 rows" in page
    assert "a quick run" in page
