"""Between us and the libraries that parse files: what they raise becomes a sentence, what they log is kept still."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator

from ..errors import InputError

LIBRARIES = ("tifffile", "liffile", "nd2", "zarr")
"""Names of the loggers that are muted during our own calls."""


class _Mute(logging.Filter):
    """Drop log lines during our own calls; what matters becomes an error or a note of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the signature of logging
        return self.depth == 0

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Mute within the block, in this and in the libraries' worker threads."""
        with self.lock:
            self.depth += 1
        try:
            yield
        finally:
            with self.lock:
                self.depth -= 1


mute = _Mute()
for _name in LIBRARIES:
    logging.getLogger(_name).addFilter(mute)


@contextlib.contextmanager
def explained(name: str, what: str) -> Iterator[None]:
    """Turn whatever a library and its decoders raise into an InputError; mute their log lines.

    Parameters
    ----------
    name : str
        File name for the message.
    what : str
        What an unexpected error means, such as ``"its pixels are damaged"``.
    """
    try:
        with mute.on():
            yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(
            f"{name} does not fit into the memory: crop it, or read it lazily (in Python lazy=True)"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001 - damaged bytes make parsers and decoders raise anything
        detail = " ".join(str(error).split())[:200]
        raise InputError(
            f"cannot read {name}: {what} ({type(error).__name__}: {detail}). "
            "Copy it again from where it was acquired, or re-export it uncompressed"
        ) from None


@contextlib.contextmanager
def opening(name: str, what: str) -> Iterator[None]:
    """As :func:`explained`, for opening a file: warnings of the library are dropped as well."""
    with warnings.catch_warnings(), explained(name, what):
        warnings.simplefilter("ignore")
        yield
