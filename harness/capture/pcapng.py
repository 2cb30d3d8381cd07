"""Walking a pcapng file block by block: to keep media out of the dissector, to find a marker, to follow a
file that still grows.

Only the headers of a packet are looked at. Source of the layout: draft-ietf-opsawg-pcapng.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SECTION, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
PACKETS = (2, 3, ENHANCED_PACKET)
"""Every type of block that holds a packet; nobody writes the first two any more."""
_BYTE_ORDER = 0x1A2B3C4D
_VLAN, _IPV4, _IPV6, _UDP = (0x8100, 0x88A8), 0x0800, 0x86DD, 17
_HEADER = 8
_PACKET_AT = 28
"""Where the packet's bytes begin in an enhanced packet block."""


@dataclass(frozen=True)
class Block:
    """One block as it stands in the file: its type, all its bytes, whether its numbers are big-endian."""

    kind: int
    raw: bytes
    big_endian: bool

    @property
    def interface(self) -> int:
        """Which interface of its section an enhanced packet block is from."""
        return self._number(8) if self.kind == ENHANCED_PACKET else 0

    @property
    def packet(self) -> bytes:
        """The captured bytes of an enhanced packet block, none of another."""
        if self.kind != ENHANCED_PACKET:
            return b""
        return self.raw[_PACKET_AT : _PACKET_AT + self._number(20)]

    def _number(self, at: int) -> int:
        return int(struct.unpack_from(">I" if self.big_endian else "<I", self.raw, at)[0])


class Walker:
    """The complete blocks of a file, from where the last call stopped; a half-written one is left for later.

    Raises ValueError where the bytes are not pcapng.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._rest = b""
        self._big = False

    def blocks(self) -> Iterator[Block]:
        """Every block that is complete by now."""
        while data := self._stream.read(1 << 16):
            self._rest += data
            at = 0
            while (size := self._size(at)) is not None and at + size <= len(self._rest):
                kind = self._number(at)
                yield Block(kind, self._rest[at : at + size], self._big)
                at += size
            self._rest = self._rest[at:]

    @property
    def within_block(self) -> bool:
        """Whether what was read ends within a block."""
        return bool(self._rest)

    def _size(self, at: int) -> int | None:
        if len(self._rest) < at + _HEADER + 4:
            return None
        if self._rest[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            self._big = struct.unpack_from(">I", self._rest, at + _HEADER)[0] == _BYTE_ORDER
        size = self._number(at + 4)
        if size < 12 or size % 4:
            raise ValueError("not pcapng: a block's length is impossible")
        return size

    def _number(self, at: int) -> int:
        return int(struct.unpack_from(">I" if self._big else "<I", self._rest, at)[0])


def is_media(packet: bytes, signalling: frozenset[int]) -> bool:
    """Whether an Ethernet frame is whole UDP with neither port in `signalling`, and so probably RTP.

    Fragments, anything but UDP and anything too short to tell are not media.
    """
    kind, at = _network(packet)
    if kind == _IPV4 and len(packet) >= at + 20:
        if packet[at + 9] != _UDP or packet[at + 6] & 0x3F or packet[at + 7]:
            return False
        at += (packet[at] & 0x0F) * 4
    elif kind == _IPV6 and len(packet) >= at + 40 and packet[at + 6] == _UDP:
        at += 40
    else:
        return False
    if len(packet) < at + 4:
        return False
    source, destination = struct.unpack_from(">HH", packet, at)
    return source not in signalling and destination not in signalling


def _network(packet: bytes) -> tuple[int, int]:
    """Ethertype and where the network layer begins, VLAN tags passed over."""
    at = 12
    while len(packet) >= at + 2:
        kind = int.from_bytes(packet[at : at + 2], "big")
        if kind not in _VLAN:
            return kind, at + 2
        at += 4
    return 0, at


def is_pcapng(head: bytes) -> bool:
    """Whether a file that begins with `head` is pcapng (a classic pcap is not)."""
    return head[:4] == b"\x0a\x0d\x0d\x0a"


def link_type(block: Block) -> int:
    """The link type of an interface block; 1 is Ethernet."""
    return int(struct.unpack_from(">H" if block.big_endian else "<H", block.raw, 8)[0])
