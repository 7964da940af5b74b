"""XML of microscope files, parsed without document types and entities; the one file that names defusedxml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def parse_xml(name: str, text: str | bytes, what: str) -> Element | None:
    """Return the root of an XML text, or None when it is not well-formed.

    Raises
    ------
    InputError
        If the text defines entities or a document type: no microscope writes them, and they can exhaust the memory.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise InputError(
            f"{name} has {what} with a document type or entities, which are not allowed: re-export the file"
        ) from None
    except (ParseError, ValueError):
        return None
    return root
