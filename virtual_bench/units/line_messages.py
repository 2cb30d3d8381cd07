"""The messages of the line between the systems, and their sizes on the wire.

A keepalive has exactly the size that the inventory states, so that it can be told from outside; every
other message is padded so that it never has. With TLS 1.2 and AES-GCM a record adds 29 bytes to its
content (RFC 5288: header 5, explicit nonce 8, tag 16); a WebSocket frame adds 2, or 6 where it is masked,
as a client's is (RFC 6455, 5.2).
"""

import json
from typing import Any

from harness.base.errors import ConfigurationFault

RECORD = 29
FRAME, MASK = 2, 4
SHORT = 125
"""The longest text with a frame header of two bytes."""
PADDED_TO = 256
"""All but keepalives have a multiple of this length, which makes more TCP payload than any keepalive has."""
KEEPALIVE, RECORDS, STATE = "keepalive", "records", "state"


def keepalive(payload: int, *, masked: bool) -> str:
    """A keepalive that makes `payload` bytes in one TCP segment. Raises ConfigurationFault where none can."""
    length = payload - RECORD - FRAME - (MASK if masked else 0)
    text = _text(KEEPALIVE, {})
    if not len(text) <= length <= SHORT:
        raise ConfigurationFault(
            f"a keepalive of the line cannot have {payload} bytes of TCP payload.",
            next_step="state line.keepalive.payload_sizes between 80 and 156.",
        )
    return text.ljust(length)


def padded(kind: str, data: dict[str, Any]) -> str:
    """Any other message, of a length that no keepalive has."""
    text = _text(kind, data)
    return text.ljust(-(-len(text) // PADDED_TO) * PADDED_TO)


def read(text: str) -> tuple[str, dict[str, Any]]:
    """Kind and data of a message. Raises ValueError for what is none."""
    message = json.loads(text)
    return message["kind"], message["data"]


def _text(kind: str, data: dict[str, Any]) -> str:
    return json.dumps({"kind": kind, "data": data})
