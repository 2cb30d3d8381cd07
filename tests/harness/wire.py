"""Packets for tests, made by hand: frames, SIP, RAS and DHCP messages, and pcapng files of them."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from harness.capture.live import stream_head

HOME, FAILOVER, PHONE, ROUTER = "10.77.1.10", "10.77.2.10", "10.77.3.101", "10.77.3.1"
MAC = "02:77:00:00:03:01"
Timed = tuple[float, bytes]


def ip(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    """An Ethernet frame with an IPv4 packet."""
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    addresses = IPv4Address(source).packed + IPv4Address(destination).packed
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0" + head + addresses + payload


def udp(source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> bytes:
    """A UDP datagram in a frame."""
    head = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0)
    return ip(source[0], destination[0], 17, head + payload)


def tcp(
    source: tuple[str, int],
    destination: tuple[str, int],
    sequence: int,
    payload: bytes = b"",
    flags: int = 0x18,
    ack: int = 1,
) -> bytes:
    """A TCP segment in a frame; flags 0x18 are PSH and ACK."""
    head = struct.pack(">HHIIBBHHH", source[1], destination[1], sequence, ack, 0x50, flags, 64240, 0, 0)
    return ip(source[0], destination[0], 6, head + payload)


def port_unreachable(source: str, destination: str, quoted: bytes) -> bytes:
    """The ICMP message about the frame `quoted`."""
    return ip(source, destination, 1, struct.pack(">BBHI", 3, 3, 0, 0) + quoted[14:])


def write(path: Path, frames: Iterable[Timed], point: str = "test") -> Path:
    """A pcapng file of (epoch seconds, frame)."""
    with path.open("wb") as file:
        file.write(stream_head([point]))
        for at, frame in frames:
            file.write(packet_block(at, frame))
    return path


def packet_block(at: float, frame: bytes) -> bytes:
    """An enhanced packet block with a stamp in nanoseconds."""
    stamp = round(at * 1e6) * 1000
    padded = frame + b"\0" * (-len(frame) % 4)
    body = struct.pack("=IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame)) + padded
    size = struct.pack("=I", len(body) + 12)
    return struct.pack("=I", 6) + size + body + size


@dataclass
class Dialogue:
    """The registration of one SIP phone: makes its messages with rising CSeq."""

    extension: str = "301"
    host: str = PHONE
    transport: str = "UDP"
    call_id: str = "call-1"
    cseq: int = field(default=0)

    def register(self, expires: int = 180, *, authorized: bool = False, contact: str | None = None) -> bytes:
        """The next REGISTER."""
        self.cseq += 1
        lines = [
            "REGISTER sip:lab.example SIP/2.0",
            *self._common("REGISTER"),
            "Max-Forwards: 70",
            f"Contact: {contact or f'<sip:{self.extension}@{self.host}:5060>'};expires={expires}",
        ]
        if authorized:
            lines.append('Authorization: Digest username="301", realm="x", nonce="n", uri="sip:x", response="0"')
        return _sip(lines)

    def answer(self, status: str, expires: int | None = None, extra: Iterable[str] = ()) -> bytes:
        """The answer to the last REGISTER; with `expires` it lists the binding."""
        lines = [f"SIP/2.0 {status}", *self._common("REGISTER"), *extra]
        if expires is not None:
            lines.append(f"Contact: <sip:{self.extension}@{self.host}:5060>;expires={expires}")
        return _sip(lines)

    def _common(self, method: str) -> list[str]:
        return [
            f"Via: SIP/2.0/{self.transport} {self.host}:5060;branch=z9hG4bK-{self.call_id}-{self.cseq}",
            f'From: "Ada" <sip:{self.extension}@lab.example>;tag=1',
            f"To: <sip:{self.extension}@lab.example>",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} {method}",
        ]


def notify(extension: str = "301", state: str = "terminated") -> bytes:
    """A NOTIFY of event reg, in compact form."""
    body = (
        '<?xml version="1.0"?>\r\n<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="1" state="full">'
        f'<registration aor="sip:{extension}@lab.example" id="a" state="{state}"/></reginfo>'
    )
    lines = [
        f"NOTIFY sip:{extension}@{PHONE} SIP/2.0",
        f"v: SIP/2.0/UDP {FAILOVER}:5060;branch=z9hG4bK-n-{state}",
        f"f: <sip:{extension}@lab.example>;tag=2",
        f"t: <sip:{extension}@lab.example>;tag=1",
        "i: sub-1",
        "CSeq: 2 NOTIFY",
        "o: reg",
        "Subscription-State: active",
        "c: application/reginfo+xml",
    ]
    return _sip(lines, body)


def _sip(lines: list[str], body: str = "") -> bytes:
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def ras(kind: str, value: dict[str, Any]) -> bytes:
    """A RAS message by pycrate; mandatory fields of no interest here are filled in."""
    from pycrate_asn1dir.H225 import H323_MESSAGES

    nowhere = ("ipAddress", {"ip": b"\n\x4d\x03\x65", "port": 1719})
    terminal = {"terminal": {}, "mc": False, "undefinedNode": False}
    filled: dict[str, dict[str, Any]] = {
        "gatekeeperRequest": {"rasAddress": nowhere, "endpointType": terminal},
        "gatekeeperConfirm": {"rasAddress": nowhere},
        "registrationRequest": {
            "discoveryComplete": True,
            "callSignalAddress": [nowhere],
            "rasAddress": [nowhere],
            "terminalType": terminal,
            "endpointVendor": {
                "vendor": {"t35CountryCode": 1, "t35Extension": 0, "manufacturerCode": 1},
                # pycrate encodes what follows correctly only after a whole octet, as this ends on.
                "productId": b"test",
            },
        },
        "registrationConfirm": {"callSignalAddress": [nowhere]},
        "unregistrationRequest": {"callSignalAddress": [nowhere]},
    }
    version = {} if kind.startswith("unregistration") else {"protocolIdentifier": (0, 0, 8, 2250, 0, 7)}
    message = H323_MESSAGES.RasMessage
    message.set_val((kind, {"requestSeqNum": 1, **version, **filled.get(kind, {}), **value}))
    return bytes(message.to_aper())


def dhcp(
    kind: int, *, transaction: int = 7, relay: str = "0.0.0.0", offered: str = "0.0.0.0", options: bytes = b""
) -> bytes:
    """A DHCP message from or to `MAC`."""
    operation = 2 if kind in (2, 5, 6) else 1
    head = struct.pack(">BBBBIHH", operation, 1, 6, 0, transaction, 0, 0) + bytes(4) + IPv4Address(offered).packed
    head += bytes(4) + IPv4Address(relay).packed + bytes.fromhex(MAC.replace(":", "")).ljust(16, b"\0") + bytes(192)
    return head + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options + b"\xff"


def vlan(frame: bytes, number: int = 5) -> bytes:
    """The frame with an 802.1Q tag."""
    return frame[:12] + b"\x81\x00" + struct.pack(">H", number) + frame[12:]


def udp6(source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> bytes:
    """A UDP datagram over IPv6 in a frame."""
    ends = IPv6Address(source[0]).packed + IPv6Address(destination[0]).packed
    size = 8 + len(payload)
    pseudo = ends + struct.pack(">IHBB", size, 0, 0, 17)
    head = struct.pack(">HHHH", source[1], destination[1], size, 0)
    check = _checksum(pseudo + head + payload)
    datagram = head[:6] + struct.pack(">H", check) + payload
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x86\xdd" + struct.pack(">IHBB", 6 << 28, size, 17, 64) + ends + datagram


def port_unreachable6(source: str, destination: str, quoted: bytes) -> bytes:
    """The ICMPv6 message about the frame `quoted`."""
    said = struct.pack(">BBHI", 1, 4, 0, 0) + quoted[14:]
    ends = IPv6Address(source).packed + IPv6Address(destination).packed
    return quoted[:14] + struct.pack(">IHBB", 6 << 28, len(said), 58, 64) + ends + said


def fragments(frame: bytes, size: int = 400) -> list[bytes]:
    """The IPv4 packet of a frame in fragments of at most `size` bytes of payload, a multiple of 8."""
    head, payload = frame[14:34], frame[34:]
    pieces = []
    for at in range(0, len(payload), size):
        piece = payload[at : at + size]
        more = 0x2000 if at + size < len(payload) else 0
        flags = struct.pack(">H", more | at // 8)
        own = head[:2] + struct.pack(">HH", 20 + len(piece), 77) + flags + head[8:]
        pieces.append(frame[:14] + own + piece)
    return pieces


def call_signalling(kind: int, uuie: str, value: dict[str, Any], caller: str = "", called: str = "") -> bytes:
    """A Q.931 message of H.225.0 call signalling in TPKT; `kind`: Q.931's message type, `uuie`: H.225's."""
    from pycrate_asn1dir.H225 import H323_MESSAGES

    body = {"protocolIdentifier": (0, 0, 8, 2250, 0, 7), **value}
    information = H323_MESSAGES.H323_UserInformation
    information.set_val({"h323-uu-pdu": {"h323-message-body": (uuie, body), "h245Tunnelling": False}})
    encoded = b"\x05" + bytes(information.to_aper())
    elements = b"\x04\x03\x88\x93\xa5" if kind == 0x05 else b""
    if caller:
        elements += b"\x6c" + bytes([1 + len(caller)]) + b"\x80" + caller.encode()
    if called:
        elements += b"\x70" + bytes([1 + len(called)]) + b"\x80" + called.encode()
    message = b"\x08\x02\x00\x07" + bytes([kind]) + elements + b"\x7e" + struct.pack(">H", len(encoded)) + encoded
    return b"\x03\x00" + struct.pack(">H", 4 + len(message)) + message


def _checksum(data: bytes) -> int:
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF
