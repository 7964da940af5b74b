"""A simulation from beginning to end: phantom, optics, background, bleaching, camera; same seed, same frames."""

from __future__ import annotations

import math
import tomllib
import zlib
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..errors import RecipeError
from ..optics.psf import Psf
from .camera import Camera
from .canvas import Canvas, Doubles, Grid
from .optics import Model, blurred, camera_psf, transfer, transfer_of
from .phantoms import KINDS, Look


@dataclass(frozen=True)
class Simulation:
    """What to simulate.

    Parameters
    ----------
    kind : str
        A phantom of `KINDS`.
    shape_px : tuple of int
        Rows and columns of the frame.
    pixel_size_um, fwhm_um : float
        Pixel size, and full width at half maximum of the PSF before the summing over pixels, in µm.
    psf : {"gauss", "airy"}
        Shape of the PSF.
    photons : float
        Expected photons of the structure in its brightest pixel, in the first frame.
    background : float
        Even background, as a part of `photons`; in an empty field too.
    haze : float
        Uneven, out-of-focus background: its maximum as a part of `photons`.
    frames : int
    interval_s : float
        Frames of a movie and the time between them.
    bleach_s : float
        Time after which structure and haze have faded to 1/e; 0 for no bleaching.
    gaussian : float
        Further Gaussian noise, its standard deviation as a part of `photons` ("2 % Gaussian noise" is 0.02).
    size_um, count
        Size and number of the phantom's objects, see `KINDS`; by default they follow the PSF.
    fine, margin_px : int
        Samples of the truth along one pixel, and pixels beyond the border that are simulated too.
    camera : Camera
        What counts.
    seed : int
        Of structure, haze, camera and noise.

    Raises
    ------
    RecipeError
        If a value is out of its range; the text says what is allowed.

    Examples
    --------
    >>> made = simulate(Simulation("rings", shape_px=(64, 64), photons=200, seed=3))
    >>> made.image.shape, made.image.dtype, round(float(made.signal.max()))
    ((64, 64), dtype('uint16'), 200)
    """

    kind: str
    shape_px: tuple[int, int] = (256, 256)
    pixel_size_um: float = 0.065
    fwhm_um: float = 0.2
    psf: Model = "gauss"
    photons: float = 300.0
    background: float = 0.02
    haze: float = 0.0
    frames: int = 1
    interval_s: float = 0.1
    bleach_s: float = 0.0
    gaussian: float = 0.0
    size_um: float | None = None
    count: int | None = None
    fine: int = 4
    margin_px: int = 24
    camera: Camera = field(default_factory=Camera)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise RecipeError(f"no phantom {self.kind!r}; there are {', '.join(KINDS)}")
        least = {
            "photons": 0, "background": 0, "haze": 0, "bleach_s": 0, "gaussian": 0, "fwhm_um": 1e-4, "frames": 1,
            "interval_s": 1e-9, "seed": 0,
        }  # fmt: skip
        for name, low in least.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= low):
                raise RecipeError(f"{name} = {value!r} is not allowed: give a number of {low:g} or more")
        for name in ("size_um", "count"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise RecipeError(f"{name} = {value!r} is not allowed: give a number above 0, or leave it out")
        if self.count is not None and self.count > 1_000_000:
            raise RecipeError(f"count = {self.count} is not allowed: at most 1,000,000 objects")
        if self.photons * (1 + self.background + self.haze) > 1e15:
            raise RecipeError(f"photons = {self.photons:g} with background is not allowed: at most 1e15 in a pixel")
        _ = self.grid
        if min(self.shape_px) < 5:
            raise RecipeError(f"a frame of {self.shape_px} pixels is too small: 5 × 5 at least")

    @property
    def grid(self) -> Grid:
        """The fine grid; its margin is at least three widths of the PSF."""
        margin = max(self.margin_px, math.ceil(3 * self.fwhm_um / self.pixel_size_um))
        return Grid(self.shape_px, self.pixel_size_um, self.fine, margin)

    def replace(self, **changes: Any) -> Simulation:
        """Return a copy with some values changed."""
        return replace(self, **changes)

    def to_toml(self) -> str:
        """Return every value as TOML; :meth:`from_toml` makes the same simulation of it."""
        values = asdict(self)
        camera = values.pop("camera")
        lines = [f"{name} = {_toml(value)}" for name, value in values.items() if value is not None]
        lines += ["", "[camera]", *(f"{name} = {_toml(value)}" for name, value in camera.items())]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str) -> Simulation:
        """Read a simulation that :meth:`to_toml` wrote.

        Examples
        --------
        >>> simulation = Simulation("mesh", photons=50.0)
        >>> Simulation.from_toml(simulation.to_toml()) == simulation
        True
        """
        try:
            values = tomllib.loads(text)
            camera = values.pop("camera", {})
            unknown = {*values} - {f.name for f in fields(cls)} | {*camera} - {f.name for f in fields(Camera)}
            if unknown:
                raise RecipeError(f"unknown in a simulation: {', '.join(sorted(unknown))}")
            if "shape_px" in values:
                height, width = values["shape_px"]
                values["shape_px"] = (int(height), int(width))
            return cls(**values, camera=Camera(**camera))
        except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
            raise RecipeError(f"this is no simulation in TOML: {error}") from None


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


