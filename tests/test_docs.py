"""What the README and the docs say is true: their code runs, the commands and flags they name exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import sparsescope

ROOT = Path(__file__).resolve().parent.parent
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))] if page.is_file()]
DEMO = Path(sparsescope.__file__).parent / "demo" / "vesicles.ome.tif"

NOT_RUN = re.compile(r"<!-- not run: \S.+ -->")
"""A comment right above a code block that says why the tests leave it out."""

OTHER_PROGRAMS = {"cd", "git", "make", "pip", "python", "python3", "uv"}
"""Programs that pages may name in console blocks; the tests leave their lines out."""


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Code blocks of a page that are to be run, in their order."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if start is None:
            start = number
            continue
        before = next((text for text in reversed(lines[:start]) if text.strip()), "")
        if not NOT_RUN.fullmatch(before.strip()):
            language = lines[start].strip().removeprefix("```")
            found.append(Block(page, start + 1, language, "\n".join(lines[start + 1 : number])))
        start = None
    assert start is None, f"{page.name}: the code block of line {(start or 0) + 1} has no end"
    return found


def commands(block: Block) -> list[str]:
    """Command lines of a console block: what follows ``$``, continued lines joined."""
    joined = block.text.replace("\\\n", " ")
    return [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]


def code_of(page: Path) -> list[str]:
    """Every piece of a page that is set as code: inline spans and lines of blocks."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"```.*?\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [*inline, *"\n".join(fenced).replace("\\\n", " ").splitlines()]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the shipped image in it under the name that pages use."""
    shutil.copy(DEMO, tmp_path / "cell.ome.tif")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def help_of(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sparsescope", *command, "--help"], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def command_names() -> set[str]:
    # a command stands at the start of its line in the help, two or more blanks before what it does
    return set(re.findall(r"^[│ ]*([a-z]+)  +\S", help_of(), re.MULTILINE))


@pytest.fixture(scope="module")
def known_flags(command_names: set[str]) -> set[str]:
    text = "".join(help_of(*name.split()) for name in ["", *command_names, "recipe show", "recipe new"])
    return set(re.findall(r"--[a-z][a-z0-9-]*", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: Path, workplace: Path) -> None:
    names: dict[str, object] = {"__name__": "__page__"}
    for block in blocks(page):
        if block.language == "python":
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_without_error(page: Path, workplace: Path) -> None:
    for block in blocks(page):
        for command in commands(block) if block.language == "console" else []:
            program, *arguments = shlex.split(command, comments=True)
            if program in OTHER_PROGRAMS:
                continue
            assert program == "sparsescope", f"{page.name}:{block.line} names {program!r}, which the tests cannot run"
            done = subprocess.run(
                [sys.executable, "-m", "sparsescope", *arguments],
                cwd=workplace,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{page.name}:{block.line}: {command}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_and_command_that_a_page_names_exists(
    page: Path, known_flags: set[str], command_names: set[str]
) -> None:
    for code in code_of(page):
        ours = re.match(r"(?:\$ )?sparsescope\b(.*)", code)
        if ours:
            first = ours.group(1).split()[:1]
            assert not first or first[0].startswith("-") or first[0] in command_names, f"{page.name}: {code}"
        if ours or code.startswith("--"):
            unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", code)) - known_flags
            assert not unknown, f"{page.name}: {sorted(unknown)} in {code!r}"


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"\n## {sparsescope.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_file_names_the_paper_and_states_no_second_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "doi: 10.1038/s41587-021-01092-2" in text
    assert "\nversion:" not in text
