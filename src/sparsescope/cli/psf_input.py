"""How the files of ``sparsescope psf`` are read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .flags import INPUT

if TYPE_CHECKING:
    from ..image import Image

CHANNEL = Parameter(group=INPUT)


@dataclass(frozen=True)
class Stack:
    """How to read a plane or a stack: what the user says wins over what the file says.

    Parameters
    ----------
    axes : str, optional
        Meaning of each axis, letters of CZYX in the order of the file. [default: as the file says; the
        first of three without names is Z]
    pixel_size_um : float, optional
        Pixel size in x and y in µm.
    z_step_um : float, optional
        Distance between z planes in µm.
    series : int, optional
        Which image of a file that holds several, counted from 0.
    """

    axes: Annotated[str | None, Parameter(group=INPUT)] = None
    pixel_size_um: Annotated[float | None, Parameter(group=INPUT)] = None
    z_step_um: Annotated[float | None, Parameter(group=INPUT)] = None
    series: Annotated[int | None, Parameter(group=INPUT)] = None

    def read(self, path: Path) -> Image:
        """Read a file with these settings."""
        from ..pipeline.psf_file import read_stack

        return read_stack(path, **dataclasses.asdict(self))


STACK = Stack()


def sources(image: Image) -> dict[str, str]:
    """Say where each voxel size of an image came from."""
    given = image.meta.get("given", ())
    flags = {"x": "pixel_size_um", "y": "pixel_size_um", "z": "z_step_um"}
    known = image.spacing_um
    return {a: "flag" if flags[a] in given else ("file" if a in known else "not known") for a in "zyx"}
