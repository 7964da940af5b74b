"""Files of microscopes written byte by byte, for tests of what reads them: no program writes most of these formats."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

Pixels = npt.NDArray[Any]

# ---------------------------------------------------------------- Nikon ND2: chunks, then a map of them


def _lite(values: Mapping[str, Any]) -> bytes:
    """Encode a nested mapping as NIS-Elements' "lite variant"."""
    out = b""
    for name, value in values.items():
        kind, body = _lite_value(value)
        text = (name + "\0").encode("utf-16-le")
        head = struct.pack("BB", kind, len(name) + 1) + text
        if kind == 11:
            count = len(value)
            body = struct.pack("<IQ", count, len(head) + 12 + len(body)) + body + bytes(8 * count)
        out += head + body
    return out


def _lite_value(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return 1, struct.pack("B", value)
    if isinstance(value, int):
        return 3, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<d", value)
    if isinstance(value, str):
        return 8, (value + "\0").encode("utf-16-le")
    if isinstance(value, bytes):
        return 9, struct.pack("<Q", len(value)) + value
    return 11, _lite(value)


def _spectrum(wavelength: float) -> dict[str, Any]:
    return {"uiCount": 1, "pPoint": {"Point0": {"eType": 2, "dWavelength": wavelength, "dTValue": 1.0}}}


_PROBE = {"pFluorescentProbe": {"m_ExcitationSpectrum": _spectrum(488.0), "m_EmissionSpectrum": _spectrum(525.0)}}


def _loop(kind: str, count: int, following: Mapping[str, Any] | None) -> dict[str, Any]:
    """Describe a loop of an experiment: T (1.5 s), P (stage positions) or Z (0.25 µm)."""
    number = {"T": 1, "P": 2, "Z": 4}[kind]
    pars: dict[str, Any] = {"uiCount": count}
    if kind == "T":
        pars |= {"dPeriod": 1500.0, "dDuration": 1500.0 * count, "dStart": 0.0}
        pars |= {"dAvgPeriodDiff": 1500.0, "dMaxPeriodDiff": 1500.0, "dMinPeriodDiff": 1500.0}
    if kind == "Z":
        pars |= {"dZStep": 0.25, "dZLow": 0.0, "dZHigh": 0.25 * (count - 1), "dZHome": 0.0, "bZInverted": False}
        pars |= {"dZLowPFSOffset": 0.0, "dZHighPFSOffset": 0.0, "iType": 0}
    if kind == "P":
        points = {
            f"i{i:010}": {"dPosX": 1.0 * i, "dPosY": 0.0, "dPosZ": 0.0, "dPFSOffset": 0.0, "dPosName": f"p{i}"}
            for i in range(count)
        }
        pars |= {"bUseZ": False, "Points": points}
    found: dict[str, Any] = {"eType": number, "uLoopPars": pars}
    if kind == "P":
        found["pItemValid"] = bytes([1] * count)
    if following:
        found["ppNextLevelEx"] = {"i0000000000": dict(following)}
    return found


def nd2(
    path: Path, data: Pixels, loops: str, *, channels: Sequence[str] = ("GFP",), packed: bool = False, **more: Any
) -> Path:
    """Write an ND2 file of version 3: `data` has an axis for each letter of `loops` (TPZ), then C, Y, X."""
    count, (height, width) = data.shape[-3], data.shape[-2:]
    frames = data.reshape(-1, count, height, width).transpose(0, 2, 3, 1)
    experiment: dict[str, Any] | None = None
    for kind, n in reversed(list(zip(loops, data.shape, strict=False))):
        experiment = _loop(kind, n, experiment)
    attributes = {
        "uiWidth": width, "uiWidthBytes": width * count * data.itemsize, "uiHeight": height, "uiComp": count,
        "uiBpcInMemory": 8 * data.itemsize, "uiBpcSignificant": more.get("bits", 8 * data.itemsize),
        "uiSequenceCount": len(frames), "uiTileWidth": width, "uiTileHeight": height,
        "eCompression": 0 if packed else 2, "dCompressionParam": 1.0, "ePixelType": 1, "uiVirtualComponents": count,
    }  # fmt: skip
    planes = {
        f"i{i:010}": {
            "uiCompCount": 1, "uiSampleIndex": 0, "uiModalityMask": more.get("mask", 0x201), "sDescription": name,
            "uiColor": 0x00FF00, "sOpticalConfigName": name, **(_PROBE if more.get("probe", True) else {}),
        }
        for i, name in enumerate(channels)
    }  # fmt: skip
    lens = {"dObjectiveNA": 1.45, "dRefractIndex": 1.515, "wsObjectiveName": "o"}
    settings = {"i0000000000": {"pObjectiveSetting": lens, "pCameraSetting": {}, "pDeviceSetting": {}}}
    metadata = {
        "dTimeMSec": 0.0, "bCalibrated": True, "dCalibration": more.get("size", 0.065), "dAspect": 1.0,
        "dObjectiveNA": 1.45, "dRefractIndex1": 1.515, "dPinholeRadius": 15.0, "wsObjectiveName": "Plan Apo 100x",
        "dObjectiveMag": 100.0, "dZoom": 1.0, "dZStep": 0.25, "uiConCount": 0,
        "sPicturePlanes": {"uiCount": len(channels), "uiCompCount": count, "sPlaneNew": planes, "uiSampleCount": 1,
                           "sSampleSetting": settings},
    }  # fmt: skip
    chunks: dict[bytes, bytes] = {
        b"ImageAttributesLV!": _lite({"SLxImageAttributes": attributes}),
        b"ImageMetadataSeqLV|0!": _lite({"SLxPictureMetadata": metadata}),
    }
    if experiment:
        chunks[b"ImageMetadataLV!"] = _lite({"SLxExperiment": experiment})
    for i, frame in enumerate(frames):
        pixels = np.ascontiguousarray(frame).tobytes()
        chunks[b"ImageDataSeq|%d!" % i] = bytes(8) + (zlib.compress(pixels) if packed else pixels)
    chunks.update(more.get("chunks", {}))
    out = _nd2_chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"), 32)
    places = b""
    for name, content in chunks.items():
        out = out.ljust(-(-len(out) // 4096) * 4096, b"\0")
        places += name + struct.pack("<QQ", len(out), len(content))
        out += _nd2_chunk(name, content, 4072)
    end = len(out)
    table = places + b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", end)
    path.write_bytes(out + _nd2_chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", table, 32))
    return path


def _nd2_chunk(name: bytes, content: bytes, room: int) -> bytes:
    return struct.pack("<IIQ", 0x0ABECEDA, room, len(content)) + name.ljust(room, b"\0") + content


# ---------------------------------------------------------------- Zeiss CZI: segments, then a directory of blocks


def czi(path: Path, blocks: Sequence[tuple[Mapping[str, int], Pixels, int]], xml: str = "", **more: Any) -> Path:
    """Write a CZI file: each block has its place by dimension, its pixels, and its compression (0, 4, 5 or 6).

    Pixels of three axes are colour samples, blue first.
    """
    out = bytearray(544)
    directory = b""
    for at, pixels, compression in blocks:
        entry = _czi_entry(at, pixels, compression, len(out), more.get("reduced", {}).get(tuple(at.items()), 1))
        directory += entry
        data = _czi_packed(pixels, compression)
        fixed = (struct.pack("<iiq", 0, 0, len(data)) + entry).ljust(256, b"\0")
        out += _czi_segment(b"ZISRAWSUBBLOCK", fixed + data)
    directory_at = len(out)
    out += _czi_segment(b"ZISRAWDIRECTORY", struct.pack("<i", len(blocks)).ljust(128, b"\0") + directory)
    metadata_at = len(out)
    text = xml.encode()
    out += _czi_segment(b"ZISRAWMETADATA", struct.pack("<ii", len(text), 0).ljust(256, b"\0") + text)
    head = struct.pack("<4i32x", 1, 0, 0, 0) + struct.pack(
        "<iqqiq", more.get("part", 0), directory_at, metadata_at if xml else 0, more.get("pending", 0), 0
    )
    out[:544] = struct.pack("<16sqq", b"ZISRAWFILE", 512, 512) + head.ljust(512, b"\0")
    path.write_bytes(bytes(out))
    return path


def _czi_segment(name: bytes, content: bytes) -> bytes:
    return struct.pack("<16sqq", name, len(content), len(content)) + content


def _czi_packed(pixels: Pixels, compression: int) -> bytes:
    import imagecodecs

    raw = np.ascontiguousarray(pixels)
    if compression == 6:
        halves = np.concatenate([raw.view("u1").reshape(-1, 2)[:, 0], raw.view("u1").reshape(-1, 2)[:, 1]])
        return bytes([3, 1, 1]) + bytes(imagecodecs.zstd_encode(halves.tobytes()))
    if compression == 4:
        return bytes(imagecodecs.jpegxr_encode(raw, level=1.0))
    return bytes(imagecodecs.zstd_encode(raw.tobytes())) if compression == 5 else raw.tobytes()


def _czi_entry(at: Mapping[str, int], pixels: Pixels, compression: int, position: int, zoom: int) -> bytes:
    kind = {("u1", 2): 0, ("u2", 2): 1, ("f4", 2): 2, ("u1", 3): 3, ("u2", 3): 4}[pixels.dtype.str[1:], pixels.ndim]
    rows, columns = pixels.shape[:2]
    places = {**at, "Y": 0, "X": 0}
    sizes = {**dict.fromkeys(at, (1, 1)), "Y": (rows * zoom, rows), "X": (columns * zoom, columns)}
    body = b"".join(
        struct.pack("<4siifi", axis.encode(), start, sizes[axis][0], float(start), sizes[axis][1])
        for axis, start in places.items()
    )
    return struct.pack("<2siqiiB5xi", b"DV", kind, position, 0, compression, int(zoom > 1), len(places)) + body


CZI_XML = """<ImageDocument><Metadata>
 <Information><Image><ComponentBitCount>14</ComponentBitCount>
  <ObjectiveSettings><Medium>Water</Medium><ObjectiveRef Id="Objective:1"/></ObjectiveSettings>
  <Dimensions><T><Positions><Interval><Increment>2.5</Increment></Interval></Positions></T>
   <Channels><Channel Id="Channel:0" Name="EGFP"><EmissionWavelength>509</EmissionWavelength>
     <ExcitationWavelength>488</ExcitationWavelength><AcquisitionMode>SpinningDiskConfocal</AcquisitionMode>
     <PinholeSizeAiry>1.2</PinholeSizeAiry></Channel>
    <Channel Id="Channel:1" Name="mCherry"><EmissionWavelength>610</EmissionWavelength>
     <AcquisitionMode>WideField</AcquisitionMode></Channel></Channels></Dimensions></Image>
  <Instrument><Objectives><Objective Id="Objective:1"><LensNA>1.2</LensNA></Objective></Objectives></Instrument>
 </Information>
 <DisplaySetting><Channels><Channel Id="Channel:0"><Color>#FF00FF00</Color></Channel></Channels></DisplaySetting>
 <Scaling><Items><Distance Id="X"><Value>6.5e-8</Value></Distance><Distance Id="Y"><Value>6.5e-8</Value></Distance>
  <Distance Id="Z"><Value>3e-7</Value></Distance></Items></Scaling></Metadata></ImageDocument>"""
"""Metadata of two channels, as ZEN lays them out."""


# ---------------------------------------------------------------- Leica LIF: XML, then runs of bytes

_LIF_ID = {"X": 1, "Y": 2, "Z": 3, "T": 4, "M": 10}
_LIF_STEP = {"X": 65e-9, "Y": 65e-9, "Z": 3e-7, "T": 1.5, "M": 1.0}


def lif(path: Path, images: Mapping[str, tuple[str, Pixels]], settings: str = "") -> Path:
    """Write a LIF file: each image has its axes, letters of MTCZYX slowest first, and its pixels."""
    elements, blocks = "", b""
    for i, (name, (axes, pixels)) in enumerate(images.items()):
        data = np.ascontiguousarray(pixels)
        elements += _lif_image(name, axes, data, f"MemBlock_{i}", settings)
        title = f"MemBlock_{i}".encode("utf-16-le")
        blocks += struct.pack("<IIBQBI", 0x70, 14 + len(title), 0x2A, data.nbytes, 0x2A, len(title) // 2)
        blocks += title + data.tobytes()
    xml = (
        f'<LMSDataContainerHeader Version="2"><Element Name="{path.stem}" UniqueID="u"><Children>{elements}</Children>'
        "</Element></LMSDataContainerHeader>"
    )
    path.write_bytes(lif_header(xml) + blocks)
    return path


def lof(path: Path, axes: str, data: Pixels) -> Path:
    """Write a LOF file: one image, its pixels before its XML."""
    element = _lif_image("one", axes, data, "MemBlock_0", "")
    xml = f'<LMSDataContainerHeader Version="2">{element}</LMSDataContainerHeader>'
    pixels = struct.pack("<BIBI", 0x2A, 1, 0x2A, 0) + struct.pack("<BQ", 0x2A, data.nbytes) + data.tobytes()
    path.write_bytes(lif_header("LMS_Object_File") + pixels + lif_header(xml))
    return path


def lif_header(xml: str) -> bytes:
    """Return the first bytes of a LIF file with this XML."""
    text = xml.encode("utf-16-le")
    return struct.pack("<IIBI", 0x70, len(text) + 5, 0x2A, len(text) // 2) + text


def _lif_image(name: str, axes: str, data: Pixels, block: str, settings: str) -> str:
    strides = dict(zip(axes, data.strides, strict=True))
    lengths = dict(zip(axes, data.shape, strict=True))
    dimensions = "".join(
        f'<DimensionDescription DimID="{_LIF_ID[axis]}" NumberOfElements="{lengths[axis]}" Origin="0" '
        f'Length="{_LIF_STEP[axis] * (lengths[axis] - 1)}" Unit="m" BitInc="0" BytesInc="{strides[axis]}"/>'
        for axis in reversed(axes)
        if axis != "C"
    )
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="{8 * data.itemsize}" NameOfMeasuredQuantity="" '
        f'Min="0" Max="1" Unit="" LUTName="{lut}" IsLUTInverted="0" BytesInc="{i * strides.get("C", 0)}" BitInc="0">'
        f"<ChannelProperty><Key>DyeName</Key><Value>dye {i}</Value></ChannelProperty></ChannelDescription>"
        for i, lut in zip(range(lengths.get("C", 1)), ["Green", "Red", "Blue", "Gray"], strict=False)
    )
    return (
        f'<Element Name="{name}" UniqueID="{name}"><Data><Image><ImageDescription><Channels>{channels}</Channels>'
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription>{settings}</Image></Data>"
        f'<Memory Size="{data.nbytes}" MemoryBlockID="{block}"/></Element>'
    )


LIF_SETTINGS = """<Attachment Name="HardwareSetting"><ATLConfocalSettingDefinition NumericalAperture="1.3"
 RefractionIndex="1.451" Pinhole="6.2e-05" PinholeAiry="0.9"><Spectro>
 <MultiBand Channel="1" LeftWorld="500" RightWorld="550"/><MultiBand Channel="2" LeftWorld="600" RightWorld="640"/>
 </Spectro><DetectorList><Detector Channel="1" IsActive="1"/><Detector Channel="2" IsActive="1"/></DetectorList>
</ATLConfocalSettingDefinition></Attachment>"""
"""Settings of a confocal with two detectors in use."""


# ---------------------------------------------------------------- Olympus OIB (a compound file) and OIF (a folder)


def _olympus(data: Pixels, axes: str) -> dict[str, bytes]:
    """Return the parts of an Olympus recording by name; axes are TZC before YX."""
    lengths = dict(zip(axes, data.shape, strict=True))
    lines = ["[ProfileSaveInfo]", 'Name="COFAImages"', 'Version="2.0.0.0"']
    lines += ["[Axis Parameter Common]", f'AxisOrder="{axes[::-1]}"']
    for i, axis in enumerate("XYCZTALP"):
        n = lengths.get(axis, 0)
        end, unit = {"Z": (300.0 * (n - 1), "nm"), "T": (2500.0 * (n - 1), "ms")}.get(axis, (0.0, "um"))
        lines += [f"[Axis {i} Parameters Common]", f'AxisCode="{axis}"', f"MaxSize={n}", "StartPosition=0.0"]
        lines += [f"EndPosition={end}", f'UnitName="{unit}"']
    lines += ["[Reference Image Parameter]", "ValidBitCounts=12", "HeightConvertValue=0.1", 'HeightUnit="um"']
    lines += ["WidthConvertValue=0.1", 'WidthUnit="um"']
    for i in range(1, lengths.get("C", 1) + 1):
        lines += [f"[Channel {i} Parameters]", f'CH Name="CH{i}"', f'DyeName="dye {i}"']
        lines += ["EmissionWavelength=520", "ExcitationWavelength=488"]
    parts = {"main": _ini(lines)}
    lead = axes[:-2]
    for index in np.ndindex(data.shape[:-2]):
        places = {axis: i + 1 for axis, i in zip(lead, index, strict=True)} or {"C": 1}
        name = "s_" + "".join(f"{axis}{places[axis]:03}" for axis in "CZT" if axis in places)
        content = io.BytesIO()
        tifffile.imwrite(content, data[index], photometric="minisblack", metadata=None)
        parts[f"{name}.tif"] = content.getvalue()
        parts[f"{name}.pty"] = _ini(
            ["[Acquisition Parameters Common]", "ObjectiveLens NAValue=1.2", "PinholeDiameter=80000"]
        )
    return parts


def _ini(lines: Sequence[str]) -> bytes:
    return b"\xff\xfe" + ("\r\n".join(lines) + "\r\n").encode("utf-16-le")


def oif(path: Path, data: Pixels, axes: str) -> Path:
    """Write an OIF file and the folder with its planes."""
    parts = _olympus(data, axes)
    path.write_bytes(parts.pop("main"))
    folder = path.with_name(path.name + ".files")
    folder.mkdir(exist_ok=True)
    for name, content in parts.items():
        (folder / name).write_bytes(content)
    return path


def oib(path: Path, data: Pixels, axes: str) -> Path:
    """Write an OIB file."""
    parts = _olympus(data, axes)
    streams = {"Stream00000": parts.pop("main")}
    names = {"Stream00000": "main.oif"}
    for i, (name, content) in enumerate(parts.items(), 1):
        streams[f"Stream{i:05}"] = content
        names[f"Stream{i:05}"] = f"Storage00001/{name}"
    info = ["[OibSaveInfo]", 'Name="FileInformation"', 'Version="2.0.0.0"', "MainFileName=Stream00000"]
    streams["OibInfo.txt"] = _ini([*info, *(f"{key}={value}" for key, value in names.items())])
    path.write_bytes(compound(streams))
    return path


def compound(streams: Mapping[str, bytes]) -> bytes:
    """Return a compound file of version 3 with these streams, none of them in short sectors."""
    sector, end, free = 512, 0xFFFFFFFE, 0xFFFFFFFF
    entries = [_entry("Root Entry", 5, child=1, start=end)]
    body, chains = b"", []
    for i, (name, content) in enumerate(streams.items(), 1):
        first = len(body) // sector
        count = -(-len(content) // sector)
        chains += [first + k + 1 for k in range(count - 1)] + [end] * (count > 0)
        body += content.ljust(count * sector, b"\0")
        right = i + 1 if i < len(streams) else free
        entries.append(_entry(name, 2, right=right, start=first if count else end, size=len(content)))
    directory = b"".join(entries)
    directory = directory.ljust(-(-len(directory) // sector) * sector, b"\0")
    start, count = len(chains), len(directory) // sector
    chains += [start + k + 1 for k in range(count - 1)] + [end]
    tables = next(n for n in range(1, 110) if len(chains) + n <= n * sector // 4)
    at = len(chains)
    chains += [0xFFFFFFFD] * tables
    chains += [free] * (tables * sector // 4 - len(chains))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, tables, start, 0, 0, end, 0, end, 0)
    head += struct.pack("<109I", *range(at, at + tables), *[free] * (109 - tables))
    return head + body + directory + struct.pack(f"<{len(chains)}I", *chains)


def _entry(
    name: str, kind: int, *, child: int = 0xFFFFFFFF, right: int = 0xFFFFFFFF, start: int, size: int = 0
) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16sIQQIQ", text, len(text), kind, 1, 0xFFFFFFFF, right, child, bytes(16), 0, 0, 0, start, size
    )
