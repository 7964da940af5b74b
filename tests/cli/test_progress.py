"""Progress outside a terminal: few lines, with rate and remaining time."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass

import pytest

from sparsescope.cli import say
from sparsescope.cli.progress import EVERY_S, plain_lines, shown


@dataclass
class At:
    stage: str
    done: int
    total: int
    unit: str = "frames"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def run(stages: list[tuple[float, At]]) -> list[str]:
    lines: list[str] = []
    clock = Clock()
    report = plain_lines("cell.tif", lines.append, clock)
    for seconds, step in stages:
        clock.now = seconds
        report(step)
    return lines


def test_work_that_ends_soon_says_nothing() -> None:
    assert run([(0.1 * i, At("sparse", i, 40)) for i in range(41)]) == []


def test_long_work_says_rate_and_remaining_time_every_few_seconds() -> None:
    lines = run([(float(i), At("sparse", 2 * i, 40)) for i in range(21)])
    assert lines[0] == "cell.tif: sparse 10/40 frames, 2 frames/s, 15 s left"
    assert len(lines) == 20 / EVERY_S


def test_what_was_done_before_is_no_speed() -> None:
    lines = run([(float(i), At("deconvolution", 61 + i, 100)) for i in range(11)])
    assert lines[-1] == "cell.tif: deconvolution 71/100 frames, 1.1 frames/s, 26 s left"


def test_rate_and_remaining_time_are_those_of_the_stage() -> None:
    lines = run([(0, At("background", 0, 10)), (100, At("sparse", 0, 10)), (110, At("sparse", 5, 10))])
    assert lines[-1] == "cell.tif: sparse 5/10 frames, 0.5 frames/s, 10 s left"


def test_compiling_is_said_at_once() -> None:
    assert run([(0, At("compiling", 0, 1))]) == ["cell.tif: compiling the kernels, once after installation …"]


def test_quiet_shows_nothing() -> None:
    with shown("cell.tif", quiet=True) as report:
        assert report is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch, stream: str = "stderr", columns: int = 120) -> Terminal:
    there = Terminal()
    monkeypatch.setattr(sys, stream, there)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    return there


def on_terminal(monkeypatch: pytest.MonkeyPatch, *before: At) -> str:
    there = terminal(monkeypatch)
    with shown("cell[red].tif", quiet=False) as report:
        assert report is not None
        for step in [*before, *(At("deconvolution", i, 40) for i in range(41))]:
            report(step)
    return there.getvalue()


def test_a_terminal_shows_a_bar_with_the_file_as_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = on_terminal(monkeypatch)
    assert "cell[red].tif: deconvolution" in text
    assert "40/40" in text
    assert "\x1b[3" in text, "in colour"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in on_terminal(monkeypatch)


def test_the_line_about_compiling_goes_when_the_first_result_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    text = on_terminal(monkeypatch, At("compiling", 0, 1), At("background", 1, 40))
    assert "compiling" in text
    assert "compiling" not in text[text.rindex("\r\x1b[2K") :]


def test_sentences_are_broken_at_words_on_a_terminal_and_whole_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "  note: sparsity removed 55 % of the signal: dim structures may be gone; lower --sparsity"
    say.paragraph(note)
    say.error(f"{'word ' * 30}end")
    out, err = capsys.readouterr()
    assert out == f"{note}\n"
    assert err == f"error: {'word ' * 30}end\n"
    shown_out, shown_err = terminal(monkeypatch, "stdout", 60), terminal(monkeypatch, "stderr", 60)
    say.paragraph(note)
    say.error(f"{'word ' * 30}end")
    first, second = shown_out.getvalue().splitlines()
    assert (len(first) <= 60, first.split()[0], second) == (True, "note:", "    may be gone; lower --sparsity")
    assert all(len(line) <= 75 for line in shown_err.getvalue().splitlines()), "60 and the colour"
    assert shown_err.getvalue().count("word") == 30


def test_names_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say.table([("name", "\x1b[2J[bold]x[/bold]", "file")])
    say.error("bad \x1b]0;title\x07 file")
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\x07" not in err
    assert "[bold]x[/bold]" in out


def test_numbers_that_json_cannot_say_become_null(capsys: pytest.CaptureFixture[str]) -> None:
    say.as_json({"nan": float("nan"), "list": (1, float("inf"))})
    assert capsys.readouterr().out.replace("\n", "").replace(" ", "") == '{"nan":null,"list":[1,null]}'
