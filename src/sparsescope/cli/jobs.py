"""What is to be done with one file, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..recipe import Recipe
from .files import REPORT, background_end, result_end
from .flags import Blurring, Reading, Writing

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..image import Image
    from ..pipeline import Result
    from ..pipeline.stages import Levels


@dataclass(frozen=True)
class Job:
    """What is to be done with one file."""

    source: Path
    target: Path
    recipe: Recipe | list[Recipe] = field(default_factory=Recipe)
    origins: dict[str, str] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    writing: Writing = field(default_factory=Writing)
    blurring: Blurring = field(default_factory=Blurring)
    dtype: str = ""
    """Type of the numbers to write; what `writing` says when empty."""
    levels: tuple[Levels, ...] | None = None
    """What each channel refers to, where it was decided on part of the image."""
    threads: int | None = None
    max_memory_bytes: int | None = None
    cluster: Any = None
    """Who does the work, an open :class:`sparsescope.scale.cluster.Cluster`; this process where it is None."""
    quiet: bool = False
    silent: bool = False
    """Print nothing on stdout."""

    @property
    def written(self) -> tuple[Path, ...]:
        """The files that are written if there is a background."""
        extra = (self.background_target,) if self.writing.save_background else ()
        return (self.target, *extra, *(() if self.writing.no_report else (self.report_target,)))

    @property
    def background_target(self) -> Path:
        """Where the subtracted background goes."""
        format = self.writing.format
        return self.target.with_name(self.target.name.removesuffix(result_end(format)) + background_end(format))

    @property
    def report_target(self) -> Path:
        """Where the report goes."""
        return self.target.with_name(self.target.name.removesuffix(result_end(self.writing.format)) + REPORT)


@dataclass(frozen=True)
class Done:
    """What became of a job: the image it started from, the result, the files written, the evidence, all notes."""

    job: Job
    image: Image
    result: Result
    written: tuple[Path, ...]
    notes: tuple[str, ...]
    evidence: Mapping[int, Evidence] = field(default_factory=dict)
    report: Path | None = None
    """The page, where one was written."""
