"""The command line: each command parses, calls one function and shows what came back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import cast

from cyclopts import App, CycloptsError, Group

from .._version import __version__
from ..errors import SparsescopeError
from . import say
from .exits import FAILED, INTERRUPTED, OK, USAGE, code_of

_EPILOGUE = "Each command says more: sparsescope run --help.   Start with: sparsescope demo"

app = App(
    name="sparsescope",
    help="Sparse deconvolution of fluorescence microscopy images: a real image in, a sharper quantitative image out.",
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=f"sparsescope {__version__}",
    version_flags=["--version"],
    group_commands=Group("Commands", sort_key=0),
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

COMMANDS = {
    "run": ("sparsescope.cli.run:run", "Deconvolve files; each result goes beside its input."),
    "info": (
        "sparsescope.cli.info:info",
        "Say what a file holds and which numbers run would use.",
    ),
    "demo": (
        "sparsescope.cli.demo:demo",
        "Deconvolve the image that ships with sparsescope.",
    ),
    "recipe": ("sparsescope.cli.recipe:app", "Show the recipe inside a result, or write a new one."),
    "rerun": ("sparsescope.cli.rerun:rerun", "Repeat a result from what is written inside it."),
    "cite": ("sparsescope.cli.cite:cite", "Say what to cite, the licence and the note on patents."),
}
"""Name, place and purpose of each command; its module is loaded when the command is used."""

for _order, (_name, (_place, _purpose)) in enumerate(COMMANDS.items()):
    app.command(_place, name=_name, help=_purpose, sort_key=_order)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; that of this process when left out.

    Returns
    -------
    int
        0 when all went well, 1 when some inputs failed, 2 for wrong usage, 130 when interrupted.

    Examples
    --------
    >>> main(["--version"])
    sparsescope ...
    0
    """
    say.accept_any_text()
    try:
        return cast("int | None", app(list(sys.argv[1:] if arguments is None else arguments))) or OK
    except CycloptsError as error:
        say.error(str(error))
        return USAGE
    except SparsescopeError as error:
        say.error(str(error))
        return code_of(error)
    except KeyboardInterrupt:
        say.error("interrupted; nothing half-written was left behind")
        return INTERRUPTED
    except BrokenPipeError:
        say.close_quietly()
        return FAILED
