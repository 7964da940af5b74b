"""``sparsescope cite``: what to cite, the licence, the note on patents, where the demo image comes from."""

from __future__ import annotations

from .._version import __version__
from . import say
from .demo import ATTRIBUTION

TEXT = f"""\
If sparsescope helped your work, please cite the method and the program.

The method
  Zhao, W. et al. Sparse deconvolution improves the resolution of live-cell
  super-resolution fluorescence microscopy. Nature Biotechnology 40, 606–617
  (2022). https://doi.org/10.1038/s41587-021-01092-2

The program
  The sparsescope authors. sparsescope {__version__}: sparse deconvolution of
  fluorescence microscopy images (2026).
  Recipe, version and SHA-256 of the input are inside every result:
  sparsescope recipe show RESULT

Licence
  BSD 3-Clause, copyright 2026 the sparsescope authors. Written from the
  published equations; no code of others.

Patents
  Two-stage sparse deconvolution is covered by patents in some countries
  (US 11,189,016 B1 among them). The licence of this program grants no right to
  them: check for your use, above all for a commercial one.

The demo image
"""


def cite() -> int:
    """Say what to cite, the licence, the note on patents, and where the demo image comes from."""
    say.line(TEXT.rstrip())
    for text in ATTRIBUTION.read_text(encoding="utf-8").splitlines():
        say.paragraph(f"  {text}".rstrip())
    return 0