@dataclass(frozen=True)
class Simulated:
    """Frames and all that is known about them; arrays are YX, or TYX where there are several frames.

    Attributes
    ----------
    setup : Simulation
        What was asked for.
    image : array
        What the camera gives, in counts.
    truth : array of float32
        Photons of the structure in each pixel without optics: sharp, without background and noise.
    signal : array of float32
        The same through the optics.
    background : array of float32
        Photons that are not of the structure.
    psf : Psf
        As the camera samples it.
    objects : tuple of dict
        What was drawn where, in µm from the frame's corner; with ``frame`` in movies that change.
    """

    setup: Simulation
    image: npt.NDArray[Any]
    truth: npt.NDArray[np.float32]
    signal: npt.NDArray[np.float32]
    background: npt.NDArray[np.float32]
    psf: Psf
    objects: tuple[dict[str, float | str], ...]

    @property
    def axes(self) -> str:
        """Letters of the axes of the arrays."""
        return "YX" if self.image.ndim == 2 else "TYX"

    @property
    def photons(self) -> npt.NDArray[np.float32]:
        """The image as photons, background included: counts less the offset, times the gain."""
        camera = self.setup.camera
        photons = (self.image.astype(np.float64) - camera.offset_counts) * camera.gain_e_per_count
        return photons.astype(np.float32)


