"""PNG from arrays, small and the same on every machine: no library, no date, no metadata."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt


def grey_png(values: npt.NDArray[np.uint8]) -> bytes:
    r"""Return an 8-bit grey PNG (W3C Portable Network Graphics) of an array of shape (Y, X).

    Examples
    --------
    >>> import numpy as np
    >>> grey_png(np.zeros((4, 4), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    return _png(values[..., None], _GREY, effort=9)


def number_png(values: npt.NDArray[np.uint16]) -> bytes:
    r"""Return a PNG that carries 16-bit numbers to a browser, which keeps 8 bits a colour: red × 256 + green.

    Examples
    --------
    >>> import numpy as np
    >>> number_png(np.zeros((4, 4), np.uint16))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    parts = np.zeros((*values.shape, 3), np.uint8)
    parts[..., 0], parts[..., 1] = values >> 8, values & 255
    return _png(parts, _COLOUR, effort=4)  # 9 would take 25 times as long for a twelfth less


_GREY, _COLOUR = 0, 2


def _png(values: npt.NDArray[np.uint8], kind: int, effort: int) -> bytes:
    height, width, samples = values.shape
    # filter 2 ("up") of every row: the difference to the row above, which compresses smooth images well
    lines = np.empty((height, 1 + width * samples), np.uint8)
    lines[:, 0] = 2
    flat = values.reshape(height, -1)
    lines[0, 1:] = flat[0]
    lines[1:, 1:] = flat[1:] - flat[:-1]  # modulo 256, as the format asks
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), effort)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
