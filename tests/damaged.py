"""Good small files of every format, and ways to damage them; run as a program it reads many of them and reports."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import tifffile

import microscope_files as files
from sparsescope import io
from sparsescope.errors import SparsescopeError
from sparsescope.image import Channel, Image

RNG = np.random.default_rng(7)
DATA = RNG.integers(0, 4000, (2, 3, 2, 24, 20)).astype("uint16")
SECONDS = 5
MEMORY = 6 * 2**30


def _image() -> Image:
    channels = [Channel("a", (0, 255, 0), 525.0, 488.0), Channel("b")]
    return Image(
        DATA.swapaxes(1, 2), "TCZYX", {"x": 0.065, "y": 0.065, "z": 0.3}, 1.5, channels, {"provenance": {"a": 1}}
    )


def _written(name: str, **how: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        io.write(folder / name, _image(), dtype="uint16", **how)
        return folder / name

    return make


def _tiff(name: str, **how: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        tifffile.imwrite(folder / name, DATA[:, :, 0].reshape(6, 24, 20), metadata={"axes": "TYX"}, **how)
        return folder / name

    return make


def _mrc(folder: Path) -> Path:
    with mrcfile.new(folder / "a.mrc") as file:
        file.set_data(DATA[0, :, 0])
        file.voxel_size = 650.0
    return folder / "a.mrc"


def _series(folder: Path) -> Path:
    (folder / "series").mkdir()
    for t in range(2):
        for z in range(3):
            tifffile.imwrite(folder / "series" / f"a_t{t}_z{z:02}.tif", DATA[t, z, 0])
    return folder / "series"


def _czi(folder: Path) -> Path:
    blocks = [({"C": c, "Z": z}, DATA[0, z, c], 5 * (c > 0)) for z in range(3) for c in range(2)]
    return files.czi(folder / "a.czi", blocks, files.CZI_XML)


def _lif(folder: Path) -> Path:
    return files.lif(folder / "a.lif", {"one": ("TZCYX", DATA)}, files.LIF_SETTINGS)


MAKERS: dict[str, Callable[[Path], Path]] = {
    "ome-tiff": _written("a.ome.tif"),
    "imagej": _written("b.tif", format="imagej"),
    "zarr 0.5": _written("a.ome.zarr"),
    "zarr 0.4": _written("b.ome.zarr", format="ome-zarr-0.4"),
    "tiff zlib": _tiff("c.tif", compression="zlib", photometric="minisblack"),
    "tiff tiled": _tiff("d.tif", tile=(16, 16), compression="lzw", bigtiff=True, photometric="minisblack"),
    "tiff series": _series,
    "nd2": lambda folder: files.nd2(folder / "a.nd2", DATA, "TZ", channels=("a", "b")),
    "nd2 packed": lambda folder: files.nd2(folder / "b.nd2", DATA[0], "Z", channels=("a", "b"), packed=True),
    "czi": _czi,
    "lif": _lif,
    "oib": lambda folder: files.oib(folder / "a.oib", DATA[0], "ZCYX"),
    "oif": lambda folder: files.oif(folder / "a.oif", DATA[0], "ZCYX"),
    "mrc": _mrc,
}
"""A good file of each kind, by name."""

EXTREMES = [
    b"\0" * 8,
    b"\xff" * 8,
    b"\xff\xff\xff\x7f" * 2,
    b"\xff" * 7 + b"\x7f",
    b"\1" + b"\0" * 7,
    b"\0\0\0\x80" * 2,
]


def damage(content: bytes, rng: random.Random) -> bytes:  # noqa: PLR0911 - one for each kind
    """Return the bytes of a file with one kind of damage."""
    size = len(content)
    head = min(size, 1200)
    at = rng.choice((rng.randrange(head), rng.randrange(head), size - 1 - rng.randrange(head), rng.randrange(size)))
    kind = rng.choice(("cut", "flip", "field", "field", "noise", "remove", "repeat", "swap"))
    if kind == "cut":
        return content[:at]
    if kind == "flip":
        out = bytearray(content)
        for _ in range(rng.randint(1, 12)):
            out[max(at - rng.randrange(head), 0)] ^= 1 << rng.randrange(8)
        return bytes(out)
    if kind == "field":
        at -= at % rng.choice((1, 2, 4, 8))
        new = rng.choice(EXTREMES)[: rng.choice((1, 2, 4, 8))]
        return content[:at] + new + content[at + len(new) :]
    if kind == "noise":
        new = rng.randbytes(rng.randint(1, 64))
        return content[:at] + new + content[at + len(new) :]
    if kind == "remove":
        return content[:at] + content[at + rng.randint(1, 64) :]
    if kind == "repeat":
        return content[:at] + content[max(at - 64, 0) : at] + content[at:]
    return content.replace(b"1", b"9" * rng.randint(1, 12), rng.randint(1, 3))


def damage_json(content: bytes, rng: random.Random) -> bytes:
    """Return a JSON text in which one value is another one, or missing."""
    found = json.loads(content)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []:
            places.append((node, key))
            walk(node[key])

    walk(found)
    if not places:
        return b"[]"
    node, key = rng.choice(places)
    strange: list[Any] = [
        None,
        -1,
        0,
        2**31,
        2**62,
        1e308,
        "",
        "../../../etc",
        "pickle",
        [],
        {},
        [[]],
        True,
        float("nan"),
    ]
    if rng.random() < 0.2:
        del node[key]
    else:
        node[key] = rng.choice(strange)
    return json.dumps(found).encode()


def damaged(good: Path, folder: Path, rng: random.Random) -> Path:
    """Copy a good file, or folder, with something wrong in it."""
    target = folder / good.name
    beside = good.with_name(good.name + ".files")
    if beside.is_dir():
        shutil.copytree(beside, folder / beside.name)
    if good.is_dir():
        shutil.copytree(good, target)
    else:
        shutil.copy(good, target)
    parts = sorted(part for part in folder.rglob("*") if part.is_file())
    described = [part for part in parts if part.name in ("zarr.json", ".zarray", ".zattrs", ".zgroup", good.name)]
    victim = rng.choice(described if described and rng.random() < 0.7 else parts)
    content = victim.read_bytes()
    if len(parts) > 1 and rng.random() < 0.05:
        victim.unlink()
    elif victim.suffix == ".json" or victim.name.startswith(".z"):
        victim.write_bytes(damage_json(content, rng) if rng.random() < 0.7 else damage(content, rng))
    else:
        victim.write_bytes(damage(content, rng))
    return target


class Hang(BaseException):
    """Nothing came back in time."""


def _stop(*_: object) -> None:
    raise Hang


def outcome(path: Path, out: Path) -> str:
    """Read a file at once, and again plane by plane into a result; say how it went, ``bad: …`` if not as promised."""
    try:
        image = io.read(path)
        io.write(out / "result.ome.tif", io.read(path, lazy=True), dtype=str(image.dtype))
    except SparsescopeError as error:
        said = f"refused: {error}"
    except Hang:
        said = f"bad: nothing came back in {SECONDS} s"
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        said = f"bad: {type(error).__name__}: {error}"
    else:
        said = "read"
    left = sorted(entry.name for entry in out.iterdir())
    if left != (["result.ome.tif"] if said == "read" else []):
        said = f"bad: left {left} behind ({said})"
    return said


def say(row: dict[str, Any]) -> None:
    """Print a line at once: the process may end before the next one."""
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def cases(folder: Path, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Damage and read; each number is a case, always the same."""
    good_folder = folder / "good"
    good_folder.mkdir()
    good = {name: make(good_folder) for name, make in MAKERS.items()}
    names = list(good)
    for number in range(first, last):
        rng = random.Random(number)
        name = names[number % len(names)]
        place, out = folder / str(number), folder / f"{number} out"
        place.mkdir()
        out.mkdir()
        path = damaged(good[name], place, rng)
        say({"case": number, "format": name})  # so that a crash has a name
        start = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        said = outcome(path, out)
        signal.setitimer(signal.ITIMER_REAL, 0)
        yield {"case": number, "format": name, "said": said, "seconds": time.perf_counter() - start}
        for part in (place, out):
            shutil.rmtree(part)


def main() -> None:
    """Read the cases from FIRST to LAST in FOLDER, one JSON line for each on stdout."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _stop)
    for case in cases(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])):
        say(case)


if __name__ == "__main__":
    main()
