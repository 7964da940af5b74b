"""Files get their name only when they are complete."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparsescope.errors import OutputError
from sparsescope.io.atomic import give_folder_name, replacing, unfinished

WITHOUT_LIMITS = sys.platform == "win32"


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def write(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    with replacing(path, overwrite=overwrite) as file:
        file.write(content)


def test_a_complete_file_appears_under_its_name_and_nothing_else_does(tmp_path: Path) -> None:
    with replacing(tmp_path / "out.txt") as file:
        file.write(b"content")
        (part,) = names(tmp_path)
        assert part.startswith(".")
        assert part.endswith(".part")
    assert names(tmp_path) == ["out.txt"]
    assert (tmp_path / "out.txt").read_bytes() == b"content"


def test_the_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    write(tmp_path / "ours", b"")
    (tmp_path / "theirs").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OutputError])
def test_an_error_while_writing_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with replacing(tmp_path / "out.txt") as file:
            file.write(b"half")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        fail()
    assert names(tmp_path) == []


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")
    with pytest.raises(
        OutputError, match=r"out\.txt exists already: choose another name, or allow replacing it \(--overwrite, "
    ):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    write(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["out.txt"]


def test_an_existing_file_is_refused_before_any_work_is_done(tmp_path: Path) -> None:
    (tmp_path / "out.txt").touch()
    with pytest.raises(OutputError, match="exists already"), replacing(tmp_path / "out.txt"):
        pytest.fail("the block was entered")


def test_an_error_while_overwriting_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path, overwrite=True) as file:
            file.write(b"new")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "no links on this file system")

        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "out.txt"

    def race() -> None:
        with replacing(path) as file:
            file.write(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="exists already"):
        race()
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["out.txt"]


def test_a_file_system_without_hard_links_is_written_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links on this file system")

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "out.txt", b"content")
    assert names(tmp_path) == ["out.txt"]


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    target = tmp_path / "target.txt"
    target.write_bytes(b"old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    write(link, b"new", overwrite=True)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the folder .*nowhere does not exist; create it first"):
        write(tmp_path / "nowhere" / "out.txt", b"")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder: give the name of a file in it"):
        write(tmp_path, b"", overwrite=True)


@pytest.mark.parametrize("name", ["x" * 300, "zero\0byte"])
def test_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / name, b"")
    assert names(tmp_path) == []


@pytest.mark.skipif(WITHOUT_LIMITS, reason="Windows has no read-only folders")
def test_a_folder_without_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open

    def refuse(self: Path, mode: str = "r", **more: object) -> object:
        if "x" in mode:  # the administrator may write anywhere, so the system's answer is played
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real_open(self, mode, **more)  # type: ignore[arg-type]

    if os.geteuid() == 0:
        monkeypatch.setattr(Path, "open", refuse)
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"no permission to write in .*; write to another folder"):
        write(tmp_path / "out.txt", b"")
    tmp_path.chmod(0o700)
    assert names(tmp_path) == []


FULL_DISK = """
import resource, sys
from sparsescope.errors import OutputError
from sparsescope.io.atomic import give_folder_name, replacing, unfinished
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with replacing(sys.argv[1]) as file:
        for _ in range(100):
            file.write(bytes(1_000))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(WITHOUT_LIMITS, reason="Windows has no limit of file sizes to play a full disk")
def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "out.bin")], capture_output=True, text=True, check=True
    )
    assert (
        "the disk is full or a quota is reached; nothing half-written was left behind. Free some space" in done.stdout
    )
    assert done.stderr == ""
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "no permission"),
        (errno.EIO, "nothing half-written was left"),
    ],
)
def test_a_disk_that_fails_on_closing_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, text: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=text):
        write(tmp_path / "out.txt", b"content")
    assert names(tmp_path) == []


def test_a_folder_that_was_worked_on_before_gets_its_name_and_replaces_an_old_one(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    part = unfinished(target)
    assert part.parent == tmp_path
    for content in ("first", "second"):
        part.mkdir()
        (part / "zarr.json").write_text(content)
        give_folder_name(part, target, overwrite=content == "second", marks=["zarr.json"])
        assert names(tmp_path) == ["a.zarr"]
        assert (target / "zarr.json").read_text() == content


def test_a_folder_keeps_its_hidden_name_where_the_final_one_is_taken(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    part = unfinished(target)
    for folder in (target, part):
        folder.mkdir()
        (folder / "zarr.json").write_text(folder.name)
    with pytest.raises(OutputError, match="exists already"):
        give_folder_name(part, target, marks=["zarr.json"])
    assert (part / "zarr.json").read_text() == part.name
    assert (target / "zarr.json").read_text() == "a.zarr"


def test_what_a_killed_program_left_between_two_renames_is_no_hindrance(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    part = unfinished(target)
    old = part.with_name(part.name + ".old")
    for folder in (target, part, old):
        folder.mkdir()
        (folder / "zarr.json").write_text(folder.name)
    give_folder_name(part, target, overwrite=True, marks=["zarr.json"])
    assert names(tmp_path) == ["a.zarr"]
    assert (target / "zarr.json").read_text() == part.name


def test_what_killed_processes_left_is_removed_after_a_day(tmp_path: Path) -> None:
    ago = time.time() - 2 * 86_400
    for name in (".sparsescope-old.part", ".sparsescope-new.part", "cell.part", ".sparsescope-used.part"):
        if name.startswith(".sparsescope-old"):
            (tmp_path / name).write_bytes(b"half")
        else:
            (tmp_path / name).mkdir()
            (tmp_path / name / "0").write_bytes(b"half")
    for name in (".sparsescope-old.part", "cell.part", ".sparsescope-used.part"):
        os.utime(tmp_path / name, (ago, ago))
    with replacing(tmp_path / "a.txt") as file:
        file.write(b"whole")
    assert sorted(names(tmp_path)) == [".sparsescope-new.part", ".sparsescope-used.part", "a.txt", "cell.part"]
    os.utime(tmp_path / ".sparsescope-used.part" / "0", (ago, ago))
    with replacing(tmp_path / "b.txt") as file:
        file.write(b"whole")
    assert sorted(names(tmp_path)) == [".sparsescope-new.part", "a.txt", "b.txt", "cell.part"]
