"""``sparsescope doctor``: what this machine has, and whether sparsescope works on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from .._version import __version__
from . import say
from .exits import FAILED, OK
from .flags import OUTPUT

State = Literal["ok", "note", "broken"]

LIBRARIES: Final = {
    "imagecodecs": "compressed TIFF and CZI",
    "nd2": "Nikon ND2",
    "liffile": "Leica LIF",
    "oiffile": "Olympus OIB/OIF",
    "mrcfile": "MRC",
    "zarr": "OME-Zarr",
    "pymoo": "two searches of the experiment solver-agnostic",
    "distributed": "run --cluster",
}
"""Libraries that something small depends on, and what."""

EXTRAS: Final = {"pymoo": "experiments", "distributed": "cluster"}
"""Those that come with an extra, and which."""

CODECS: Final = ("LZW", "DEFLATE", "ZSTD", "JPEG", "JPEG2K", "JPEGXR")
"""What microscope files are compressed with."""

LITTLE_MEMORY: Final = 1_000_000_000
"""Free memory below which a note is made."""

LITTLE_DISK: Final = 2_000_000_000
"""Free disk below which a note is made."""

AGREE: Final = 1e-4
"""Largest difference of the two engines after a few iterations on data whose maximum is 1."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what it is, how it stands, and what to do about it."""

    name: str
    state: State
    text: str
    remedy: str = ""


def doctor(*, json: Annotated[bool, Parameter(group=OUTPUT)] = False) -> int:
    """Look at this machine and try the kernels and a file out; say what to do about each problem.

    Parameters
    ----------
    json
        Print one JSON document on stdout instead of the table.
    """
    found = list(examine())
    if json:
        say.as_json({"version": __version__, "findings": [asdict(one) for one in found]})
    else:
        for one in found:
            say.table([(f"{one.state:6}", f"{one.name:12}", one.text)])
            if one.remedy:
                say.paragraph(f"         → {one.remedy}", style="yellow" if one.state == "note" else "bold red")
        broken = sum(one.state == "broken" for one in found)
        say.line(f"  {broken} broken" if broken else "  all works", style="bold red" if broken else "green")
    return FAILED if any(one.state == "broken" for one in found) else OK


def examine() -> Iterator[Finding]:
    """Yield every finding; a check that fails itself is a finding, too."""
    for name, check, remedy in CHECKS:
        try:
            yield check()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a machine is to be told
            yield Finding(name, "broken", f"{type(error).__name__}: {error}", remedy)


def python() -> Finding:
    """Version of Python and the platform."""
    text = f"{platform.python_version()}, {platform.system()} {platform.machine()}, sparsescope {__version__}"
    return Finding("python", "ok", text)


def processor() -> Finding:
    """Processors this process may use, and their vector instructions."""
    from ..engines.compiled import instructions
    from ..engines.cpu import available_threads

    usable, there = available_threads(), os.cpu_count() or 1
    names = ", ".join(instructions()) or "no vector instructions known"
    return Finding("processor", "ok", f"{usable} of {there} cores may be used; {names}")


def memory() -> Finding:
    """Free memory."""
    from ..pipeline.room import free_bytes

    free = free_bytes()
    if free < LITTLE_MEMORY:
        return Finding(
            "memory", "note", f"{say.size(free)} free", "close other programs; large images are kept in files"
        )
    return Finding("memory", "ok", f"{say.size(free)} free")


def disk() -> Finding:
    """Free space here and for temporary files."""
    from ..pipeline.room import disk_free_bytes

    free = {folder: disk_free_bytes(folder) for folder in (Path.cwd(), Path(tempfile.gettempdir()))}
    text = ", ".join(f"{say.size(size)} free in {say.plain(folder)}" for folder, size in free.items())
    if min(free.values()) < LITTLE_DISK:
        return Finding("disk", "note", text, "free some space, or write to another disk: --out FOLDER")
    return Finding("disk", "ok", text)


