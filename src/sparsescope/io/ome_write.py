"""OME-XML out: one image of T, C, Z planes in that order, with everything an Image knows."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from ..image import Channel, Image
from .facts import positive
from .provenance import NAMESPACE, pack, xml_text

_SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_PIXEL_TYPES = {"float32": "float", "float64": "double"}
_ACQUISITION_MODES = {
    "BrightField",
    "FSM",
    "FluorescenceCorrelationSpectroscopy",
    "FluorescenceLifetime",
    "LCM",
    "LaserScanningConfocalMicroscopy",
    "MultiPhotonMicroscopy",
    "NearFieldScanningOpticalMicroscopy",
    "PALM",
    "SPIM",
    "STED",
    "STORM",
    "SecondHarmonicGenerationImaging",
    "SingleMoleculeImaging",
    "SlitScanConfocal",
    "SpectralImaging",
    "SpinningDiskConfocal",
    "StructuredIllumination",
    "SweptFieldConfocal",
    "TIRF",
    "TotalInternalReflection",
    "WideField",
}


def to_xml(image: Image, dtype: str, name: str, provenance: dict[str, Any]) -> bytes:
    """Describe an image as OME-XML of the 2016-06 schema.

    Parameters
    ----------
    image : Image
        Its sizes, channels, objective and modality are written; its pixels are not looked at.
    dtype : str
        Type of the numbers in the file, a NumPy name.
    name : str
        Name of the image for viewers.
    provenance : dict
        Written as a MapAnnotation of the image; nothing is written when it is empty.

    Returns
    -------
    bytes
        UTF-8, planes ordered ``XYZCT`` (x fastest).
    """
    root = ET.Element("OME", {"xmlns": _SCHEMA, "Creator": "sparsescope"})
    root.set("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
    root.set("xsi:schemaLocation", f"{_SCHEMA} {_SCHEMA}/ome.xsd")
    aperture = positive(image.meta.get("numerical_aperture"))
    index = positive(image.meta.get("refractive_index"))
    if aperture or index:
        instrument = ET.SubElement(root, "Instrument", ID="Instrument:0")
        ET.SubElement(instrument, "Objective", _known(ID="Objective:0:0", LensNA=aperture))
    element = ET.SubElement(root, "Image", ID="Image:0", Name=xml_text(name))
    if aperture or index:
        ET.SubElement(element, "InstrumentRef", ID="Instrument:0")
        ET.SubElement(element, "ObjectiveSettings", _known(ID="Objective:0:0", RefractiveIndex=index))
    element.append(_pixels(image, dtype))
    if provenance:
        ET.SubElement(element, "AnnotationRef", ID="Annotation:0")
        annotations = ET.SubElement(root, "StructuredAnnotations")
        annotation = ET.SubElement(annotations, "MapAnnotation", ID="Annotation:0", Namespace=NAMESPACE)
        value = ET.SubElement(annotation, "Value")
        for key, text in pack(provenance):
            ET.SubElement(value, "M", K=key).text = text
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="UTF-8"?>' + body


def _pixels(image: Image, dtype: str) -> ET.Element:
    sizes = {axis: image.sizes.get(axis, 1) for axis in "XYZCT"}
    attributes = {"ID": "Pixels:0", "DimensionOrder": "XYZCT", "Type": _PIXEL_TYPES.get(dtype, dtype)}
    attributes |= {f"Size{axis}": str(size) for axis, size in sizes.items()}
    for axis, size in image.spacing_um.items():
        attributes |= {f"PhysicalSize{axis.upper()}": repr(float(size)), f"PhysicalSize{axis.upper()}Unit": "µm"}
    if positive(image.interval_s):
        attributes |= _known(TimeIncrement=image.interval_s, TimeIncrementUnit="s")
    pixels = ET.Element("Pixels", attributes)
    mode = image.meta.get("modality")
    for i in range(sizes["C"]):
        channel = image.channels[i] if image.channels else Channel()
        known = _channel(channel) | _known(AcquisitionMode=mode if mode in _ACQUISITION_MODES else None)
        ET.SubElement(pixels, "Channel", {"ID": f"Channel:0:{i}", "SamplesPerPixel": "1"} | known)
    ET.SubElement(pixels, "TiffData", IFD="0", PlaneCount=str(sizes["Z"] * sizes["C"] * sizes["T"]))
    return pixels


def _channel(channel: Channel) -> dict[str, str]:
    known = _known(Name=None if channel.name is None else xml_text(channel.name))
    if channel.color is not None:
        red, green, blue = channel.color
        rgba = red << 24 | green << 16 | blue << 8 | 255
        known["Color"] = str(rgba - 2**32 if rgba >= 2**31 else rgba)  # a signed number in the schema
    for kind, wavelength in (("Excitation", channel.excitation_nm), ("Emission", channel.emission_nm)):
        if positive(wavelength):
            known |= {f"{kind}Wavelength": repr(float(wavelength or 0)), f"{kind}WavelengthUnit": "nm"}
    return known


def _known(**attributes: str | float | None) -> dict[str, str]:
    """Return the attributes that are known, as text."""
    return {
        key: value if isinstance(value, str) else repr(float(value))
        for key, value in attributes.items()
        if value is not None
    }
