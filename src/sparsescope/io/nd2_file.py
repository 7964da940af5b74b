"""Nikon ND2 files (NIS-Elements 3 and later) in; the one file that names nd2."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..image import Channel, Image
from . import container
from .container import Stored
from .damage import check_count
from .facts import Facts, positive
from .safe_xml import parse_xml

if TYPE_CHECKING:
    import nd2

KIND = "Nikon ND2"
_MAGIC = 0x0ABECEDA
_HEADER = struct.Struct("<IIQ")
_MAP_NAME = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_FRAME = b"ImageDataSeq|"
_PAGE = 4096
_METADATA_BYTES = 2**26
"""A larger chunk of metadata is not looked at; those of hour-long movies are below a tenth of it."""

_SHARPER = ("sora", "liveSR", "RCM", "VCS")
"""Flags of microscopes whose resolution NA and wavelength do not set."""

_MODALITIES = {
    "spinningDiskConfocal": "SpinningDiskConfocal",
    "dsdConfocal": "SpinningDiskConfocal",
    "sweptFieldConfocalSlit": "SweptFieldConfocal",
    "sweptFieldConfocalPinhole": "SweptFieldConfocal",
    "multiphoton": "MultiPhotonMicroscopy",
    "TIRF": "TIRF",
    "SIM": "StructuredIllumination",
    "iSIM": "StructuredIllumination",
    "laserScanConfocal": "LaserScanningConfocalMicroscopy",
    "brightfield": "BrightField",
    "camera": "WideField",
}
"""nd2's flags to OME's words, the more special ones first."""


def read(path: Path, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]) -> Image:
    """Read one position of an ND2 file; see :func:`sparsescope.io.read`."""
    return container.read(path, KIND, _File, axes=axes, series=series, lazy=lazy)


def read_provenance(path: Path) -> dict[str, Any]:  # noqa: ARG001 - the same for every format
    """Return nothing: no result is written in this format."""
    return {}


class _File:
    """An open ND2 file whose chunks have proved to lie in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chunks = _chunks(path)
        self._last: tuple[int, npt.NDArray[Any]] | None = None  # frames hold all channels and are unpacked once
        import nd2

        self._file = nd2.ND2File(path)
        try:
            self.images = [self._stored()]
        except BaseException:
            self._file.close()
            raise

    def _stored(self) -> Stored:
        file, name = self._file, self._path.name
        sizes = dict(file.sizes)
        attributes = file.attributes
        if any(n <= 0 for n in sizes.values()):
            raise InputError(f"{name} is damaged: its lengths are {sizes}. Copy it again from where it was acquired")
        lead = [axis for axis in sizes if axis not in "YXS"]
        stored = [*lead, "Y", "X", *(["S"] if "S" in sizes else [])]
        axes, shape = "".join(stored).replace("U", "Q"), tuple(sizes.get(axis, 1) for axis in stored)
        self._channels = sizes.get("C", 1)
        if "C" in lead and lead[-1] != "C":
            raise InputError(f"{name} has a loop inside its channels, which cannot be used: export it as OME-TIFF")
        frames = int(np.prod([n for axis, n in sizes.items() if axis not in "CYXS"], dtype=np.int64))
        self._check_frames(frames)
        self._packed = attributes.compressionType == "lossless"
        if attributes.compressionType == "lossy":
            raise InputError(f"{name} is compressed with loss, which cannot be read: export it as OME-TIFF")
        row = attributes.widthBytes or 0
        self._frame_bytes = row * attributes.heightPx
        least = sizes["X"] * self._channels * sizes.get("S", 1) * file.dtype.itemsize
        if row < least:
            raise InputError(f"{name} is damaged: a row of {row} bytes cannot hold {sizes['X']} pixels")
        if not self._packed:
            self._check_bytes(frames)
        return Stored(axes, shape, np.dtype(file.dtype), self._facts)

    def _check_frames(self, frames: int) -> None:
        """Raise InputError unless each frame that the experiment declares is there; nd2 would give zeros."""
        there = sum(name.startswith(_FRAME) for name in self._chunks)
        if frames <= there and all(b"%s%d!" % (_FRAME, i) in self._chunks for i in range(frames)):
            return
        check_count(self._path.name, frames, min(there, frames - 1))

    def _check_bytes(self, frames: int) -> None:
        size = self._path.stat().st_size
        for i in range(frames):
            offset, length = self._chunks[b"%s%d!" % (_FRAME, i)]
            known = length if length != offset else self._frame_bytes  # some writers repeat the offset
            if known < self._frame_bytes or offset + _PAGE + self._frame_bytes > size:
                raise InputError(
                    f"{self._path.name} is cut off or damaged: frame {i + 1} of {frames} is not complete. "
                    "Copy it again from where it was acquired"
                )

    def plane(self, image: int, number: int) -> npt.NDArray[Any]:  # noqa: ARG002 - there is one
        """Read a channel of a frame."""
        frame, channel = divmod(number, self._channels)
        if self._last is None or self._last[0] != frame:
            self._last = frame, self._unpacked(frame) if self._packed else self._file.read_frame(frame)
        pixels = self._last[1]
        return pixels[channel] if self._channels > 1 else pixels

    def _unpacked(self, frame: int) -> npt.NDArray[Any]:
        """Return a compressed frame as nd2 gives it, without ever making more bytes than the frame has."""
        offset, length = self._chunks[b"%s%d!" % (_FRAME, frame)]
        with self._path.open("rb") as content:
            content.seek(offset + _PAGE)
            data = zlib.decompressobj().decompress(content.read(length), self._frame_bytes)
        attributes, dtype = self._file.attributes, self._file.dtype
        count = attributes.componentCount
        rows = np.frombuffer(data, np.uint8).reshape(attributes.heightPx, attributes.widthBytes or 0)
        width = attributes.widthPx or 0
        pixels = rows[:, : width * count * dtype.itemsize].copy().view(dtype).reshape(len(rows), width, count)
        samples = self._file.sizes.get("S", 1)
        split = pixels.reshape(len(rows), width, count // samples, samples)
        return np.squeeze(np.moveaxis(split, 2, 0))

    def close(self) -> None:
        """Close the file."""
        self._last = None
        self._file.close()

    def _facts(self, fixed: Mapping[str, int]) -> Facts:  # noqa: ARG002 - the same for each position
        facts = Facts()
        for describe, what in ((_channels, "channels and optics"), (_loops, "loops")):
            try:
                describe(self._file, facts)
            except Exception:  # noqa: BLE001 - the pixels are good whatever the description holds
                facts.notes.append(f"what the file says about its {what} could not be read and was left out")
        return facts


def _chunks(path: Path) -> dict[bytes, tuple[int, int]]:
    """Return offset and length of each chunk by name; raise InputError where one leaves the file or holds entities."""
    size, name = path.stat().st_size, path.name
    cut = f"{name} is cut off: the map of its parts is not at its end. Copy it again from where it was acquired"
    with path.open("rb") as file:
        file.seek(max(size - 40, 0))
        tail = file.read(40)
        if len(tail) < 40 or not tail.startswith(_MAP_NAME):
            raise InputError(cut)
        (start,) = struct.unpack("<Q", tail[32:])
        content = _chunk(file, start, size)
        if content is None:
            raise InputError(cut)
        found: dict[bytes, tuple[int, int]] = {}
        at = 0
        while (end := content.find(b"!", at) + 1) > 0 and content[at:end] != _MAP_NAME:
            if end + 16 > len(content):
                raise InputError(f"{name} is damaged: the map of its parts is not complete")
            found[content[at:end]] = struct.unpack_from("<QQ", content, end)
            at = end + 16
        for key, (offset, _) in found.items():
            if not key.startswith((_FRAME, b"CustomData")):
                _check_text(name, key, _chunk(file, offset, size))
    return found


def _chunk(file: Any, offset: int, size: int) -> bytes | None:
    """Return the content of a chunk, None where it is not complete or too large for metadata."""
    if offset + _HEADER.size > size:
        return None
    file.seek(offset)
    magic, name_length, length = _HEADER.unpack(file.read(_HEADER.size))
    if magic != _MAGIC or offset + _HEADER.size + name_length + length > size or length > _METADATA_BYTES:
        return None
    file.seek(name_length, 1)
    content: bytes = file.read(length)
    return content


def _check_text(name: str, key: bytes, content: bytes | None) -> None:
    """Raise InputError where metadata are missing, or are XML with entities: nd2 parses it with an ordinary parser."""
    if content is None:
        what = key.decode(errors="replace")
        raise InputError(f"{name} is cut off or damaged: its part {what} lies outside the file or is too large")
    if content.startswith(b"<"):
        parse_xml(name, content, "metadata")


def _channels(file: nd2.ND2File, facts: Facts) -> None:
    """Fill in sizes, channels and optics."""
    facts.meta["bits"] = int(file.attributes.bitsPerComponentSignificant)
    try:
        metadata = file.metadata
    except UnboundLocalError:  # nd2 0.12, for channels without a fluorescent probe
        _raw(file, facts)
        return
    channels = (metadata.channels or []) if metadata else []
    facts.channels = tuple(
        Channel(
            one.channel.name or None,
            (int(one.channel.color.r), int(one.channel.color.g), int(one.channel.color.b)),
            positive(one.channel.emissionLambdaNm),
            positive(one.channel.excitationLambdaNm),
        )
        for one in channels
    )
    if channels:
        volume, scope = channels[0].volume, channels[0].microscope
        for axis, known, size in zip("xyz", volume.axesCalibrated, volume.axesCalibration, strict=True):
            if known and positive(size):
                facts.spacing_um[axis] = float(size)
        numbers = {
            "numerical_aperture": scope.objectiveNumericalAperture,
            "refractive_index": scope.immersionRefractiveIndex,
            "pinhole_um": scope.pinholeDiameterUm,
        }
        facts.meta |= {key: float(value) for key, value in numbers.items() if value is not None and positive(value)}
        modality = next((word for flag, word in _MODALITIES.items() if flag in scope.modalityFlags), None)
        sharper = [flag for flag in _SHARPER if flag in scope.modalityFlags]
        if sharper:
            facts.notes.append(
                f"the microscope works beyond a confocal one ({', '.join(sharper)}): its kind is left out"
            )
        elif modality:
            facts.meta["modality"] = modality


def _raw(file: nd2.ND2File, facts: Facts) -> None:
    """Fill in what stands in the metadata as they are stored."""
    every: Mapping[str, Any] = file.unstructured_metadata(strip_prefix=False)
    found: Mapping[str, Any] = next((value for key, value in every.items() if key.startswith("ImageMetadataSeq")), {})
    found = found.get("SLxPictureMetadata", found)
    if found.get("bCalibrated") and positive(found.get("dCalibration")):
        facts.spacing_um |= {"x": float(found["dCalibration"]), "y": float(found["dCalibration"])}
    for key, name in (("dObjectiveNA", "numerical_aperture"), ("dRefractIndex1", "refractive_index")):
        number = positive(found.get(key))
        facts.meta |= {} if number is None else {name: number}
    planes = found.get("sPicturePlanes", {}).get("sPlaneNew", {}).values()
    facts.channels = tuple(Channel(str(one.get("sDescription") or "") or None) for one in planes)


def _loops(file: nd2.ND2File, facts: Facts) -> None:
    """Fill in the step along z and the interval."""
    for loop in file.experiment:
        _describe_loop(loop, facts)


def _describe_loop(loop: Any, facts: Facts) -> None:
    """Take the step along z and the interval from a loop of the experiment."""
    if loop.type == "ZStackLoop" and positive(loop.parameters.stepUm):
        facts.spacing_um["z"] = float(loop.parameters.stepUm)
    if loop.type == "TimeLoop":
        facts.interval_s = _period(loop.parameters)
    if loop.type == "NETimeLoop":
        periods = {_period(period) for period in loop.parameters.periods}
        facts.interval_s = periods.pop() if len(periods) == 1 else None
        if periods:
            facts.notes.append("the interval changes during the movie and is left out")


def _period(parameters: Any) -> float | None:
    """Return the measured mean interval in seconds, else the one that was asked for."""
    measured = positive(parameters.periodDiff.avg) if parameters.periodDiff else None
    interval = measured or positive(parameters.periodMs)
    return None if interval is None else interval / 1000
