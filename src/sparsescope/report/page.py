"""HTML pages from templates: one file each, all text from files escaped, nothing fetched."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """Fill a template of ``report/templates``.

    Parameters
    ----------
    template : str
        File name.
    **values
        What the template names; text is escaped, a name that is missing is an error.
    """
    environment = Environment(
        loader=PackageLoader("sparsescope.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def asset(name: str) -> Markup:
    """Return a style sheet or script of ``report/templates`` as it is, to stand inside a page."""
    return Markup(files("sparsescope.report").joinpath("templates", name).read_text("utf-8"))


def png_uri(png: bytes) -> str:
    """Return a PNG as a data URI, to stand inside a page.

    Examples
    --------
    >>> png_uri(b"abc")
    'data:image/png;base64,YWJj'
    """
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
