"""``sparsescope experiment``: names, files, and words for what cannot be done."""

from __future__ import annotations

from pathlib import Path

from sparsescope.experiments import TABLE

from .conftest import Cli

NAMES = [
    "noise-free", "solver-agnostic", "background", "priors", "noise-vs-prior", "over-sparsity", "nonzero-ratio",
    "ladder", "single-molecules", "linearity", "real-pairs",
]  # fmt: skip


def test_it_lists_one_name_on_each_line_as_its_first_word(cli: Cli) -> None:
    said = cli("experiment", "--list")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == NAMES == list(TABLE)


def test_it_writes_figure_table_and_page_and_says_where_it_ends(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "new"
    said = cli("experiment", "background", "--quick", "--out", out)
    assert said.code == 0
    assert {p.name for p in out.iterdir()} == {"background.png", "background.csv", "background.html"}
    assert (out / "background.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "background.csv").read_text().startswith("background,way,best error")
    page = (out / "background.html").read_text()
    assert "sparsescope experiment background --quick --out new" in page
    assert "where it ends" in said.out
    again = cli("experiment", "background", "--quick", "--out", out)
    assert again.code == 1
    assert "exists already" in again.err


def test_wrong_wishes_are_refused_in_words(cli: Cli, tmp_path: Path) -> None:
    for arguments in (
        (), ("cats", "--out", tmp_path), ("ladder",), ("ladder", "--out", tmp_path, "--data", tmp_path / "none"),
    ):  # fmt: skip
        said = cli("experiment", *arguments)
        assert said.code == 2
        assert said.err.startswith("error: ")
    said = cli("experiment", "real-pairs", "--out", tmp_path / "o", "--data", tmp_path)
    assert said.code == 1
    assert "--data" in said.err
