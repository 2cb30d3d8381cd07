"""Capture files as a night leaves them: registrations of SIP and H.323 phones, DHCP, calls with media.

What was put in is told, so that a benchmark can hold what was read against it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import count, islice
from pathlib import Path

from harness.base.units import EpochSeconds
from harness.capture.live import stream_head
from tests.harness.wire import HOME, Dialogue, dhcp, packet_block, ras, udp

BEGAN = 1_700_000_000.0
PHONES = 20
SIGNALLING_EVERY, MEDIA_EVERY = 0.2, 0.02
"""Seconds between two packets of signalling, and between two of one direction of a call."""
CALL = 9_500
"""Packets of one direction of a call: 190 s. Calls follow each other, each between other phones or ports."""
LOST_EVERY = 1_000
SILENT_AT, SILENCE = 3_000, 1.5
"""After how many packets both directions pause, and for how many seconds: nothing is lost by that."""
OUTAGE = range(6_000, 6_050)
"""Packets of the second direction that do not arrive: a gap of a second, and as many are lost."""
_ROUTER, _UNKNOWN = "10.77.3.1", b"\x5a\x5b"
_RTP_AT = 28 + 42
"""Where RTP begins in a packet's block: behind the block's head, Ethernet, IPv4 and UDP."""


@dataclass
class Leg:
    """One direction of a call, as far as it was written. `gaps`: (epoch seconds, seconds) from 0.1 s on."""

    ssrc: int
    source: tuple[str, int]
    destination: tuple[str, int]
    packets: int = 0
    lost: int = 0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    _last: tuple[int, float] = (0, 0.0)

    def written(self, number: int, at: float) -> None:
        """The packet of this number went to the file."""
        before, then = self._last
        if self.packets:
            self.lost += number - before - 1
            if at - then >= 0.1:
                self.gaps.append((then, at - then))
        self.packets += 1
        self._last = (number, at)


@dataclass
class Placed:
    """What a file holds: `registrations` that a system granted, `dhcp` messages, `legs` of calls."""

    packets: int = 0
    registrations: int = 0
    dhcp: int = 0
    legs: list[Leg] = field(default_factory=list)
    ended: EpochSeconds = field(default=EpochSeconds(BEGAN))


@dataclass(frozen=True)
class _Packet:
    """A block of the file. `grants` a registration, or is of `leg` under `number`."""

    at: float
    block: bytes
    grants: bool = False
    dhcp: bool = False
    leg: Leg | None = None
    number: int = 0


def write_night(path: Path, packets: int, *, media: bool = True) -> Placed:
    """Write a file of so many packets, 95 of 100 RTP with `media`, none without."""
    placed = Placed(packets)
    streams = [_signalling(), *([_calls()] if media else [])]
    with path.open("wb") as file:
        file.write(stream_head(["home"]))
        for packet in islice(merge(*streams, key=lambda packet: packet.at), packets):
            file.write(packet.block)
            placed.registrations += packet.grants
            placed.dhcp += packet.dhcp
            if packet.leg is not None:
                if not packet.leg.packets:
                    placed.legs.append(packet.leg)
                packet.leg.written(packet.number, packet.at)
    placed.ended = EpochSeconds(packet.at)
    return placed


def _signalling() -> Iterator[_Packet]:
    """Of ten exchanges eight are SIP registrations with challenge, one is DHCP by a relay, one RAS."""
    phones = [
        Dialogue(extension=str(300 + number), host=f"10.77.3.{100 + number}", call_id=f"call-{number}")
        for number in range(PHONES)
    ]
    request, confirm = _ras_templates()
    at = BEGAN
    for number in count():
        phone = phones[number * 7 % PHONES]
        if number % 10 == 9:
            frames = _light_registration(phone.host, number % 60_000, request, confirm)
        elif number % 10 == 8:
            frames = _lease(phone.host, number)
        else:
            frames = _registration(phone)
        for place, frame in enumerate(frames, 1):
            last = place == len(frames)
            yield _Packet(at, packet_block(at, frame), last and number % 10 != 8, number % 10 == 8)
            at += SIGNALLING_EVERY


def _registration(phone: Dialogue) -> list[bytes]:
    here, there = (phone.host, 5060), (HOME, 5060)
    challenge = 'WWW-Authenticate: Digest realm="x", nonce="n"'
    return [
        udp(here, there, phone.register()),
        udp(there, here, phone.answer("401 Unauthorized", extra=[challenge])),
        udp(here, there, phone.register(authorized=True)),
        udp(there, here, phone.answer("200 OK", expires=180)),
    ]


def _lease(host: str, number: int) -> list[bytes]:
    relay, server = (_ROUTER, 67), (HOME, 67)
    return [
        udp(relay, server, dhcp(3, transaction=number, relay=_ROUTER)),
        udp(server, relay, dhcp(5, transaction=number, relay=_ROUTER, offered=host)),
    ]


def _light_registration(host: str, number: int, request: bytes, confirm: bytes) -> list[bytes]:
    here, there = (host, 1719), (HOME, 1719)
    sequence = struct.pack(">H", number)
    return [
        udp(here, there, request.replace(_UNKNOWN, sequence)),
        udp(there, here, confirm.replace(_UNKNOWN, sequence)),
    ]


def _ras_templates() -> tuple[bytes, bytes]:
    """A light RRQ and its RCF; two bytes stand for the sequence number, which is encoded as one less."""
    sequence = {"requestSeqNum": int.from_bytes(_UNKNOWN) + 1, "endpointIdentifier": "e1"}
    return (
        ras("registrationRequest", {**sequence, "keepAlive": True}),
        ras("registrationConfirm", {**sequence, "timeToLive": 120}),
    )


def _calls() -> Iterator[_Packet]:
    """RTP in both directions, call after call; the second direction half a period behind the first."""
    at = BEGAN
    for call in count():
        legs = _legs(call)
        blocks = [_RtpBlock(leg, first_sequence=65_000) for leg in legs]
        for number in range(CALL):
            at += SILENCE if number == SILENT_AT else 0.0
            for direction, block in enumerate(blocks):
                when = at + direction * MEDIA_EVERY / 2
                if number % LOST_EVERY != LOST_EVERY // 2 and not (direction and number in OUTAGE):
                    yield _Packet(when, block.of(number, when), leg=legs[direction], number=number)
            at += MEDIA_EVERY


def _legs(call: int) -> tuple[Leg, Leg]:
    ports = 16_384 + 4 * (call % 4_000)
    one, other = (f"10.77.3.{100 + (2 * call + side) % PHONES}" for side in (0, 1))
    here, there = (one, ports), (other, ports + 2)
    return Leg(0x1000 + 2 * call, here, there), Leg(0x1001 + 2 * call, there, here)


class _RtpBlock:
    """The packets of one direction: one block whose stamp and numbers are changed in place."""

    def __init__(self, leg: Leg, first_sequence: int) -> None:
        payload = struct.pack(">BBHII", 0x80, 8, 0, 0, leg.ssrc) + b"\xd5" * 160
        self._block = bytearray(packet_block(BEGAN, udp(leg.source, leg.destination, payload)))
        self._first = first_sequence

    def of(self, number: int, at: float) -> bytes:
        """The packet's block."""
        stamp = round(at * 1e6) * 1000
        struct.pack_into("=II", self._block, 12, stamp >> 32, stamp & 0xFFFFFFFF)
        struct.pack_into(">HI", self._block, _RTP_AT + 2, (self._first + number) & 0xFFFF, number * 160)
        return bytes(self._block)
