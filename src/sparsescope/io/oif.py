"""Olympus OIB and OIF files in; the one file that names oiffile."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Channel, Image
from . import container
from .container import Stored
from .damage import check_chain, check_claim, check_count
from .facts import Facts, length_um, positive, time_s
from .guard import explained

if TYPE_CHECKING:
    from oiffile import OifFile

KIND = "Olympus OIB/OIF"
_LETTERS = {"L": "E", "A": "A", "P": "P", "C": "C", "Z": "Z", "T": "T"}
"""Olympus' letters for the axes before the plane to ours: L is a wavelength of a spectral scan."""

_NOTHING = 0xFFFFFFFA
_END = 0xFFFFFFFE
_AGAIN = "Copy it again from where it was acquired"
_TOKEN = re.compile(r"([A-Z])(\d+)")


def read(path: Path, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]) -> Image:
    """Read an OIB file, or an OIF file with its folder; see :func:`sparsescope.io.read`."""
    return container.read(path, KIND, _File, axes=axes, series=series, lazy=lazy)


def read_provenance(path: Path) -> dict[str, Any]:  # noqa: ARG001 - the same for every format
    """Return nothing: no result is written in this format."""
    return {}


class _File:
    """An open OIB or OIF file: settings as text, and a TIFF for each plane."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with path.open("rb") as content:
            compound = content.read(4) == b"\xd0\xcf\x11\xe0"
        if compound:
            _check_chains(path)
        elif not path.with_name(f"{path.name}.files").is_dir():
            raise InputError(f"{path.name} has its pixels in a folder {path.name}.files, which is not beside it")
        import oiffile

        if not compound and path.suffix.lower() != ".oif":
            raise InputError(f"{path.name} looks like an Olympus OIF file: its name must end in .oif")
        self._file = oiffile.OifFile(path)
        try:
            self._planes = _planes(self._file.filesystem.files())
            self.images = [self._stored()]
        except BaseException:
            self._file.close()
            raise

    def _stored(self) -> Stored:
        if not self._planes:
            raise InputError(f"{self._name} holds no plane of pixels. {_AGAIN}")
        places = [dict(_TOKEN.findall(place)) for place in self._planes]
        letters = [letter for letter in "PALTZC" if letter in places[0]]
        starts = {letter: sorted({int(place.get(letter, 0)) for place in places}) for letter in letters}
        lead = [letter for letter in letters if len(starts[letter]) > 1]
        expected = int(np.prod([len(starts[letter]) for letter in lead], dtype=np.int64))
        declared = int(np.prod([self._declared().get(letter, 1) for letter in letters], dtype=np.int64))
        check_count(self._name, max(expected, declared, len(self._planes)), len(self._planes))
        order = sorted(range(len(places)), key=lambda i: tuple(int(places[i].get(letter, 0)) for letter in lead))
        files = list(self._planes.values())
        self._files = [files[i] for i in order]
        first = self._pixels(self._files[0])
        axes = "".join(_LETTERS[letter] for letter in lead) + ("YXS" if first.ndim == 3 else "YX")
        return Stored(axes, (*(len(starts[letter]) for letter in lead), *first.shape), first.dtype, self._facts)

    def _declared(self) -> dict[str, int]:
        """Return the length of each axis that the settings name."""
        settings: Mapping[str, Any] = self._file.mainfile
        sections = [settings.get(f"Axis {i} Parameters Common", {}) for i in range(8)]
        return {
            str(one.get("AxisCode")): int(one.get("MaxSize", 0)) for one in sections if int(one.get("MaxSize", 0)) > 1
        }

    def plane(self, image: int, number: int) -> npt.NDArray[Any]:  # noqa: ARG002 - there is one
        """Read the TIFF of a plane."""
        return self._pixels(self._files[number])

    def _pixels(self, file: str) -> npt.NDArray[Any]:
        with self._file.filesystem.open_file(file) as content:
            size = content.seek(0, 2)
            content.seek(0)
            check_chain(self._name, content, size)
            content.seek(0)
            return _decode(self._name, content, size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _facts(self, fixed: Mapping[str, int]) -> Facts:  # noqa: ARG002 - the same for each
        facts = Facts()
        try:
            _describe(self._file, self.images[0].axes, facts)
            _optics(self._file, self._files[0], facts)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            facts.notes.append("the metadata of the file are damaged and were left out")
        return facts


def _decode(name: str, content: Any, size: int) -> npt.NDArray[Any]:
    from .tiff import one_plane

    with explained(name, "the TIFF of a plane in it is damaged"):
        return one_plane(content, lambda nbytes: check_claim(name, nbytes, size))


def _planes(files: Any) -> dict[str, str]:
    """Return the files of planes by their place, such as C001Z002; previews and thumbnails are others."""
    found: dict[str, str] = {}
    for file in sorted(files):
        match = re.fullmatch(r"s_((?:[A-Z]\d+)+)\.tiff?", file.replace("\\", "/").rsplit("/", 1)[-1], re.IGNORECASE)
        if match:
            found[match[1].upper()] = file
    return found


def _check_chains(path: Path) -> None:
    """Raise InputError where the sectors of a compound file run in a circle or leave it: oiffile would follow them.

    Notes
    -----
    Layout after [MS-CFB], the open specification of compound files.
    """
    size = path.stat().st_size
    damaged = f"{path.name} is cut off or damaged: its directory of parts cannot be followed. {_AGAIN}"
    with path.open("rb") as file:
        head = file.read(512)
        if len(head) < 512 or head[30] not in (9, 12):
            raise InputError(damaged)
        sector = 1 << head[30]
        (tables,) = struct.unpack_from("<I", head, 44)
        small, count, more, extra = struct.unpack_from("<4I", head, 60)
        if max(tables, count, extra) * sector > size:
            raise InputError(damaged)

        def numbers(at: int) -> Sequence[int]:
            if (at + 2) * sector > size + sector - 1:
                raise InputError(damaged)
            file.seek((at + 1) * sector)
            return struct.unpack(f"<{sector // 4}I", file.read(sector).ljust(sector, b"\xff"))

        places = list(struct.unpack_from("<109I", head, 76))
        for _ in range(extra):
            *here, more = numbers(more)
            places += here
        following = [after for at in places[:tables] for after in numbers(at)]
        short: list[int] = []
        while small < _NOTHING and len(short) < count * sector // 4:
            short += numbers(small)
            small = following[small] if small < len(following) else _END
    if _circles(following) or _circles(short):
        raise InputError(damaged)


def _circles(following: Sequence[int]) -> bool:
    """Whether some chain comes back to where it was."""
    state = bytearray(len(following))  # 1: on the present chain, 2: followed to its end
    for start in range(len(following)):
        at, chain = start, []
        while at < len(following) and state[at] == 0:
            state[at] = 1
            chain.append(at)
            at = following[at]
        if at < len(following) and state[at] == 1:
            return True
        for one in chain:
            state[one] = 2
    return False


def _describe(file: OifFile, axes: str, facts: Facts) -> None:
    """Fill in sizes, interval, channels and optics from the main settings."""
    settings: Mapping[str, Any] = file.mainfile
    reference = settings.get("Reference Image Parameter", {})
    for axis, key in (("x", "Width"), ("y", "Height")):
        size = length_um(reference.get(f"{key}ConvertValue"), str(reference.get(f"{key}Unit")))
        if size is not None:
            facts.spacing_um[axis] = size
    for i in range(8):
        axis = settings.get(f"Axis {i} Parameters Common", {})
        steps = int(axis.get("MaxSize", 0)) - 1
        if steps < 1:
            continue
        span = abs(float(axis.get("EndPosition", 0)) - float(axis.get("StartPosition", 0))) / steps
        unit = str(axis.get("UnitName") or axis.get("PixUnit"))
        if axis.get("AxisCode") == "Z":
            size = length_um(axis.get("Interval"), unit) or length_um(span, unit)
            facts.spacing_um |= {} if size is None else {"z": size}
        if axis.get("AxisCode") == "T":
            facts.interval_s = time_s(span, unit)
    bits = positive(reference.get("ValidBitCounts"))
    if bits is not None:
        facts.meta["bits"] = int(bits)
    if "E" not in axes:
        facts.channels = tuple(_channels(settings))


def _channels(settings: Mapping[str, Any]) -> list[Channel]:
    found = []
    for i in range(1, 30):
        one = settings.get(f"Channel {i} Parameters")
        if one is None:
            continue
        dye = str(one.get("DyeName") or "None")
        name = str(one.get("CH Name") or "") or None if dye == "None" else dye
        emission, excitation = (positive(one.get(f"{kind}Wavelength")) for kind in ("Emission", "Excitation"))
        band = re.fullmatch(r"BA(\d{3})-(\d{3})", str(one.get("BF Name")))
        if emission is None and band and one.get("LightType") != "Transmitted Light":
            emission = (float(band[1]) + float(band[2])) / 2
        found.append(Channel(name, None, emission, excitation))
    return found


def _optics(file: OifFile, first: str, facts: Facts) -> None:
    """Add objective and pinhole, which the settings beside the first plane hold."""
    facts.meta["modality"] = "LaserScanningConfocalMicroscopy"
    beside = f"{first.rpartition('.')[0]}.pty"
    if beside not in set(file.filesystem.files()):
        return
    import oiffile

    settings = oiffile.SettingsFile(file.filesystem.open_file(beside), beside)
    section = settings.get("Acquisition Parameters Common", {})
    aperture = positive(section.get("ObjectiveLens NAValue"))
    if aperture is not None:
        facts.meta["numerical_aperture"] = aperture
    pinhole = length_um(section.get("PinholeDiameter"), "nm")
    if pinhole is not None:
        facts.meta["pinhole_um"] = pinhole
