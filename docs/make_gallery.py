"""Make the pictures of docs/gallery.md again, and the one of the README.

python docs/make_gallery.py [FOLDER]

FOLDER holds the real images that are not shipped, as their packages lay them out (docs/gallery.md names the packages);
without it only the pictures of the shipped image and of simulated ones are made.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import sparsescope as ss
from sparsescope.findings import Figure, Picture
from sparsescope.report.figures import png
from sparsescope.report.picture import before_after, contrast
from sparsescope.simulate.simulation import Simulation, simulate

IMAGES = Path(__file__).with_name("images")
VESICLES = Path(ss.__file__).parent / "demo" / "vesicles.ome.tif"
YEAST = "live3d/yeast_3d_mitochondria_t00-09.ome.tif"
WORM = "containers/celegans_airyscan.czi"


def pair(name: str, image: ss.Image, columns: slice = slice(None), **known: float) -> None:
    """Deconvolve an image with nothing but what is known of it, and write it beside its result, or some columns."""
    result = ss.deconvolve(image, **known)
    target = IMAGES / f"{name}_before_after.png"
    shown = [one.replace(data=one.block(X=columns)) for one in (image, result.image)]
    before_after(*shown, target, overwrite=True)
    chosen = {key: (value, result.sources[key]) for key, value in result.recipe.model_dump().items()}
    print(target.name, target.stat().st_size // 1000, "kB", chosen, *result.notes, sep="\n  ")


def panel(plane: np.ndarray, title: str) -> Picture:
    """Give a plane the contrast of all pictures here."""
    low, high = contrast(plane)
    return Picture(plane, f"{title}\nblack {low:.4g}, white {high:.4g}", 0.065, limits=(low, high))


def known_truth() -> None:
    """Write what is gained on filaments and lost on smooth hills, beside the truth."""
    rows = []
    for kind, haze in (("filaments", 0.0), ("blobs", 0.4)):
        made = simulate(Simulation(kind, shape_px=(160, 160), photons=300, haze=haze, seed=4))
        result = ss.deconvolve(made.image, pixel_size_um=0.065, resolution_um=0.2)
        rows.append(
            (
                panel(np.squeeze(made.truth), f"{kind}: truth"),
                panel(np.squeeze(made.image), "image"),
                panel(np.squeeze(result.image.data), "result"),
            )
        )
    target = IMAGES / "known_truth.png"
    target.write_bytes(png(Figure(tuple(rows))))
    print(target.name, target.stat().st_size // 1000, "kB")


def main(folder: Path | None) -> None:
    """Make every picture that the images at hand allow."""
    pair("vesicles", ss.read(VESICLES), resolution_um=0.30)
    known_truth()
    if folder is None:
        print("no folder of images was given: mitochondria and worm are left as they are")
        return
    movie = ss.read(folder / YEAST)
    stack = movie.replace(data=movie.block(T=0), axes="ZYX", interval_s=None)
    pair("mitochondria", stack, slice(24, 216))
    pair("worm", ss.read(folder / WORM, series=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
