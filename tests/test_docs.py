"""What the README and the docs say is true: their code runs, the commands and flags they name exist."""

from __future__ import annotations

import importlib.util
import io
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import pywt

import sparsescope
from sparsescope.cli import main
from sparsescope.preprocess.background import background

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("**/*.md")) if "_build" not in page.parts)]
EVERY_PAGE = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
DEMO = Path(sparsescope.__file__).parent / "demo" / "vesicles.ome.tif"

NOT_RUN = re.compile(r"<!-- not run: \S.+ -->")
"""A comment right above a code block that says why the tests leave it out."""

OTHER_PROGRAMS = {"cd", "git", "make", "pip", "python", "python3", "uv"}
"""Programs that pages may name in console blocks; the tests leave their lines out."""


FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


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


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Command lines of a console block (what follows ``$``, continued lines joined), each with the output shown."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found.append((line[2:].strip(), []))
        elif line.strip():
            assert found, f"{block.page.name}:{block.line} shows output before the first command: {line!r}"
            found[-1][1].append(line)
    return found


def missing_from(said: str, shown: list[str]) -> list[str]:
    """Lines of a page that a program did not print in their order; ``…`` stands for any text, or for any lines."""
    lines, missing, at = [" ".join(line.split()) for line in said.splitlines()], [], 0
    for line in shown:
        pattern = ".*".join(re.escape(part) for part in " ".join(line.split()).split("…"))
        place = next((i for i in range(at, len(lines)) if re.fullmatch(pattern, lines[i])), None)
        if place is None:
            missing.append(line)
        elif line.strip() != "…":
            at = place + 1
    return missing


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


def said_here(*command: str) -> tuple[int, str, str]:
    """Run a command in this process, which need not start anew: exit code, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(command))
    return code, out.getvalue(), err.getvalue()


def said_by_program(*command: str) -> tuple[int, str, str]:
    """Run a command as a user does, in a process of its own: exit code, stdout, stderr."""
    done = subprocess.run([sys.executable, "-m", "sparsescope", *command], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def help_of(*command: str) -> str:
    code, text, _ = said_here(*command, "--help")
    assert code == 0
    return text


def names_in(text: str) -> list[str]:
    """Commands that a help text lists: each at the start of its line, two or more blanks before what it does."""
    return re.findall(r"^[│ ]*([a-z]+)  +\S", text, re.MULTILINE)


@pytest.fixture(scope="module")
def flags() -> dict[str, set[str]]:
    """Flags by command, as the program's own help tells them; "psf make" is one command, "psf" lists no flags."""
    top = help_of()
    found = {"": set(FLAG.findall(top))}
    for name in names_in(top):
        text = help_of(name)
        found[name] = set(FLAG.findall(text))
        if text.startswith(f"Usage: sparsescope {name} COMMAND"):
            for inner in names_in(text):
                found[f"{name} {inner}"] = set(FLAG.findall(help_of(name, inner)))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: Path, workplace: Path) -> None:
    names: dict[str, object] = {"__name__": "__page__"}
    for block in blocks(page):
        if block.language == "python":
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page: Path, workplace: Path) -> None:
    for block in blocks(page):
        for command, shown in commands(block) if block.language == "console" else []:
            program, *arguments = shlex.split(command, comments=True)
            if program in OTHER_PROGRAMS:
                continue
            assert program == "sparsescope", f"{page.name}:{block.line} names {program!r}, which the tests cannot run"
            code, out, err = (said_by_program if page.name == "README.md" else said_here)(*arguments)
            assert code == 0, f"{page.name}:{block.line}: {command}\n{err}"
            assert not missing_from(out, shown), f"{page.name}:{block.line}: {command} printed\n{out}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_and_command_that_a_page_names_exists(page: Path, flags: dict[str, set[str]]) -> None:
    anywhere = set().union(*flags.values())
    for code in code_of(page):
        if ours := re.match(r"(?:\$ )?sparsescope(?: (.*))?$", code):
            assert not (wrong := unknown_in(ours[1] or "", flags)), f"{page.name}: {wrong} in {code!r}"
        elif code.startswith("--"):
            assert not (wrong := set(FLAG.findall(code)) - anywhere), f"{page.name}: {sorted(wrong)} in {code!r}"


