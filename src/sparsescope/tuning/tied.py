"""Choose continuity along z and t, with the fidelity that goes with it, by prediction of held-out pixels."""

from __future__ import annotations

from dataclasses import replace

from ..engines import Engine
from .choice import Point, Request
from .crop import SIDE, informative
from .holdout import hold_out
from .prepare import Behind, prepare, width_px
from .search import Search, as_good
from .trial import Setting

CONTINUITIES = (0.1, 0.3, 1.0)
STACK_SIDE = 128
MOVIE_SIDE = 96
STEP = 10**0.5
"""Ties hold noise down, so that more fidelity may go with them: this much is tried."""

Values = dict[str, float | int | str]


def continuity(
    request: Request,
    engine: Engine,
    behind: Behind,
    radius: int,
    values: Values,
    points: list[Point],
) -> Values:
    """Choose continuity, with the fidelity that goes with it, on a small block of neighbouring planes."""
    crop = informative(request.planes[len(request.planes) // 2], width_px(request), min(SIDE, STACK_SIDE))
    scored = slice(1, len(request.planes) - 1)
    bench = prepare(request, behind, str(values["background"]), radius, crop, request.planes, scored)
    shape = (bench.data.shape[1], bench.data.shape[2])
    holdouts = [[hold_out(shape, radius, request.seed + 100 + i) for i in range(len(request.planes))]]
    search = Search(bench, holdouts, engine, str(values["background"]))
    fidelity, sparsity = float(values["fidelity"]), float(values["sparsity"])
    count = (int(values["deconvolution_iterations"]),)
    fixed = request.fixed.get("continuity")
    weights_tried = CONTINUITIES if fixed is None else (float(fixed),)
    steps = (1.0, STEP) if "fidelity" not in request.fixed else (1.0,)
    grid = [(fidelity * step, weight) for step in steps for weight in weights_tried]
    if fixed is None:
        grid.append((fidelity, 0.0))
    offset = sparsity / fidelity if "sparsity" not in request.fixed else None
    search.run([Setting(f, sparsity if offset is None else f * offset, count, w) for f, w in grid])
    points += search.points()
    best = search.best()
    return {"fidelity": best[0], "sparsity": best[1], "continuity": best[2]}


def continuity_t(
    request: Request,
    engine: Engine,
    behind: Behind,
    radius: int,
    values: Values,
    points: list[Point],
) -> Values:
    """Choose continuity along t beside that along z, with the fidelity that goes with both, on a few small stacks."""
    assert request.frames is not None
    times, depth = request.frames.shape[:2]
    planes = request.frames.reshape(-1, *request.frames.shape[2:])
    mode = str(values["background"])
    crop = informative(request.frames[times // 2, depth // 2], width_px(request), MOVIE_SIDE)
    scored = slice(depth + depth // 2, (times - 1) * depth, depth)  # the middle plane of every stack between two others
    bench = replace(prepare(request, behind, mode, radius, crop, planes, scored), times=times)
    shape = (bench.data.shape[1], bench.data.shape[2])
    holdouts = [[hold_out(shape, radius, request.seed + 200 + i) for i in range(len(planes))]]
    fidelity, sparsity = float(values["fidelity"]), float(values["sparsity"])
    count, deep = (int(values["deconvolution_iterations"]),), float(values["continuity"])
    found: dict[float, Search] = {}
    for weight in (0.0, *CONTINUITIES):
        steps = (1.0, STEP) if "fidelity" not in request.fixed else (1.0,)
        levels = [sparsity if "sparsity" in request.fixed else sparsity * step for step in steps]
        found[weight] = Search(replace(bench, continuity_t=weight), holdouts, engine, mode)
        found[weight].run([Setting(fidelity * f, s, count, deep) for f, s in zip(steps, levels, strict=True)])
        points += [replace(point, continuity_t=weight) for point in found[weight].points()]
    late = min(found, key=lambda weight: found[weight].score(found[weight].best()))
    best, alone = found[late].best(), found[0.0].best()
    if as_good(found[0.0].found[alone], found[late].found[best]):  # what moves must not be tied on a doubtful gain
        return {"continuity_t": 0.0}
    return {"fidelity": best[0], "sparsity": best[1], "continuity_t": late}
