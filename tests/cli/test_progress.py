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


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> str:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    with shown("cell[red].tif", quiet=False) as report:
        assert report is not None
        for i in range(41):
            report(At("sparse", i, 40))
    return terminal.getvalue()


def test_a_terminal_shows_a_bar_with_the_file_as_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = on_terminal(monkeypatch)
    assert "cell[red].tif: sparse" in text
    assert "40/40" in text
    assert "\x1b[3" in text, "in colour"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in on_terminal(monkeypatch)


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
