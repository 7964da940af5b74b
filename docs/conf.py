"""How Sphinx makes the site from these pages: make docs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import sparsescope

project = "sparsescope"
author = "the sparsescope authors"
copyright = author
version = release = sparsescope.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
highlight_language = "text"
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!sparsescope\.).*"),  # types of other libraries, and words of numpydoc's type fields
    (
        "py:(mod|func)",
        r"sparsescope\.optics\.(models|diffraction|measured_find\.\w+|measured_average\.\w+)",
    ),  # inner rooms
]

myst_heading_anchors = 3
autodoc_typehints = "none"  # numpydoc's sections say them, with units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "sparsescope"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_sidebars = {"**": ["pages.html"]}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "navbar_center": [],
    "footer_start": ["copyright"],
    "footer_end": [],
}

ELSEWHERE = {
    "benchmarks": "../benchmarks/RESULTS.md",
    "benchmarks_quality": "../benchmarks/quality/RESULTS.md",
    "changelog": "../CHANGELOG.md",
}
"""Pages whose text is a file outside of docs/; on a code host they lead there, in the site they hold it."""


def _whole(app: Any, name: str, text: list[str]) -> None:
    """Put files from outside in their pages, and lead links to such files to those pages."""
    folder = Path(app.srcdir)
    if name in ELSEWHERE:
        path = (folder / ELSEWHERE[name]).resolve()
        app.env.note_dependency(str(path))
        text[0] = re.sub(
            r"\]\(([^):#]+)([^)]*)\)", lambda link: _beside(link, path.parent, folder), path.read_text("utf-8")
        )
    for page, path in ELSEWHERE.items():
        text[0] = text[0].replace(f"]({path})", f"]({page}.md)")


def _beside(link: re.Match[str], start: Path, folder: Path) -> str:
    """Give a link as it reads from docs/; leave it where it leads to no file."""
    target = start / link[1]
    return f"]({os.path.relpath(target, folder)}{link[2]})" if target.exists() else link[0]


def setup(app: Any) -> None:
    """Connect the site to Sphinx."""
    app.connect("source-read", _whole)