def unknown_in(arguments: str, flags: dict[str, set[str]]) -> list[str]:
    """Return what the program does not know of a command line: the command itself, or flags that it has not."""
    first, second = [*(word for word in re.split(r"[ |]", arguments) if not word.startswith("-")), "", ""][:2]
    if first.isupper():  # a placeholder such as COMMAND
        return []
    if first not in flags:
        return [first]
    inner = f"{first} {second}"
    groups = {name.split()[0] for name in flags if " " in name}
    if first in groups and second and inner not in flags:
        return [inner]
    return sorted(set(FLAG.findall(arguments)) - flags.get(inner, flags[first]))


def test_a_flag_counts_only_for_the_command_that_has_it(flags: dict[str, set[str]]) -> None:
    assert len(flags) > 15
    assert not unknown_in("run a.tif --sparsity 4", flags)
    assert not unknown_in("psf make --modality confocal", flags)
    assert unknown_in("cite --sparsity 4", flags) == ["--sparsity"]
    assert unknown_in("psf show --modality confocal", flags) == ["--modality"]
    assert unknown_in("psf bake", flags) == ["psf bake"]
    assert unknown_in("rum a.tif", flags) == ["rum"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_code_block_is_of_a_kind_that_is_checked(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    kinds = {kind.strip() for kind in re.findall(r"^```(.*)\n(?:.*\n)*?```$", text, re.MULTILINE)}
    assert kinds <= {"", "console", "python", "toml", "{eval-rst}", "{toctree}"}
    for line in re.findall(r"^\$ +(\S+)", text, re.MULTILINE):
        assert line == "sparsescope" or line in OTHER_PROGRAMS, f"{page.name} names {line!r}"


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"\n## {sparsescope.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_file_names_the_paper_and_states_no_second_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "doi: 10.1038/s41587-021-01092-2" in text
    assert "\nversion:" not in text


def test_output_that_a_page_shows_is_found_only_in_its_order_and_whole() -> None:
    said = "one  1\ntwo 2.5 s\nthree\n"
    assert not missing_from(said, ["one 1", "two …", "three"])
    assert not missing_from(said, ["one 1", "…", "three"])
    assert missing_from(said, ["three", "one 1"]) == ["one 1"]
    assert missing_from(said, ["two"]) == ["two"]


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert not [target for target in targets if not (page.parent / target.split("#")[0]).exists()]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as code hosts and the site make them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.name)
def test_every_link_to_a_heading_finds_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)\s:#]*)#([^)\s]+)\)", text):
        where = page.parent / target if target else page
        assert anchor in anchors(where), f"{page.name}: {target}#{anchor}; there are {sorted(anchors(where))}"


def test_every_picture_is_shown_and_small() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    for folder in ("images", "experiments"):
        there = set((ROOT / "docs" / folder).iterdir())
        assert there <= shown
        assert sum(picture.stat().st_size for picture in there) < 1_500_000
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in shown)


def test_the_caption_of_the_shipped_image_says_what_is_chosen_for_it() -> None:
    text = " ".join((ROOT / "docs" / "gallery.md").read_text(encoding="utf-8").split())
    chosen = r"Chosen: background `([\w-]+)`, fidelity (\d+), sparsity ([\d.]+), (\d+) iterations"
    said = re.search(r"beads, ([\d.]+) µm\. " + chosen, text)
    assert said is not None
    recipe = sparsescope.deconvolve(sparsescope.read(DEMO), resolution_um=float(said[1])).recipe
    values = (recipe.background, *(f"{v:.4g}" for v in (recipe.fidelity, recipe.sparsity)))
    assert (*values, str(recipe.deconvolution_iterations)) == said.groups()[1:], "run: python docs/make_gallery.py"


