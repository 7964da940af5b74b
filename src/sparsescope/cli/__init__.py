"""The command line: each command parses, calls one function and shows what came back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from cyclopts import App, CycloptsError, Group, Parameter

from .._version import __version__
from ..errors import SparsescopeError
from . import say
from .exits import FAILED, INTERRUPTED, OK, USAGE, code_of

_EPILOGUE = "Each command says more: sparsescope run --help.   Start with: sparsescope demo"


def _shown(default: Any) -> Any:
    """Return what the help says of a default; that a switch is off and a value not given goes without saying."""
    return None if default is None or default is False else str(default)


app = App(
    name="sparsescope",
    help="Sparse deconvolution of fluorescence microscopy images: a real image in, a sharper quantitative image out.",
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=f"sparsescope {__version__}",
    version_flags=["--version"],
    default_parameter=Parameter(negative=(), show_default=_shown),
    group_commands=Group("Commands", sort_key=0),
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


class Command(NamedTuple):
    """Where a command is, what stands after its name, and its help: one line for the list, then more."""

    place: str
    usage: str
    purpose: str
    more: str = ""


COMMANDS = {
    "run": Command(
        "sparsescope.cli.run:run",
        "FILE... [OPTIONS]",
        "Deconvolve files; each result goes beside its input.",
        """Writes <stem>_sparse.ome.tif beside each input, or into --out, or another --format.

        Sizes and axes come from the file; a flag wins over the recipe, the recipe over the file, and what nobody says
        is chosen or a stated default. A table shows where each number came from; all of it is written into the
        result, and rerun repeats it.

        Exit codes: 0 all went well, 1 some inputs failed (the others are done), 2 wrong usage.""",
    ),
    "info": Command(
        "sparsescope.cli.info:info",
        "FILE... [OPTIONS]",
        "Say what a file holds and which numbers run would use.",
        """Axes, sizes, channels, value range and saturation, and every number of a run with its source. Nothing is
        computed or written. With the flags of run it says what run would do with them.""",
    ),
    "sweep": Command(
        "sparsescope.cli.sweep:sweep",
        "FILE [OPTIONS]",
        "Compare settings by eye, on a busy part of an image.",
        """Writes <stem>_sweep.html and <stem>_sweep.png beside the input, or into --out: the busiest part of the image,
        at most 256 × 256 pixels, at 25 settings of fidelity and sparsity around the ones that run would take. In the
        page, which needs no network, a click on a tile copies its flags for run.

        Values set by flags, a recipe or a preset are the middle of the sheet or stay fixed.""",
    ),
    "resolution": Command(
        "sparsescope.cli.resolution:resolution",
        "FILE [FILE2] [OPTIONS]",
        "Estimate resolution: of one image, or of what two share.",
        """One image: decorrelation analysis; of a movie also the Fourier ring correlation (FRC) of its even and odd
        frames. Two images of one object, such as two exposures: FRC with the thresholds 1/7 and half-bit. Each number
        comes with what it says and what it does not. The plane that varies most is looked at, channel by channel.""",
    ),
    "compare": Command(
        "sparsescope.cli.compare:compare",
        "A B [OPTIONS]",
        "Say how well two images of one field agree.",
        """Agreement by frequency, PSNR at 2 px, correlation, FRC, and RSP and RSE (SQUIRREL). With --truth, such as a
        simulated object or a sharper picture of the same field, both images are compared with it. Images must have the
        same axes and sizes; the plane that varies most is looked at, channel by channel.""",
    ),
    "demo": Command(
        "sparsescope.cli.demo:demo",
        "[OPTIONS]",
        "Deconvolve the image that ships with sparsescope.",
        """Writes the result and a before/after picture. The image shows vesicles in a cell, one plane of a lattice
        light-sheet microscope; "sparsescope cite" says where it comes from.""",
    ),
    "simulate": Command(
        "sparsescope.cli.simulate:simulate",
        "KIND --out FOLDER [OPTIONS]",
        "Make an image of known truth, to try things on.",
        """Draws a structure finer than the pixel, blurs it, sums it over the pixels and counts it as a camera does.
        Writes image, truth and PSF (OME-TIFF with sizes), a table of what was drawn where, and simulation.toml, which
        repeats it.""",
    ),
    "experiment": Command(
        "sparsescope.cli.experiment:experiment",
        "NAME --out FOLDER [OPTIONS]",
        "Run one of the method's claims as an experiment.",
        """Each experiment takes one claim of the paper or of the essay behind it, tests it on images whose truth is
        known, and shows where it holds and where it ends: a figure (PNG), a table (CSV) and a page (HTML) that needs no
        network.
        --list names them.""",
    ),
    "recipe": Command(
        "sparsescope.cli.recipe:app",
        "COMMAND",
        "Show the recipe of a result, write one, list presets.",
        "A recipe is a TOML file with every parameter. Edit it, then: sparsescope run FILE --recipe THIS.toml",
    ),
    "psf": Command(
        "sparsescope.cli.psf:app",
        "COMMAND",
        "Make a PSF from optics, distil one from beads, show one.",
        """Each writes a TIFF with its sizes, where it came from and what to know of it, and a picture: planes, profiles
        with their widths, transfer function.""",
    ),
    "report": Command(
        "sparsescope.cli.report:report",
        "RESULT [OPTIONS]",
        "Write the report of a result again, with full evidence.",
        """One page that opens anywhere, without network: what was done with every number and its source, what to
        believe and why, before and after with linked zoom, maps, curves, profiles, and text for a Methods section.
        Every run writes one with quick evidence; this gathers the full set.""",
    ),
    "rerun": Command(
        "sparsescope.cli.rerun:rerun",
        "RESULT [OPTIONS]",
        "Repeat a result from what is written inside it.",
        """Uses the recipe, the settings and the input named inside a result, writes <stem>_rerun_sparse.ome.tif beside
        it or into --out, and says whether the input and the pixels are the same.""",
    ),
    "doctor": Command(
        "sparsescope.cli.doctor:doctor",
        "[OPTIONS]",
        "Look at this machine; say what to do about each problem.",
        """Python, processor, memory, disk, graphics card, codecs, libraries and caches; a small solve by the kernels
        and by plain NumPy; a file written and read back in every format. Exit code 1 if something is broken.""",
    ),
    "bench": Command(
        "sparsescope.cli.bench:bench",
        "[OPTIONS]",
        "Measure the speed of this machine in a few seconds.",
        """The sparse stage in milliseconds and in Fourier round trips of the same image, and Richardson–Lucy in two and
        three dimensions.""",
    ),
    "cite": Command(
        "sparsescope.cli.cite:cite",
        "",
        "Say what to cite, the licence and the note on patents.",
    ),
}
"""The commands in the order of the help; the module of one is loaded when it is used."""


def _register(order: int, name: str, command: Command) -> None:
    """Add a command to the program; its paragraphs are wrapped by the help, not by this file."""
    more = "\n\n".join(" ".join(part.split()) for part in command.more.split("\n\n"))
    settings: dict[str, Any] = {}
    if not command.place.endswith(":app"):
        settings = {"usage": f"Usage: sparsescope {name} {command.usage}".rstrip(), "help_epilogue": ""}
    app.command(command.place, name=name, help=f"{command.purpose}\n\n{more}".strip(), sort_key=order, **settings)


for _order, (_name, _command) in enumerate(COMMANDS.items()):
    _register(_order, _name, _command)


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
