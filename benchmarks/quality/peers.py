"""Spitfire (package sdeconv), which needs torch, on the scenes; its numbers are kept in ``.cache`` for ``run.py``.

    PYTHON_WITH_SDECONV benchmarks/quality/peers.py [--held-out] [--seeds N] [--every N]

Made for an environment of its own: this file asks for numpy, scipy, torch and sdeconv, not for sparsescope. Its two
weights have a very small grid, of which the truth chooses; background and offset are the true ones.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
from scenes import DEVELOPMENT, HELD_OUT, Scene, scenes
from score import FWHM, Measures, measure

CACHE = Path(__file__).resolve().parent / ".cache"

WEIGHTS = (0.6,)
"""Between the Hessian term (1) and sparsity (0); 0.6 is the default."""
REGULARISATIONS = (0.95, 0.995)
"""Weight of the data; 0.995 is the default. A run takes a minute or more on a processor, so the grid is small."""


def place(scene: Scene) -> Path:
    key = hashlib.sha256(scene.image.tobytes() + repr((WEIGHTS, REGULARISATIONS)).encode()).hexdigest()[:12]
    return CACHE / f"{scene.name}-spitfire-{key}.json"


def spitfire_kept(scene: Scene) -> dict[str, float] | None:
    """Return the best agreement and the best PSNR of spitfire on a scene, if they were computed."""
    if not place(scene).exists():
        return None
    records = json.loads(place(scene).read_text())
    top = max(records, key=lambda record: record["psnr"])
    return {**top, "agreement": max(record["agreement"] for record in records)}


def load() -> tuple[Any, Any]:
    """Import torch and spitfire; torchvision, which only sdeconv's neural networks use, may be missing or not fit."""
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.v2")
    modules = [types.ModuleType(name) for name in names]
    modules[0].transforms, modules[1].v2 = modules[1], modules[2]  # type: ignore[attr-defined]
    sys.modules.update(zip(names, modules, strict=True))
    import torch  # noqa: PLC0415
    from sdeconv.deconv import Spitfire  # noqa: PLC0415

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return torch, Spitfire


def spitfire(scene: Scene, torch: Any, method: Any) -> list[dict[str, float]]:
    """Score every setting of the small grid."""
    net, measures = (scene.photons - scene.background).astype(np.float32), Measures(scene.truth)
    reach = int(np.ceil(1.7 * scene.fwhm_px))
    offsets = np.arange(-reach, reach + 1)
    line = np.exp(-(offsets**2) / (2 * (scene.fwhm_px / FWHM) ** 2))
    psf = torch.from_numpy((line[:, None] * line / line.sum() ** 2).astype(np.float32))
    records = []
    for weight in WEIGHTS:
        for reg in REGULARISATIONS:
            started = time.perf_counter()
            found = method(psf, weight=weight, reg=reg, pad=reach)(torch.from_numpy(net)).detach().numpy()
            seconds = time.perf_counter() - started
            records.append({"weight": weight, "reg": reg, "seconds": seconds, **measure(scene, found, measures)})
    return records


def main() -> None:
    """Fill the cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--held-out", action="store_true", help="the seeds that tuning has not looked at")
    parser.add_argument("--seeds", type=int, default=1, help="seeds per kind, light and width (default 1)")
    parser.add_argument("--every", type=int, default=1, help="every n-th scene only")
    arguments = parser.parse_args()
    torch, method = load()
    made = [s for s in scenes((HELD_OUT if arguments.held_out else DEVELOPMENT)[: arguments.seeds]) if s.truth.any()]
    CACHE.mkdir(exist_ok=True)
    for scene in made[:: arguments.every]:
        if not place(scene).exists():
            place(scene).write_text(json.dumps(spitfire(scene, torch, method)))
        kept = spitfire_kept(scene)
        assert kept is not None
        print(scene.name, {key: round(value, 3) for key, value in kept.items()}, flush=True)


if __name__ == "__main__":
    main()
