"""What is known of the camera of a channel: gain, offset and read noise, and where each number comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..engines import Float32Array
from ..image import Image
from ..io.camera_facts import NAMES
from ..preprocess.noise import Noise, estimate_noise

FEW_PHOTONS = 10.0
"""Photons in the brightest pixels below which noise hides all but the coarsest structures."""

SOURCES = {"given": "file", "estimated": "estimated", "assumed": "default", "none": "not known"}


@dataclass(frozen=True)
class Camera:
    """Numbers of a camera, as far as they are known.

    Attributes
    ----------
    gain_e_per_count : float or None
        Photo-electrons for each count; for an EMCCD half of that, as its multiplication doubles the noise's variance.
    offset_counts : float or None
        Counts without light.
    read_noise_e : float or None
        Read noise in photo-electrons.
    sources : mapping
        For each of the three: file, estimated, default or not known.
    reason : str
        Why counts cannot be turned into photons; empty where they can.
    noise : Noise
        What was measured.
    notes : tuple of str
        What the user should know.
    """

    gain_e_per_count: float | None
    offset_counts: float | None
    read_noise_e: float | None
    sources: Mapping[str, str]
    reason: str
    noise: Noise
    notes: tuple[str, ...]


def camera(frames: Float32Array, image: Image, fwhm_px: float) -> Camera:
    """Take a camera's numbers from the image's metadata where they are there, and from its noise where they are not.

    Parameters
    ----------
    frames : array, shape (n, Y, X), float32
        One plane of a channel, or frames that follow each other: their differences show the noise alone.
    image : Image
        Its metadata may hold the names of `NAMES`. OME's Gain and Offset of a detector are not taken: the standard
        gives them no unit, and microscopes write voltages, percents and multiplications there.
    fwhm_px : float
        Width of the PSF in pixels.
    """
    gain, offset, read = (_number(image.meta.get(name)) for name in NAMES)
    noise = estimate_noise(
        frames, known_gain=None if not gain or gain < 0 else 1 / gain, known_offset=offset,
        known_read=None if read is None or read < 0 else read, fwhm_px=fwhm_px,
    )  # fmt: skip
    sources = {
        name: SOURCES[noise.sources[key]] for name, key in zip(NAMES, ("gain", "offset", "read_noise"), strict=True)
    }
    reason = next((n.removeprefix("no photon scale: ") for n in noise.notes if n.startswith("no photon scale")), "")
    reason = reason.split(";", maxsplit=1)[0]
    scale = noise.gain_counts_per_electron
    return Camera(
        None if scale is None else 1 / scale,
        noise.offset_counts if noise.has_photon_scale else None,
        noise.read_noise_e,
        sources,
        reason,
        noise,
        tuple(_notes(frames, noise, reason)),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _notes(frames: Float32Array, noise: Noise, reason: str) -> list[str]:
    """Say what makes the choice of parameters unsure."""
    notes = [note for note in noise.notes if "saturated" in note]
    if reason:
        notes.append(f"counts cannot be turned into photons: {reason}")
    if "JPEG" in reason:
        notes.append(
            "lossy compression (JPEG) has changed the image: fine structures may be its blocks; use the original"
        )
    elif "coarse steps" in reason:
        notes.append(f"{reason}: dim structures cannot be told from noise")
    scale = noise.gain_counts_per_electron
    if scale is not None:
        photons = (float(np.quantile(frames[0], 0.999)) - noise.offset_counts) / scale
        if photons < FEW_PHOTONS:
            notes.append(
                f"the brightest pixels hold about {max(photons, 0):.2g} photons: only coarse structures can be told "
                "from noise; expose longer, or average frames"
            )
    return notes