def simulate(setup: Simulation, psf: Psf | None = None) -> Simulated:
    """Simulate the frames of a camera.

    Parameters
    ----------
    setup : Simulation
        What to simulate.
    psf : Psf, optional
        On the fine grid's sampling (``setup.grid.fine_um``), in place of the model that the setup names.

    Returns
    -------
    Simulated
        The same for the same setup.
    """
    streams = np.random.SeedSequence([setup.seed, zlib.crc32(setup.kind.encode())]).spawn(4)
    haze_rng, map_rng, noise = (np.random.default_rng(stream) for stream in streams[1:])
    grid, times = setup.grid, tuple(number * setup.interval_s for number in range(setup.frames))
    response = transfer(grid, setup.fwhm_um, setup.psf) if psf is None else transfer_of(psf, grid)
    seen = camera_psf(grid, response, setup.fwhm_um, "simulated" if psf is None else psf.source)
    uneven = setup.haze * setup.photons * _haze(grid, haze_rng, setup.fwhm_um)
    maps = setup.camera.maps(setup.shape_px, map_rng)
    truths: list[Doubles] = []
    signals: list[Doubles] = []
    behind: list[Doubles] = []
    images: list[npt.NDArray[Any]] = []
    objects: list[dict[str, float | str]] = []
    scale: float | None = None
    drawn: tuple[Doubles, Doubles] | None = None
    for number, time in enumerate(times):
        if drawn is None or KINDS[setup.kind].changes:
            canvas = Canvas(grid)
            look = Look(setup.fwhm_um, setup.size_um, setup.count, time, times)
            KINDS[setup.kind].draw(canvas, np.random.default_rng(streams[0]), look)
            drawn = grid.pixels(canvas.samples), grid.pixels(blurred(canvas.samples, response))
            objects += [{**({"frame": number} if KINDS[setup.kind].changes else {}), **o} for o in canvas.objects]
        if scale is None and drawn[1].max() > 0:
            scale = setup.photons / float(drawn[1].max())
        fade = math.exp(-time / setup.bleach_s) if setup.bleach_s else 1.0
        factor = fade * (scale or 0.0)
        truth, signal = drawn[0] * factor, drawn[1] * factor
        ground = setup.background * setup.photons + fade * uneven
        frame = setup.camera.expose(signal + ground, noise, maps)
        if setup.gaussian:
            frame = _noisier(frame, setup, noise)
        for kept, new in zip((truths, signals, behind, images), (truth, signal, ground, frame), strict=True):
            kept.append(new)

    def joined(planes: list[Any], dtype: Any = np.float32) -> npt.NDArray[Any]:
        return (planes[0] if len(planes) == 1 else np.stack(planes)).astype(dtype)

    return Simulated(
        setup, joined(images, images[0].dtype), joined(truths), joined(signals), joined(behind), seen, tuple(objects)
    )


def _noisier(frame: npt.NDArray[Any], setup: Simulation, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Add Gaussian noise of a stated part of the photons to a frame, rounded and cut like the frame."""
    counts = frame + rng.normal(0, setup.gaussian * setup.photons / setup.camera.gain_e_per_count, frame.shape)
    if setup.camera.bits:
        counts = np.clip(np.rint(counts), 0, 2**setup.camera.bits - 1)
    return counts.astype(frame.dtype)


def _haze(grid: Grid, rng: np.random.Generator, fwhm_um: float) -> Doubles:
    """Return a smooth field between 0 and 1 over the frame, that varies over 12 to 25 widths of the PSF."""
    width_px = rng.uniform(12, 25) * fwhm_um / grid.pixel_size_um / 2.35482
    step = max(1, int(width_px / 6))  # drawn coarsely, then interpolated: wide filters are slow
    shape = [n // step + 4 for n in grid.shape_px]
    pad = math.ceil(4 * width_px / step)
    rough = rng.standard_normal([n + 2 * pad for n in shape])
    smooth = ndimage.gaussian_filter(rough, width_px / step)[pad:-pad, pad:-pad]
    at = np.meshgrid(*((np.arange(n) + 0.5) / step + 1 for n in grid.shape_px), indexing="ij")
    values: Doubles = ndimage.map_coordinates(smooth, at, order=3, mode="nearest")
    scaled: Doubles = (values - values.min()) / max(float(np.ptp(values)), 1e-30)
    return scaled


def objects_csv(made: Simulated) -> str:
    """Return what was drawn as a table, one object a line, lengths in µm from the frame's corner.

    Examples
    --------
    >>> objects_csv(simulate(Simulation("line-pairs", shape_px=(32, 32), count=1))).split()[0]
    'kind,y_um,x_um,separation_um,angle_deg,length_um'
    """
    names = list(dict.fromkeys(name for one in made.objects for name in one)) or ["kind"]
    rows = [[_cell(one.get(name, "")) for name in names] for one in made.objects]
    return "".join(",".join(row) + "\n" for row in [names, *rows])


def _cell(value: float | str) -> str:
    return f"{value:.7g}" if isinstance(value, float) else str(value)
