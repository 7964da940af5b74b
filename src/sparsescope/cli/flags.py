"""Flags that several commands share; those of the recipe are made from its model, so that they never differ from it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from ..errors import InputError, RecipeError
from ..recipe import DEFAULT_RESOLUTION_PX, DEFAULTS, Recipe, allowed
from .exits import UsageError
from .say import number

if TYPE_CHECKING:
    from ..image import Image

INPUT = Group("Input: what the file does not say, or says wrongly", sort_key=10)
METHOD_GROUP = Group("Method: published parameters at their published scale", sort_key=20)
OUTPUT = Group("Output", sort_key=30)

SAME = Parameter(name="*")
"""Spreads the fields of a dataclass into flags of the command."""


@dataclass(frozen=True)
class Reading:
    """How to read a file: what the user says wins over what the file says.

    Parameters
    ----------
    axes : str, optional
        Meaning of each axis, letters of TCZYX in the order of the file, such as TYX or ZCYX.
    pixel_size_um : float, optional
        Pixel size in x and y in µm.
    z_step_um : float, optional
        Distance between z planes in µm.
    interval_s : float, optional
        Time between frames in seconds.
    series : int, optional
        Which image of a file that holds several, counted from 0.
    na : float, optional
        Numerical aperture of the objective that detects.
    emission_nm : list of float, optional
        Wavelength that is detected, in nm: one for all channels or one for each.
    excitation_nm : list of float, optional
        Wavelength of the excitation in nm: one for all channels or one for each.
    refractive_index : float, optional
        Refractive index of the immersion medium.
    modality : str, optional
        Kind of microscope: widefield, confocal, spinning-disk, two-photon, light-sheet, sim, sted, airyscan, tirf.
    sample_index : float, optional
        Refractive index of the sample.
    depth_um : float, optional
        Depth of what is looked at below the coverslip, in µm.
    pinhole_airy : float, optional
        Diameter of the pinhole in Airy units.
    """

    axes: Annotated[str | None, Parameter(group=INPUT)] = None
    pixel_size_um: Annotated[float | None, Parameter(group=INPUT)] = None
    z_step_um: Annotated[float | None, Parameter(group=INPUT)] = None
    interval_s: Annotated[float | None, Parameter(group=INPUT)] = None
    series: Annotated[int | None, Parameter(group=INPUT)] = None
    na: Annotated[float | None, Parameter(group=INPUT)] = None
    emission_nm: Annotated[list[float] | None, Parameter(group=INPUT, consume_multiple=True)] = None
    excitation_nm: Annotated[list[float] | None, Parameter(group=INPUT, consume_multiple=True)] = None
    refractive_index: Annotated[float | None, Parameter(group=INPUT)] = None
    modality: Annotated[str | None, Parameter(group=INPUT)] = None
    sample_index: Annotated[float | None, Parameter(group=INPUT)] = None
    depth_um: Annotated[float | None, Parameter(group=INPUT)] = None
    pinhole_airy: Annotated[float | None, Parameter(group=INPUT)] = None

    def read(self, path: Path, *, lazy: bool | Literal["auto"] = "auto") -> Image:
        """Read a file with these settings, as :func:`sparsescope.read` does."""
        from ..io import read

        image = read(
            path, axes=self.axes, pixel_size_um=self.pixel_size_um, z_step_um=self.z_step_um,
            interval_s=self.interval_s, series=self.series, lazy=lazy,
        )  # fmt: skip
        return self.with_optics(image)

    def told(self, image: Image) -> Image:
        """Return an image that was read otherwise, with these sizes and optics."""
        from ..pipeline.told import told_image

        names = ("axes", "pixel_size_um", "z_step_um", "interval_s")
        given = tuple(name for name in names if getattr(self, name) is not None)
        image = told_image(image, None, self.pixel_size_um, self.z_step_um, self.interval_s)
        return self.with_optics(image.replace(meta={**image.meta, "given": given}))

    def with_optics(self, image: Image) -> Image:
        """Return an image with these optics."""
        from ..optics.told import with_optics

        return with_optics(
            image, numerical_aperture=self.na, emission_nm=self.emission_nm, excitation_nm=self.excitation_nm,
            refractive_index=self.refractive_index, modality=self.modality, sample_index=self.sample_index,
            depth_um=self.depth_um, pinhole_airy=self.pinhole_airy,
        )  # fmt: skip


@dataclass(frozen=True)
class Blurring:
    """What blurs, where it was measured.

    Parameters
    ----------
    psf : list of Path, optional
        Image file of the PSF, its background removed (make one with: sparsescope psf): one for all channels or one for
        each. With three axes, stacks are deconvolved in three dimensions. Its own voxel sizes count.
    """

    psf: Annotated[list[Path] | None, Parameter(group=INPUT, consume_multiple=True)] = None

    def read(self) -> Any:
        """Return the PSF, one for each channel where several are named, None where none is."""
        from ..pipeline.psf_file import read_psf

        found = [read_psf(path) for path in self.psf or ()]
        return found if len(found) > 1 else next(iter(found), None)


@dataclass(frozen=True)
class Start:
    """Which values to start from; flags win over them.

    Parameters
    ----------
    recipe : Path, optional
        TOML file with the values below; flags win over it. Make one with: sparsescope recipe new.
    preset : str, optional
        Settings by name, instead of a recipe; flags win over them. List: sparsescope recipe presets.
    """

    recipe: Annotated[Path | None, Parameter(group=METHOD_GROUP)] = None
    preset: Annotated[str | None, Parameter(group=METHOD_GROUP)] = None


@dataclass(frozen=True)
class Writing:
    """Where results go and how.

    Parameters
    ----------
    out : Path, optional
        Folder for the results, made when it is missing; without it they go beside the input.
    format : str
        How to write results: ome-tiff; imagej (hyperstack for Fiji); ome-zarr (a folder with a pyramid, version 0.5);
        or ome-zarr-0.4 for programs that read no Zarr 3 yet.
    dtype : str
        Numbers in the result: float32; uint16; or same as the input. What is rounded or clipped is stated.
    overwrite : bool
        Replace results that exist.
    skip_existing : bool
        Leave out inputs whose result exists: goes on with a batch.
    resume : bool
        Go on with a run that was ended before its time; the result is the same as without an end. Large runs can
        always be gone on with, small ones where they were begun with this flag.
    save_background : bool
        Write the subtracted background too, as <stem>_background.
    evidence : str
        What tells how far a result can be believed: quick; full (about twenty reconstructions of one window, kept for
        the next time); or none.
    no_report : bool
        Write no <stem>_sparse.report.html beside the result.
    """

    out: Annotated[Path | None, Parameter(group=OUTPUT, alias="-o")] = None
    format: Annotated[Literal["ome-tiff", "imagej", "ome-zarr", "ome-zarr-0.4"], Parameter(group=OUTPUT)] = "ome-tiff"
    dtype: Annotated[Literal["float32", "uint16", "same"], Parameter(group=OUTPUT)] = "float32"
    overwrite: Annotated[bool, Parameter(group=OUTPUT)] = False
    skip_existing: Annotated[bool, Parameter(group=OUTPUT)] = False
    resume: Annotated[bool, Parameter(group=OUTPUT)] = False
    save_background: Annotated[bool, Parameter(group=OUTPUT)] = False
    evidence: Annotated[Literal["quick", "full", "none"], Parameter(group=OUTPUT)] = "quick"
    no_report: Annotated[bool, Parameter(group=OUTPUT)] = False


@dataclass(frozen=True)
class Computing:
    """What of the machine is used.

    Parameters
    ----------
    threads : int, optional
        Threads to compute with; with --cluster in each worker. [default: all cores]
    max_memory : str, optional
        Memory to use at most, such as 2GB, with --cluster in each worker: what does not fit is kept in a temporary file
        beside the result. [default: four fifths of what is free]
    jobs : int
        Files to work on at once; they share threads and memory.
    cluster : str, optional
        Who does the work: local:N for N processes on this machine, or the scheduler of a Dask cluster, such as
        tcp://host:8786. Needs --format ome-zarr, and input and result on a disk that all workers see.
    """

    threads: Annotated[int | None, Parameter(group=OUTPUT)] = None
    max_memory: Annotated[str | None, Parameter(group=OUTPUT)] = None
    jobs: Annotated[int, Parameter(group=OUTPUT)] = 1
    cluster: Annotated[str | None, Parameter(group=OUTPUT)] = None

    def check(self) -> None:
        """Raise UsageError where a number makes no sense."""
        for name in ("threads", "jobs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name} {value}: allowed is a whole number from 1")

    @property
    def max_memory_bytes(self) -> int | None:
        """The limit in bytes."""
        if self.max_memory is None:
            return None
        from ..pipeline.room import parse_bytes

        try:
            return parse_bytes(self.max_memory)
        except InputError as error:
            raise UsageError(f"--max-memory: {error}") from None


def limits(name: str) -> str:
    """Say in which unit a parameter of the recipe is, what it may be, and its default.

    Examples
    --------
    >>> limits("upsample")
    '[a whole number >= 1 and <= 8] [default: 1]'
    """
    field = Recipe.model_fields[name]
    unit = field.json_schema_extra.get("unit") if isinstance(field.json_schema_extra, dict) else None
    default = number(field.default)
    if name == "sparse_iterations":
        default = number(DEFAULTS[name])
    elif name in DEFAULTS:
        default += f", {number(DEFAULTS[name])} where the image cannot tell"
    elif name == "resolution_um":
        default += f": what the file's optics say, else measured, else {number(DEFAULT_RESOLUTION_PX)} px"
    return f"[{f'in {unit}: ' if unit else ''}{allowed(name)}] [default: {default}]"


def _metavar(name: str) -> str:
    words = allowed(name)
    return "WORD" if "one of" in words and "number" not in words else "NUMBER"


if TYPE_CHECKING:

    @dataclass(frozen=True)
    class Method:
        """One optional text for each parameter of the recipe."""

else:
    Method = dataclasses.make_dataclass(
        "Method",
        [
            (
                name,
                Annotated[
                    str | None,
                    Parameter(
                        group=METHOD_GROUP,
                        help=f"{Recipe.model_fields[name].description} {limits(name)}",
                        metavar=_metavar(name),
                        show_default=False,
                    ),
                ],
                None,
            )
            for name in Recipe.model_fields
        ],
        frozen=True,
        namespace={"__module__": __name__},
    )


READING, BLURRING, START, METHOD, WRITING, COMPUTING = (
    Reading(), Blurring(), Start(), Method(), Writing(), Computing(),
)  # fmt: skip
"""Nothing said: the defaults of commands."""


def given(method: Method | None) -> dict[str, Any]:
    """Return what the flags say, by parameter of the recipe; numbers are numbers, and ``none`` may mean not used."""
    texts = {} if method is None else dataclasses.asdict(method)
    return {name: _value(name, text) for name, text in texts.items() if text is not None}


def _value(name: str, text: str) -> Any:
    if text.lower() == "none" and Recipe.model_fields[name].default is None:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.lower()


def load(file: Path) -> Recipe:
    """Read a recipe from a TOML file; an error names the file."""
    try:
        return Recipe.load(file)
    except RecipeError as error:
        raise RecipeError(str(error) if str(file) in str(error) else f"{file}: {error}") from None


def recipe_of(method: Method | None, start: Start = START) -> tuple[Recipe, dict[str, str]]:
    """Return the recipe of a file or a preset and of flags, which go first, and where each given value came from."""
    if start.recipe is not None and start.preset is not None:
        raise UsageError("--recipe and --preset exclude each other: use one of them, and flags for what differs")
    flags = given(method)
    if start.preset is not None:
        base = Recipe.preset(start.preset)
    else:
        base = Recipe() if start.recipe is None else load(start.recipe)
    recipe = base.replace(**flags)
    origins = dict.fromkeys(base.given, "recipe") | dict.fromkeys(flags, "flag")
    return recipe, {name: source for name, source in origins.items() if name in recipe.given}
