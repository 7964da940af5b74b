"""Exit codes, and the errors that decide them."""

from __future__ import annotations

from ..errors import RecipeError, SparsescopeError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class UsageError(SparsescopeError):
    """The command line makes no sense as it is."""


def code_of(error: SparsescopeError) -> int:
    """Return the exit code for an error: wrong usage and wrong recipes are 2, all else is 1.

    Examples
    --------
    >>> code_of(UsageError("no file given")), code_of(SparsescopeError("disk full"))
    (2, 1)
    """
    return USAGE if isinstance(error, UsageError | RecipeError) else FAILED
