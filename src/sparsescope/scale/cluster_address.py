"""What ``--cluster`` may say."""

from __future__ import annotations

import re
from typing import Final

from ..errors import ClusterError

ALLOWED: Final = "allowed are local:N (N processes on this machine) and tcp://HOST:PORT or tls://HOST:PORT"


def local_workers(address: str) -> int | None:
    """Return how many processes on this machine are asked for; None where the address is of a scheduler.

    Raises
    ------
    ClusterError
        If it is neither.

    Examples
    --------
    >>> local_workers("local:4"), local_workers("tcp://10.0.0.1:8786")
    (4, None)
    """
    text = address.strip()
    found = re.fullmatch(r"local:(\d{1,4})", text)
    if found and int(found[1]) > 0:
        return int(found[1])
    if re.fullmatch(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[^\s/:\[\]]+):\d{1,5}", text):
        return None
    raise ClusterError(f"--cluster {address!r}: {ALLOWED}")
