"""Take over the figures of experiments, made small, into docs/experiments/.

sparsescope experiment all --out FOLDER && python docs/make_experiment_pictures.py FOLDER

real-pairs is left out: its images may not be shipped.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).with_name("experiments")
LEFT_OUT = {"real-pairs"}
WIDEST_PX = 1100
COLOURS = 200


def main(folder: Path) -> None:
    """Write every figure of the folder with fewer colours, and narrower where it is wide."""
    PICTURES.mkdir(exist_ok=True)
    for path in sorted(folder.glob("*.png")):
        if path.stem in LEFT_OUT:
            continue
        figure = Image.open(path).convert("RGB")
        if figure.width > WIDEST_PX:
            figure = figure.resize(
                (WIDEST_PX, round(figure.height * WIDEST_PX / figure.width)), Image.Resampling.LANCZOS
            )
        target = PICTURES / path.name
        figure.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(target, optimize=True)
        print(target.name, figure.size, target.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
