"""What the user says of the microscope: it wins over what the file says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import RecipeError
from ..image import Channel, Image
from .microscope import Microscope

WAVELENGTHS = ("emission_nm", "excitation_nm")
"""Parameters of which each channel has its own."""

IN_META = ("numerical_aperture", "refractive_index", "modality", "pinhole_airy")
"""Parameters that are kept where readers put what files say."""


def with_optics(image: Image, **told: Any) -> Image:
    """Return an image with parameters of its microscope set.

    Parameters
    ----------
    image : Image
        As read; its file's values stay where nothing is said.
    **told
        Parameters of :class:`Microscope` by name; None stands for not said. Wavelengths may be lists, one number for
        each channel.

    Raises
    ------
    RecipeError
        If a value is out of its range, or a list of wavelengths fits neither one channel nor all.

    Examples
    --------
    >>> import numpy as np
    >>> image = with_optics(Image(np.zeros((2, 8, 8)), "CYX"), numerical_aperture=1.4, emission_nm=[525, 610])
    >>> image.channels[1].emission_nm, image.meta["numerical_aperture"], sorted(image.meta["optics"])
    (610.0, 1.4, ['numerical_aperture'])
    """
    said = {name: value for name, value in told.items() if value is not None}
    if not said:
        return image
    count = image.sizes.get("C", 1)
    waves = {name: _each(name, said.pop(name), count) for name in WAVELENGTHS if name in said}
    channels = list(image.channels) or [Channel() for _ in range(count)]
    for i in range(count):
        one: dict[str, Any] = {name: values[i] for name, values in waves.items()}
        Microscope(**{"modality": "widefield", **said, **one})  # refuses what cannot be
        channels[i] = replace(channels[i], **one)
    meta = {**image.meta, **{name: said[name] for name in IN_META if name in said}}
    if "modality" in said:
        meta.pop("channel_modalities", None)
    return image.replace(channels=tuple(channels), meta={**meta, "optics": said, "optics_told": (*said, *waves)})


def _each(name: str, value: float | Sequence[float], count: int) -> list[float]:
    values = [float(one) for one in (value if isinstance(value, Sequence) else [value])]
    if len(values) not in (1, count):
        raise RecipeError(f"{name}: {len(values)} wavelengths for {count} channels: give one for all, or one for each")
    return values * count if len(values) == 1 else values
