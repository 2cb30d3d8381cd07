"""DHCP messages, from the bytes of the datagram: tshark's fields do not tell which value is of which option.

Layout: RFC 2131, section 2; options: RFC 2132; long options in parts: RFC 3396.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from harness.capture.events import DhcpKind, Sighting
from harness.capture.fields import Row
from harness.capture.messages import DhcpMessage, Endpoint

_KINDS = {
    1: DhcpKind.DISCOVER, 2: DhcpKind.OFFER, 3: DhcpKind.REQUEST, 4: DhcpKind.DECLINE,
    5: DhcpKind.ACK, 6: DhcpKind.NAK, 7: DhcpKind.RELEASE, 8: DhcpKind.INFORM,
}  # fmt: skip
_COOKIE = b"\x63\x82\x53\x63"
_OPTIONS_AT = 240
_PAD, _MESSAGE_TYPE, _SERVER, _END = 0, 53, 54, 255


def dhcp_messages(row: Row, point: str, frame: int) -> Iterator[DhcpMessage]:
    """The DHCP message of this packet, if it is one. Raises ValueError where it is mutilated."""
    if not row.first("dhcp.type"):
        return
    data = bytes.fromhex(row.first("udp.payload"))
    if len(data) < _OPTIONS_AT or data[236:_OPTIONS_AT] != _COOKIE:
        raise ValueError("a DHCP message that is too short or without its cookie")
    options = options_of(data[_OPTIONS_AT:])
    kind = _KINDS.get(int.from_bytes(options.get(_MESSAGE_TYPE, b"")))
    if kind is None:
        raise ValueError("a DHCP message without a known message type")
    (source, destination), (source_port, destination_port) = row.addresses, row.ports
    yield DhcpMessage(
        row.at,
        (Sighting(point, frame, row.at),),
        Endpoint(source, source_port),
        Endpoint(destination, destination_port),
        kind,
        client=data[28 : 28 + min(data[2], 16)].hex(":"),
        transaction=int.from_bytes(data[4:8]),
        offered=_address(data[16:20]),
        relay=_address(data[24:28]),
        server=_address(options.get(_SERVER, b"")),
        options=options,
    )


def options_of(data: bytes) -> Mapping[int, bytes]:
    """Option number → value. Raises ValueError where one reaches beyond the end."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            raise ValueError("a DHCP option that reaches beyond the message")
        value = data[at + 2 : at + 2 + data[at + 1]]
        found[data[at]] = found.get(data[at], b"") + value
        at += 2 + len(value)
    return found


def _address(data: bytes) -> str:
    return str(IPv4Address(data)) if len(data) == 4 and any(data) else ""
