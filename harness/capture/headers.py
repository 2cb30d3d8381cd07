"""The headers of many packets at once: hardware address, network, UDP. Only what is needed to sort them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.capture.blocks import Batch, Bytes, Flags, Integers

_ETHERNET, _NULL, _COOKED, _COOKED_2 = 1, 0, 113, 276
_RAW = (101, 12, 14, 228, 229)
"""Link types: <https://www.tcpdump.org/linktypes.html>."""
_VLAN, _IPV4, _IPV6, _UDP = (0x8100, 0x88A8), 0x0800, 0x86DD, 17
_TAGS = 3
"""VLAN tags passed over at most."""
_RTP_HEADER = 12
_RTCP = (200, 207)
"""Packet types of RTCP stand where RTP has marker and payload type (RFC 5761, 4)."""


@dataclass(frozen=True)
class Headers:
    """One row a packet of a batch.

    `mac`: the sender's hardware address as a number, -1 where there is none. `version`: 4, 6 or 0.
    `network` and `payload`: where the IP header and, of a whole UDP datagram, its data begin.
    `udp`: whether it is one: no fragment, no extension header, not cut within the header, of a possible length.
    `source_port` and `destination_port` are 0 for all others.
    """

    mac: Integers
    version: Integers
    network: Integers
    udp: Flags
    payload: Integers
    source_port: Integers
    destination_port: Integers


def headers_of(batch: Batch) -> Headers:
    """The headers of every packet of a batch."""
    data, packets = batch.data, batch.packets
    starts, ends = packets.starts, packets.starts + packets.lengths
    kind, network = _network(data, starts, ends, packets.links)
    head = data[np.minimum(network, len(data) - 1)]
    version = np.where(kind == _IPV4, 4, np.where(kind == _IPV6, 6, 0))
    version = np.where((version == head >> 4) & (network < ends), version, 0)
    four = (version == 4) & (network + 20 <= ends)
    six = (version == 6) & (network + 40 <= ends)
    fragment = (_byte(data, network + 6) & 0x3F) | _byte(data, network + 7)
    protocol = np.where(four, _byte(data, network + 9), np.where(six, _byte(data, network + 6), 0))
    header = np.where(four, (head.astype(np.int64) & 0x0F) * 4, 40)
    # What the header says of the length; 0 where the card is still to cut the packet into pieces.
    told = np.where(four, _short(data, network + 2), np.where(six, _short(data, network + 4), 0))
    sound = (header >= 20) & ((told == 0) | (told + np.where(six, 40, 0) >= header + 8))
    transport = network + header
    udp = (four & (fragment == 0) | six) & sound & (protocol == _UDP) & (transport + 8 <= ends)
    return Headers(
        np.where(packets.links == _ETHERNET, _mac(data, starts), -1),
        np.where(four, 4, np.where(six, 6, 0)),
        network,
        udp,
        transport + 8,
        np.where(udp, _short(data, transport), 0),
        np.where(udp, _short(data, transport + 2), 0),
    )


def looks_like_media(batch: Batch, headers: Headers, signalling: Iterable[int]) -> Flags:
    """Which packets are RTP or RTCP by their own header, with neither port one of `signalling` (UDP).

    That is how media is told from other datagrams (RFC 5764, 5.1.2): by version 2 in the first two bits.
    """
    data, known = batch.data, np.array(sorted(signalling), np.int64)
    ends = batch.packets.starts + batch.packets.lengths
    whole = headers.udp & (headers.payload + 8 <= ends)
    version = _byte(data, headers.payload) >> 6 == 2
    strange = ~np.isin(headers.source_port, known) & ~np.isin(headers.destination_port, known)
    return np.asarray(strange & whole & version, bool)


def is_rtp(batch: Batch, headers: Headers, media: Flags) -> Flags:
    """Which of the media packets are RTP, not RTCP."""
    ends = batch.packets.starts + batch.packets.lengths
    second = _byte(batch.data, headers.payload + 1)
    control = (second >= _RTCP[0]) & (second <= _RTCP[1])
    return media & ~control & (headers.payload + _RTP_HEADER <= ends)


def number(data: Bytes, at: Integers, size: int) -> Integers:
    """The big-endian number of `size` bytes (at most 7) at each of these places."""
    found = np.zeros(len(at), np.int64)
    for offset in range(size):
        found = found << 8 | _byte(data, at + offset)
    return found


def _network(data: Bytes, starts: Integers, ends: Integers, links: Integers) -> tuple[Integers, Integers]:
    """Ethertype and where the network layer begins, VLAN tags passed over; 0 where it is not known."""
    kind, at = np.zeros(len(starts), np.int64), ends.copy()
    for link, protocol_at, network_at in ((_ETHERNET, 12, 14), (_COOKED, 14, 16), (_COOKED_2, 0, 20)):
        chosen = (links == link) & (starts + network_at <= ends)
        kind = np.where(chosen, _short(data, starts + protocol_at), kind)
        at = np.where(chosen, starts + network_at, at)
    for _ in range(_TAGS):
        tagged = np.isin(kind, _VLAN) & (at + 4 <= ends)
        if not tagged.any():
            break
        kind = np.where(tagged, _short(data, at + 2), kind)
        at = np.where(tagged, at + 4, at)
    bare = np.isin(links, _RAW) | (links == _NULL)
    if bare.any():
        begin = starts + np.where(links == _NULL, 4, 0)
        of_version = np.where(_byte(data, begin) >> 4 == 6, _IPV6, _IPV4)
        kind, at = np.where(bare, of_version, kind), np.where(bare, begin, at)
    return kind, at


def _mac(data: Bytes, starts: Integers) -> Integers:
    return number(data, starts + 6, 6)


def _byte(data: Bytes, at: Integers) -> Integers:
    return data[np.minimum(at, len(data) - 1)].astype(np.int64)


def _short(data: Bytes, at: Integers) -> Integers:
    return _byte(data, at) << 8 | _byte(data, at + 1)
