"""The first look of a new user."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparsescope import __version__
from sparsescope.cli import COMMANDS

from .conftest import Cli

MODULE = [sys.executable, "-m", "sparsescope"]


def test_help_names_every_command_and_the_first_step(cli: Cli) -> None:
    said = cli("--help")
    assert said.code == 0
    for name, command in COMMANDS.items():
        assert re.search(rf"^│ {name} +{re.escape(command.purpose)}", said.out, re.MULTILINE), (
            "name and purpose fit one line"
        )
    assert "Start with: sparsescope demo" in said.out


def test_no_command_at_all_shows_the_help(cli: Cli) -> None:
    said = cli()
    assert said.code == 0
    assert "Usage: sparsescope COMMAND" in said.out


def test_the_version_is_that_of_the_package(cli: Cli) -> None:
    assert cli("--version").out == f"sparsescope {__version__}\n"


@pytest.mark.parametrize(
    "command", [[name] for name in COMMANDS] + [["recipe", "show"], ["recipe", "new"], ["recipe", "presets"]]
)
def test_every_command_has_a_help_that_explains_each_flag(cli: Cli, command: list[str]) -> None:
    said = cli(*command, "--help")
    assert said.code == 0
    flags = re.findall(r"^│ (--\S+|[A-Z]+) .*", said.out, re.MULTILINE)
    for flag in flags:
        after = said.out.split(f"│ {flag} ", 1)[1].split("│")[0]
        words = re.sub(r"-\w |(?<!\w)[A-Z]+(?!\w)", "", after).strip()
        assert words or flag == "--deconvolution-iterations", f"{flag} of {command} is not explained"


def test_the_program_and_the_module_are_the_same() -> None:
    done = subprocess.run([*MODULE, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"sparsescope {__version__}\n"


def test_wrong_usage_is_the_exit_code_of_the_process() -> None:
    done = subprocess.run([*MODULE, "run", "--no-such-flag"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_a_terminal_without_greek_letters_still_shows_the_help() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([*MODULE, "run", "--help"], capture_output=True, check=True, env=environment)
    assert b"--pixel-size-um" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows close differently")
def test_a_reader_that_leaves_early_gets_no_complaint(cell: Path) -> None:
    for command in ("cite", "--help", f"info --json '{cell}'"):
        line = f"{sys.executable} -m sparsescope {command} | true"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        assert done.stderr == ""


def test_cite_names_the_paper_the_licence_the_patent_and_the_image(cli: Cli) -> None:
    said = cli("cite")
    assert said.code == 0
    for text in ("10.1038/s41587-021-01092-2", "BSD 3-Clause", "US 11,189,016 B1", "Talley Lambert", __version__):
        assert text in said.out
