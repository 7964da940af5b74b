"""``sparsescope psf``: make a PSF from optics, distil one from beads, show one."""

from __future__ import annotations

from typing import NamedTuple

from cyclopts import App

app = App(name="psf", help_format="plaintext", result_action="return_value", help_epilogue="")


class Command(NamedTuple):
    """Where a command is, what stands after its name, and its help."""

    place: str
    usage: str
    purpose: str
    more: str


_COMMANDS = {
    "make": Command(
        "psf_make:make",
        "[IMAGE] [OPTIONS]",
        "Compute a PSF from the parameters of a microscope.",
        """The parameters come from flags or from an image's metadata; flags win. Each is shown with its source.""",
    ),
    "distil": Command(
        "psf_distil:distil",
        "BEADS [OPTIONS]",
        "Measure a PSF on an image of beads.",
        """Beads are found by themselves. Those that are saturated, dim, cut by the border, too close to another or
        unlike the others are left out; how many, and why, is shown. From the rest the background is taken off, each
        is centred to a part of a voxel, and their mean is cropped to what stands above the noise.""",
    ),
    "show": Command(
        "psf_show:show",
        "PSF [OPTIONS]",
        "Look at a PSF: planes, profiles with their widths, transfer function.",
        """Writes a PNG and shows the numbers.""",
    ),
}

for _order, (_name, _command) in enumerate(_COMMANDS.items()):
    app.command(
        f"sparsescope.cli.{_command.place}",
        name=_name,
        usage=f"Usage: sparsescope psf {_name} {_command.usage}",
        help=f"{_command.purpose}\n\n{' '.join(_command.more.split())}",
        sort_key=_order,
    )