def test_the_figures_beside_other_programs_are_those_of_the_benchmarks() -> None:
    measured = {}
    for line in (ROOT / "benchmarks" / "quality" / "RESULTS.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 5 and cells[1] == "54":
            measured.setdefault(cells[0], (f"{float(cells[2]):.2f}", f"{float(cells[4]):.1f}"))
    told = {
        "raw image": "raw",
        "published defaults": "published",
        "published defaults, background known": "published, background known",
        "sparsescope, automatic": "auto",
        "RL, stopped by the truth": "best-stopped RL",
        "RL of scikit-image, stopped by the truth": "best-stopped RL, skimage",
    }
    peers = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
    for name, row in told.items():
        assert f"\n| {name} | {' | '.join(measured[row])} |\n" in peers, f"{name}: {measured[row]}"
    choosing = " ".join((ROOT / "docs" / "choosing.md").read_text(encoding="utf-8").split())
    assert f"result reaches {measured['auto'][0]} of the agreement" in choosing
    assert f"published defaults reach {measured['published'][0]}" in choosing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as ``make docs`` builds it."""
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("missing tool: sphinx (pip install -e .[docs])")
    out = tmp_path_factory.mktemp("site")
    command = next(
        line.split("-m ", 1)[1] for line in (ROOT / "Makefile").read_text().splitlines() if "-m sphinx" in line
    )
    arguments = [str(out) if word == "docs/_build" else word for word in command.split()]
    done = subprocess.run(
        [sys.executable, "-m", *arguments, "-d", str(out / "doctrees")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "-W" in arguments
    assert done.returncode == 0, done.stderr
    return out


def test_the_site_is_built_without_a_warning_and_holds_every_page(site: Path) -> None:
    for page in PAGES[1:]:
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).is_file(), page.name


def test_the_site_needs_no_network_and_holds_what_stands_outside_of_docs(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"https?:[^\"]+", index)
    assert sparsescope.__version__ in (site / "changelog.html").read_text(encoding="utf-8")
    assert "development" in (site / "benchmarks.html").read_text(encoding="utf-8")
    reference = (site / "api.html").read_text(encoding="utf-8")
    for name in sparsescope.__all__:
        if name != "__version__":
            assert f'id="sparsescope.{name}"' in reference, name


def test_the_readme_is_short_and_its_picture_small() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    pictures = [ROOT / target for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)]
    assert pictures
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 300_000


def test_the_page_of_parameters_is_what_the_recipe_says() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_recipe_page.py"))["page"]()
    assert (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8") == made, "run: python docs/make_recipe_page.py"


def test_the_rooms_of_the_architecture_page_are_those_that_exist_with_their_ranks() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = {name: int(rank) for name, rank in re.findall(r"^\| `([\w.*]+)` \| (\d+) \|", text, re.MULTILINE)}
    ranks = runpy.run_path(str(ROOT / "tests" / "test_layers.py"))["RANKS"]
    package = Path(sparsescope.__file__).parent
    there = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    assert told == {name: rank for name, rank in ranks.items() if name.removesuffix(".*") in there}


def deepest_level(plane: np.ndarray) -> tuple[np.ndarray, int]:
    """Background by the published iteration with the deepest level that PyWavelets calls valid, and that level."""
    level = pywt.dwt_max_level(min(plane.shape), "db6")

    def low_pass(values: np.ndarray) -> np.ndarray:
        coefficients = pywt.wavedec2(values, "db6", mode="symmetric", level=level)
        kept = [coefficients[0], *([tuple(map(np.zeros_like, details)) for details in coefficients[1:]])]
        return pywt.waverec2(kept, "db6", mode="symmetric")[: plane.shape[0], : plane.shape[1]]

    pulled = plane.copy()
    for _ in range(3):
        bound = low_pass(pulled) + np.sqrt(np.abs(pulled)) / 2
        pulled = np.where(plane > bound, bound, pulled)
    return low_pass(pulled), level


def test_the_figures_of_the_background_are_those_measured() -> None:
    text = (ROOT / "docs" / "stages.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+)² \| ([\d.]+) \| ([\d.]+) \(level (\d)\) \|$", text, re.MULTILINE)
    assert len(rows) == 2
    filaments = runpy.run_path(str(ROOT / "tests" / "preprocess" / "test_background.py"))["filaments"]
    scenes = [filaments(1024, seed) for seed in range(3)]
    whole = [background(scene, "strong-low-light", scale=1.0, mean=1e30) for scene in scenes]
    for size, ours, shallow, level in rows:
        part = (slice(400, 400 + int(size)), slice(300, 300 + int(size)))
        crops = [scene[part] for scene in scenes]
        estimates = [background(crop, "strong-low-light", scale=1.0, mean=1e30) for crop in crops]
        others = [deepest_level(crop) for crop in crops]
        assert {number for _, number in others} == {int(level)}
        assert rms(estimates, [full[part] for full in whole]) == pytest.approx(float(ours), abs=6e-4)
        assert rms([other for other, _ in others], [full[part] for full in whole]) == pytest.approx(
            float(shallow), abs=6e-4
        )


def rms(values: list[np.ndarray], truths: list[np.ndarray]) -> float:
    """Root-mean-square difference of each pair, the mean over the pairs."""
    return float(np.mean([np.sqrt(np.mean((a - b) ** 2)) for a, b in zip(values, truths, strict=True)]))
