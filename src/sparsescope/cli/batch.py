"""Many files, one after the other: a bad one is reported and the others go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import SparsescopeError
from . import say


def attempt(action: Callable[[Path], dict[str, Any]], source: Path) -> tuple[dict[str, Any] | None, str]:
    """Do something with a file; return what it gave, or None and the reason why it failed."""
    try:
        return action(source), ""
    except SparsescopeError as error:
        return None, " ".join(str(error).split())
    except MemoryError:
        return None, "this needs more memory than there is: run a smaller part of the image, or use a larger machine"
    except Exception as error:  # a file that nobody thought of must not end a long batch
        if os.environ.get("SPARSESCOPE_DEBUG"):
            raise
        text = f"{type(error).__name__}: {error}"
        return None, f"unexpected {text}. This is a bug: please report it (SPARSESCOPE_DEBUG=1 shows where it is)"


def named(reason: str, source: Path) -> str:
    """Return a reason in which the file is named once, with its folder.

    Examples
    --------
    >>> path = Path("new") / "cell.tif"
    >>> named("cell.tif is cut off", path) == f"{path} is cut off"
    True
    """
    if str(source) in reason:
        return reason
    return f"{source}{reason[len(source.name) :]}" if reason.startswith(f"{source.name} ") else f"{source}: {reason}"


def go_through(
    sources: Iterable[Path],
    action: Callable[[Path], dict[str, Any]],
    failures: Mapping[str, str],
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Do the action for each file and say what failed.

    Parameters
    ----------
    sources : iterable of Path
        The files.
    action : callable
        Does the work for one file and returns what is to be known of it.
    failures : mapping
        Reasons by name of what has failed before.

    Returns
    -------
    documents : list of dict
        What the action returned.
    failures : dict
        Reasons by name of all that failed.
    """
    documents: list[dict[str, Any]] = []
    failed = dict(failures)
    for name, reason in failed.items():
        say.error(f"{name}: {reason}")
    total = len(failed)
    for source in sources:
        total += 1
        document, reason = attempt(action, source)
        if document is None:
            failed[str(source)] = reason
            say.error(named(reason, source))
        else:
            documents.append(document)
    end(failed, total)
    return documents, failed


def end(failed: Mapping[str, str], total: int) -> None:
    """List what failed after a batch."""
    if failed and total > 1:
        say.aside(f"{len(failed)} of {total} inputs failed: {', '.join(map(say.plain, failed))}")


def print_documents(documents: list[dict[str, Any]], failed: Mapping[str, str], **more: Any) -> None:
    """Print what became of all files as one JSON document on stdout."""
    failures = [{"input": name, "error": reason} for name, reason in failed.items()]
    say.as_json({"version": __version__, "results": documents, "failures": failures, **more})
