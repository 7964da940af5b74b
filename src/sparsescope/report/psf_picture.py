"""A PSF to look at: planes through its middle, profiles with their widths, and its transfer function."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..io.atomic import replacing
from ..optics.measured_otf import LEVEL, otf_end, otf_line, otf_plane
from ..optics.measured_volume import AXES
from ..optics.psf import Psf
from ..optics.width import fwhm_px
from .picture import blank, round_length

GAMMA: Final = 0.5
"""Planes show the square root of the values, which makes tails of 1 % as bright as a tenth."""
DARKEST: Final = 1e-4
"""Black in the pictures of the transfer function, whose scale is logarithmic."""
COLOURS: Final = {"x": "#0072B2", "y": "#D55E00", "z": "#009E73"}
"""Told apart by everyone (Okabe & Ito, 2008)."""
STYLES: Final = {"x": "-", "y": "--", "z": "-"}
"""Lines of x and y often lie on each other."""
DPI: Final = 110


def psf_picture(
    psf: Psf, path: str | Path, *, cutoff_per_um: float | None = None, title: str = "", overwrite: bool = False
) -> None:
    """Write a PNG of a PSF: planes, line profiles with their full widths at half maximum, transfer function.

    Parameters
    ----------
    psf : Psf
        Its voxel sizes are used where they are known; else lengths are in voxels.
    path : path-like
        The PNG to write.
    cutoff_per_um : float, optional
        Where theory lets the transfer function end across, 2 NA / wavelength, in cycles per µm; drawn as a line.
    title : str
        Stands above it; the source where it is left out.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    volume = psf.ndim == 3
    planes = ("yx", "zx", "zy") if volume else ("yx",)
    across = 3 if volume else 2
    figure = blank(4.2 * across, 11.2 if volume else 8.0)
    figure.suptitle(title or psf.source, fontsize=11)
    rows = 3 if volume else 2
    for i, axes in enumerate(planes):
        _plane(figure.add_subplot(rows, across, i + 1), psf, axes)
    letters = AXES[-psf.ndim :][::-1]
    if volume:
        for i, axis in enumerate(letters):
            _profiles(figure.add_subplot(3, 3, 4 + i), psf, axis)
    else:
        _profiles(figure.add_subplot(2, 2, 2), psf, "xy")
    for i, axes in enumerate(planes[:2]):
        _transfer_plane(figure.add_subplot(rows, across, (rows - 1) * across + 1 + i), psf, axes)
    _transfer_lines(figure.add_subplot(rows, across, rows * across), psf, cutoff_per_um)
    with replacing(path, overwrite=overwrite) as file:
        figure.savefig(file, format="png", dpi=DPI)


def _unit(psf: Psf) -> tuple[dict[str, float], str]:
    """Voxel size by axis and its unit."""
    letters = AXES[-psf.ndim :]
    if all(axis in psf.spacing_um for axis in letters):
        return {axis: psf.spacing_um[axis] for axis in letters}, "µm"
    return dict.fromkeys(letters, 1.0), "voxels"


def _through_middle(psf: Psf, axes: str) -> npt.NDArray[np.float64]:
    """Plane or line through the middle voxel, its highest value 1 in the whole PSF."""
    part = tuple(
        slice(None) if axis in axes else n // 2 for axis, n in zip(AXES[-psf.ndim :], psf.data.shape, strict=True)
    )
    return np.asarray(psf.data[part], np.float64) / float(psf.data.max())


def _plane(axes: Any, psf: Psf, names: str) -> None:
    sizes, unit = _unit(psf)
    values = _through_middle(psf, names)
    reach = [n * sizes[name] / 2 for n, name in zip(values.shape, names, strict=True)]
    field = (-reach[1], reach[1], reach[0], -reach[0])
    axes.imshow(values**GAMMA, cmap="magma", vmin=0, vmax=1, extent=field, interpolation="nearest")
    axes.set_title(f"{names[1]}{names[0]}, square root of the values", fontsize=9)
    axes.set_xlabel(f"{names[1]} ({unit})")
    axes.set_ylabel(f"{names[0]} ({unit})")
    if reach[1] < 0.5 * reach[0]:
        tick = round_length(reach[1])
        axes.set_xticks([-tick, tick])
        axes.tick_params(axis="x", labelsize=8)


def _profiles(axes: Any, psf: Psf, names: str) -> None:
    sizes, unit = _unit(psf)
    widths = fwhm_px(psf)
    for name in names:
        values = _through_middle(psf, name)
        place = (np.arange(len(values)) - len(values) // 2) * sizes[name]
        width = widths[name]
        said = "not reached" if width is None else f"{width * sizes[name]:.3g} {unit}"
        if width is not None and unit == "µm":
            said += f" = {width:.3g} px"
        axes.plot(
            place, values, STYLES[name], marker="o", markersize=3, color=COLOURS[name], label=f"{name}: FWHM {said}"
        )
    axes.axhline(0.5, color="0.6", linewidth=0.8)
    axes.set_ylim(-0.03, 1.13)
    axes.set_title(f"profile along {' and '.join(names)}", fontsize=9)
    axes.set_xlabel(unit)
    axes.legend(fontsize=8, loc="upper right", framealpha=0.9)


def _transfer_plane(axes: Any, psf: Psf, names: str) -> None:
    from math import log10

    sizes, unit = _unit(psf)
    values = np.log10(np.maximum(otf_plane(psf, names), DARKEST))
    down, across = (0.5 / sizes[name] for name in names)
    axes.imshow(
        values, cmap="viridis", vmin=log10(DARKEST), vmax=0, extent=(-across, across, down, -down), aspect="auto"
    )
    axes.set_title(f"transfer function, k{names[1]} k{names[0]}, black at {DARKEST:g}", fontsize=9)
    axes.set_xlabel(f"k{names[1]} (cycles per {unit.removesuffix('s')})")
    axes.set_ylabel(f"k{names[0]}")


def _transfer_lines(axes: Any, psf: Psf, cutoff_per_um: float | None) -> None:
    unit = _unit(psf)[1].removesuffix("s")
    for name in AXES[-psf.ndim :][::-1]:
        frequency, modulus = otf_line(psf if unit == "µm" else psf.replace(spacing_um={}), name)
        end = otf_end(psf if unit == "µm" else psf.replace(spacing_um={}), name)
        said = f"{100 * LEVEL:g} % at {end:.3g}" if end is not None else f"above {100 * LEVEL:g} %"
        axes.plot(
            frequency,
            np.maximum(modulus, DARKEST),
            color=COLOURS[name],
            linestyle=STYLES[name],
            label=f"k{name}: {said}",
        )
    axes.axhline(LEVEL, color="0.6", linewidth=0.8)
    if cutoff_per_um is not None and unit == "µm":
        axes.axvline(cutoff_per_um, color="0.3", linestyle="--", label=f"detection, 2 NA/λ = {cutoff_per_um:.3g}")
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.set_ylim(DARKEST, 1.5)
    axes.set_title("transfer function", fontsize=9)
    axes.set_xlabel(f"cycles per {unit}")
    axes.legend(fontsize=8, loc="upper right", framealpha=0.9)
