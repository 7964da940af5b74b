"""An image or an array with what the caller says of it."""

from __future__ import annotations

from typing import Any

from ..image import Image, as_image


def told_image(
    image: Any, axes: str | None, pixel_size_um: float | None, z_step_um: float | None, interval_s: float | None
) -> Image:
    """Return an image whose sizes are those given, where they are given."""
    if not isinstance(image, Image):
        return as_image(image, axes, pixel_size_um=pixel_size_um, z_step_um=z_step_um, interval_s=interval_s)
    if axes is not None and axes != image.axes:
        return told_image(
            as_image(image.data, axes).replace(
                spacing_um=image.spacing_um, interval_s=image.interval_s, meta=image.meta
            ),
            None, pixel_size_um, z_step_um, interval_s,
        )  # fmt: skip
    spacing = dict(image.spacing_um)
    if pixel_size_um is not None:
        spacing.update(x=pixel_size_um, y=pixel_size_um)
    if z_step_um is not None:
        spacing["z"] = z_step_um
    return image.replace(spacing_um=spacing, interval_s=image.interval_s if interval_s is None else interval_s)