def graphics() -> Finding:
    """Graphics cards, which are not used."""
    tool = shutil.which("nvidia-smi")
    cards = ""
    if tool:
        done = subprocess.run(
            [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"], capture_output=True, text=True,
            timeout=20, check=False,
        )  # fmt: skip
        cards = "; ".join(done.stdout.split("\n")).strip("; ") if done.returncode == 0 else ""
    return Finding(
        "graphics", "ok", f"{cards or 'no card seen'}; sparsescope computes on the processor, and needs none"
    )


def codecs() -> Finding:
    """Whether compressed files can be read."""
    from ..io.czi_blocks import has_codec

    missing = [name for name in CODECS if not has_codec(name)]
    if missing:
        return Finding("codecs", "broken", f"not there: {', '.join(missing)}", "pip install --upgrade imagecodecs")
    return Finding("codecs", "ok", ", ".join(CODECS))


def libraries() -> Finding:
    """Versions of libraries on which formats depend."""
    there, missing = [], []
    for name, use in LIBRARIES.items():
        try:
            there.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{name} ({use})")
    if missing:
        needed = [name for name in missing if name.split()[0] not in EXTRAS]
        state: State = "broken" if needed else "note"
        extras = ",".join(EXTRAS[name.split()[0]] for name in missing if name.split()[0] in EXTRAS)
        remedy = "pip install --upgrade sparsescope" if needed else f"pip install 'sparsescope[{extras}]' if wanted"
        return Finding("libraries", state, f"{', '.join(there)}; not there: {', '.join(missing)}", remedy)
    return Finding("libraries", "ok", ", ".join(there))


def caches() -> Finding:
    """Whether compiled kernels and full evidence are kept for the next time."""
    from ..engines import kernels_plane
    from ..engines.compiled import cache_folder
    from ..evidence.cache import default_folder

    kernels, evidence = cache_folder(kernels_plane.sweep), default_folder()
    if kernels is None or not _writable(kernels):
        remedy = "set NUMBA_CACHE_DIR to a folder that can be written; else kernels are compiled in every process"
        return Finding("caches", "note", "compiled kernels cannot be kept", remedy)
    if not _writable(evidence):
        return Finding("caches", "note", f"{evidence} cannot be written", "set XDG_CACHE_HOME to a folder that can be")
    return Finding("caches", "ok", f"kernels in {say.plain(kernels)}, evidence in {say.plain(evidence)}")


def _writable(folder: Path) -> bool:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(there, os.W_OK)


def kernels() -> Finding:
    """Run a small sparse stage by both engines, and say how long the kernels took to be there."""
    import numpy as np

    from ..engines import HessianTerms, pick

    data = np.random.default_rng(0).random((40, 48), np.float32)
    was_kept, started = pick("cpu").ready(), time.perf_counter()
    values = []
    for name in ("cpu", "numpy"):
        iteration = pick(name, 1).published(data, HessianTerms(100.0, 3.0))
        iteration.advance(10)
        values.append(iteration.estimate())
        if name == "cpu":
            seconds = time.perf_counter() - started
    difference = float(np.abs(values[0] - values[1]).max())
    how = "loaded" if was_kept else "compiled"
    text = f"{how} in {say.duration(seconds)}, engines differ by {difference:.1e}"
    if not difference <= AGREE:
        return Finding(
            "kernels", "broken", text, "pip install --upgrade --force-reinstall numba llvmlite, and report it"
        )
    return Finding("kernels", "ok", text)


def files() -> Finding:
    """Write an image in every format and read it back, with its sizes."""
    import numpy as np

    from ..image import as_image
    from ..io import WRITERS, read, write

    image = as_image(np.random.default_rng(0).random((20, 24), np.float32), pixel_size_um=0.1)
    with tempfile.TemporaryDirectory() as folder:
        for format, (_, _, end) in WRITERS.items():
            path = Path(folder) / f"{format}{end}"
            write(path, image, format=format)
            back = read(path)
            same = np.array_equal(np.asarray(back.data).squeeze(), np.asarray(image.data))
            if not same or abs((back.pixel_size_um or 0) - 0.1) > 1e-6:
                return Finding(
                    "files", "broken", f"{format} comes back different", "pip install --upgrade tifffile zarr"
                )
    return Finding("files", "ok", f"written and read back: {', '.join(WRITERS)}")


CHECKS: Final[tuple[tuple[str, Callable[[], Finding], str], ...]] = (
    ("python", python, f"install Python 3.11 or newer (this is {sys.version_info.major}.{sys.version_info.minor})"),
    ("processor", processor, "pip install --upgrade --force-reinstall numba llvmlite"),
    ("memory", memory, "pip install --upgrade psutil"),
    ("disk", disk, "work in a folder that exists, and set TMPDIR to one that can be written"),
    ("graphics", graphics, "nothing to do: no graphics card is needed"),
    ("codecs", codecs, "pip install --upgrade imagecodecs"),
    ("libraries", libraries, "pip install --upgrade sparsescope"),
    ("caches", caches, "set NUMBA_CACHE_DIR and XDG_CACHE_HOME to folders that can be written"),
    ("kernels", kernels, "pip install --upgrade --force-reinstall numba llvmlite, and report it"),
    ("files", files, "pip install --upgrade tifffile imagecodecs zarr; set TMPDIR to a folder that can be written"),
)
"""What is looked at, in order, and what to do when looking fails."""
