"""``sparsescope demo``: the method on a real image that ships with the package."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..recipe import Recipe
from . import say
from .files import make_folder, targets
from .flags import OUTPUT, Writing
from .jobs import Job
from .work import work

FOLDER = Path(__file__).parent.parent / "demo"
IMAGE = FOLDER / "vesicles.ome.tif"
ATTRIBUTION = FOLDER / "ATTRIBUTION.txt"
RECIPE = {"resolution_um": 0.30}  # of bead images that were recorded with it, see its attribution
"""What is known of the demo image; all else is chosen from it."""


def demo(
    *,
    out: Annotated[Path, Parameter(group=OUTPUT, alias="-o")] = Path("sparsescope_demo"),
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Deconvolve the image that ships with sparsescope and write a before/after picture.

    Parameters
    ----------
    out
        Folder for the image and the picture.
    overwrite
        Replace results that exist.
    """
    from ..io import read
    from ..io.atomic import check_target
    from ..report.picture import before_after

    began = time.perf_counter()
    make_folder(out)
    target = targets([IMAGE], out)[IMAGE]
    job = Job(
        IMAGE, target, Recipe(**RECIPE), dict.fromkeys(RECIPE, "recipe"), writing=Writing(out=out, overwrite=overwrite)
    )
    picture = target.with_name("vesicles_before_after.png")
    check_target(picture, overwrite=overwrite)
    done = work(job)
    before_after(read(IMAGE), done.result.image, picture, overwrite=overwrite)
    say.line(f"  {say.plain(picture)}   {say.size(picture.stat().st_size)}", style="green")
    say.line(
        f"  all in {say.duration(time.perf_counter() - began)}; look at the picture, then: sparsescope run YOUR.tif"
    )
    return 0
