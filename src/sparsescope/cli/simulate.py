"""``sparsescope simulate``: images of known truth, to try a method on before trusting it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from ..errors import RecipeError
from . import say
from .exits import OK, UsageError
from .files import make_folder
from .flags import OUTPUT, SAME

if TYPE_CHECKING:
    from ..simulate.simulation import Simulated, Simulation

SCENE = Group("Scene", sort_key=10)
CAMERA = Group("Optics and camera", sort_key=20)


@dataclass(frozen=True)
class Scene:
    """What is drawn; what is left out is as the help says, or as --recipe says.

    Parameters
    ----------
    photons : float, optional
        Photons of the structure in its brightest pixel. [default: 300]
    background : float, optional
        Even background, as a part of the photons. [default: 0.02]
    haze : float, optional
        Uneven background: its maximum as a part of the photons. [default: 0]
    size_um : float, optional
        Size of the objects in µm; --list says what it is of. [default: follows the PSF]
    count : int, optional
        How many objects. [default: follows the field]
    side_px : int, optional
        Rows and columns of the frame. [default: 256]
    frames : int, optional
        Frames of a movie. [default: 1]
    interval_s : float, optional
        Time between frames in seconds. [default: 0.1]
    bleach_s : float, optional
        Time in which the light fades to 1/e; 0 for no bleaching. [default: 0]
    seed : int, optional
        Of structure, camera and noise: the same seed, the same files. [default: 0]
    """

    photons: Annotated[float | None, Parameter(group=SCENE)] = None
    background: Annotated[float | None, Parameter(group=SCENE)] = None
    haze: Annotated[float | None, Parameter(group=SCENE)] = None
    size_um: Annotated[float | None, Parameter(group=SCENE)] = None
    count: Annotated[int | None, Parameter(group=SCENE)] = None
    side_px: Annotated[int | None, Parameter(group=SCENE)] = None
    frames: Annotated[int | None, Parameter(group=SCENE)] = None
    interval_s: Annotated[float | None, Parameter(group=SCENE)] = None
    bleach_s: Annotated[float | None, Parameter(group=SCENE)] = None
    seed: Annotated[int | None, Parameter(group=SCENE)] = None


@dataclass(frozen=True)
class Optics:
    """What looks at it.

    Parameters
    ----------
    pixel_size_um : float, optional
        Pixel size in µm. [default: 0.065]
    fwhm_um : float, optional
        Width of the PSF (FWHM) in µm. [default: 0.2]
    psf : str, optional
        Shape of the PSF: gauss or airy. [default: gauss]
    camera : str, optional
        ideal (counts photons only), ccd, scmos (unequal pixels) or emccd (excess noise). [default: a plain camera]
    gain_e_per_count : float, optional
        Electrons per count; wins over --camera. [default: 1]
    offset_counts : float, optional
        Counts of no light; wins over --camera. [default: 100]
    read_noise_e : float, optional
        Read noise in electrons; wins over --camera. [default: 1.5]
    gaussian : float, optional
        Further Gaussian noise, its standard deviation as a part of the photons. [default: 0]
    """

    pixel_size_um: Annotated[float | None, Parameter(group=CAMERA)] = None
    fwhm_um: Annotated[float | None, Parameter(group=CAMERA)] = None
    psf: Annotated[Literal["gauss", "airy"] | None, Parameter(group=CAMERA)] = None
    camera: Annotated[Literal["ideal", "ccd", "scmos", "emccd"] | None, Parameter(group=CAMERA)] = None
    gain_e_per_count: Annotated[float | None, Parameter(group=CAMERA)] = None
    offset_counts: Annotated[float | None, Parameter(group=CAMERA)] = None
    read_noise_e: Annotated[float | None, Parameter(group=CAMERA)] = None
    gaussian: Annotated[float | None, Parameter(group=CAMERA)] = None


NO_SCENE, NO_OPTICS = Scene(), Optics()


def simulate(
    kind: str | None = None,
    /,
    *,
    scene: Annotated[Scene, SAME] = NO_SCENE,
    optics: Annotated[Optics, SAME] = NO_OPTICS,
    recipe: Annotated[Path | None, Parameter(group=SCENE)] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False,
    list_: Annotated[bool, Parameter(name="--list", group=OUTPUT)] = False,
) -> int:
    """Simulate a camera image of a structure that is known.

    Parameters
    ----------
    kind
        What to draw; see --list.
    recipe
        A simulation.toml of an earlier run, to repeat it; flags and a KIND win over it.
    out
        Folder for the files, made when it is missing.
    overwrite
        Replace files that exist.
    list_
        List what can be drawn, and end.
    """
    from ..simulate.phantoms import KINDS
    from ..simulate.simulation import simulate as compute

    if list_:
        say.table(
            [(name, one.about, f"size: {one.size}" if one.size else "") for name, one in KINDS.items()], indent=""
        )
        return OK
    setup = _setup(kind, recipe, scene, optics)
    if out is None:
        raise UsageError("--out FOLDER is missing: say where the files go")
    names = ("image.ome.tif", "truth.ome.tif", "psf.ome.tif", "simulation.toml", "objects.csv")
    _check(out, names, overwrite)
    made = compute(setup)
    _write(out, made, overwrite)
    for name in names:
        say.line(f"  {say.plain(out / name)}   {say.size((out / name).stat().st_size)}", style="green")
    say.line(f"  next: sparsescope run {say.plain(out / names[0])} --resolution-um {setup.fwhm_um:g}")
    return OK


def _check(out: Path, names: tuple[str, ...], overwrite: bool) -> None:
    from ..io.atomic import check_target

    make_folder(out)
    for name in names:
        check_target(out / name, overwrite=overwrite)


def _setup(kind: str | None, recipe: Path | None, scene: Scene, optics: Optics) -> Simulation:
    """Return the simulation that flags, over a recipe, over defaults ask for."""
    from ..simulate.camera import CAMERAS
    from ..simulate.phantoms import KINDS
    from ..simulate.simulation import Simulation

    if kind is None and recipe is None:
        raise UsageError(f"say what to draw: sparsescope simulate KIND --out FOLDER, KIND one of {', '.join(KINDS)}")
    base = _load(recipe) if recipe is not None else Simulation(str(kind))
    given: dict[str, Any] = {
        name: value
        for name, value in {**dataclasses.asdict(scene), **dataclasses.asdict(optics)}.items()
        if value is not None
    }
    side = given.pop("side_px", None)
    camera = CAMERAS[given.pop("camera")] if "camera" in given else base.camera
    own = {name: given.pop(name) for name in ("gain_e_per_count", "offset_counts", "read_noise_e") if name in given}
    given |= {} if kind is None else {"kind": kind}
    given |= {} if side is None else {"shape_px": (side, side)}
    return base.replace(**given, camera=dataclasses.replace(camera, **own))


def _load(recipe: Path) -> Simulation:
    from ..simulate.simulation import Simulation

    try:
        return Simulation.from_toml(recipe.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read {recipe}: {error}") from None
    except RecipeError as error:
        raise RecipeError(f"{recipe}: {error}") from None


def _write(out: Path, made: Simulated, overwrite: bool) -> None:
    from ..image import as_image
    from ..io import write
    from ..io.atomic import replacing
    from ..simulate.simulation import objects_csv

    setup = made.setup
    interval = setup.interval_s if made.axes == "TYX" else None
    about = {"simulation": setup.to_toml()}
    camera = {} if setup.gaussian else setup.camera.stated()
    for name, values, more in (("image", made.image, camera), ("truth", made.truth, {})):
        image = as_image(values, made.axes, pixel_size_um=setup.pixel_size_um, interval_s=interval)
        meta = {"provenance": {**about, **more}}
        write(out / f"{name}.ome.tif", image.replace(meta=meta), dtype=str(values.dtype), overwrite=overwrite)
    psf = as_image(made.psf.data, "YX", pixel_size_um=setup.pixel_size_um)
    write(out / "psf.ome.tif", psf.replace(meta={"provenance": about}), overwrite=overwrite)
    for name, text in (("simulation.toml", setup.to_toml()), ("objects.csv", objects_csv(made))):
        with replacing(out / name, overwrite=overwrite) as file:
            file.write(text.encode())
