"""Full evidence, kept by the pixels it looked at and the recipe."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from .._version import __version__
from ..io.atomic import replacing
from .frozen import Frozen
from .model import Curve, Evidence, Finding, Map, Number

MOST: Final = 50
"""Files that are kept; the oldest go first."""


def default_folder() -> Path:
    """Return the user's folder for it: ``$XDG_CACHE_HOME/sparsescope/evidence``, else under ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sparsescope" / "evidence"


class Cache:
    """A folder of evidence.

    Parameters
    ----------
    folder : Path
        Made when something is kept; whatever cannot be read or written there is left out without a word, as evidence
        can always be gathered again.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder)

    def key(self, frozen: Frozen) -> str:
        """Return what stands for input pixels, result, background, recipe, place and version."""
        digest = hashlib.sha256()
        for array in (frozen.data, frozen.behind, frozen.around):
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        place = (dict(frozen.place.index), frozen.place.rows, frozen.place.columns)
        rest = (frozen.recipe.to_toml(), frozen.scale, dict(frozen.spacing_um), frozen.fwhm_yx_px, place, __version__)
        digest.update(repr(rest).encode())
        return digest.hexdigest()

    def load(self, key: str) -> Evidence | None:
        """Return what is kept under a key, or None."""
        try:
            with np.load(io.BytesIO(self._path(key).read_bytes()), allow_pickle=False) as kept:
                return _evidence(json.loads(str(kept["document"])), {name: kept[name] for name in kept.files})
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, key: str, evidence: Evidence) -> None:
        """Keep evidence under a key."""
        document = {
            "level": evidence.level, "index": dict(evidence.index), "rows": evidence.rows, "columns": evidence.columns,
            "solves": evidence.solves, "seconds": evidence.seconds,
            "numbers": [asdict(number) for number in evidence.numbers],
            "curves": [asdict(curve) for curve in evidence.curves],
            "findings": [asdict(finding) for finding in evidence.findings],
            "maps": [{"name": m.name, "unit": m.unit, "meaning": m.meaning, "blind": m.blind} for m in evidence.maps],
        }  # fmt: skip
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {f"map_{i}": m.values for i, m in enumerate(evidence.maps)}
        np.savez_compressed(buffer, document=np.array(json.dumps(document)), **arrays)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._path(key), overwrite=True) as stream:
                stream.write(buffer.getvalue())
            kept = sorted(self.folder.glob("*.npz"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-MOST]:
                path.unlink(missing_ok=True)
        except Exception as error:
            if os.environ.get("SPARSESCOPE_DEBUG"):
                raise error from None

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"


def _evidence(document: Mapping[str, Any], arrays: Mapping[str, Any]) -> Evidence:
    maps = tuple(Map(values=arrays[f"map_{i}"], **about) for i, about in enumerate(document["maps"]))
    curves = tuple(Curve(**{**c, "x": tuple(c["x"]), "y": tuple(c["y"])}) for c in document["curves"])
    (r0, r1), (c0, c1) = document["rows"], document["columns"]
    return Evidence(
        document["level"], document["index"], (r0, r1), (c0, c1), tuple(Number(**n) for n in document["numbers"]),
        maps, curves, tuple(Finding(**f) for f in document["findings"]), document["solves"], document["seconds"],
    )  # fmt: skip
