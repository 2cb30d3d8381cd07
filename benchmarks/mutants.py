"""Damaged capture files, each from a seed: some scenes mixed, some of their packets or the file's bytes changed."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.scenes import scenes
from harness.capture.live import stream_head

BEGAN = 1_700_000_000
ENDED = BEGAN + 100
_TELLING = b'\0\xff\x1f\t\r\n\\ :;,"<>=@09AZ'
"""Bytes that mean something to one of the readers."""
_ODD = (
    b"\\r\\n", b"\r\n", b"\n", b"\r", b"\r\n ", b"\t", b"\x1f", b"\x0b", b"\xc2\x85", b"\xe2\x80\xa8", b"\0", b"\\",
    b'"', b"<sip:999@x>", b'"sip:998@x" ', b";expires=0", b",", b"%", b"\xff", b"REGISTER", b"SIP/2.0 200 OK",
)  # fmt: skip
_IPV4, _UDP = b"\x08\0", 17
_LENGTHS = (0, 1, 8, 11, 12, 16, 28, 32, 33, 1 << 16, (1 << 18) + 1, 1 << 26, (1 << 31) - 1, (1 << 32) - 1)


@dataclass(frozen=True)
class Packet:
    """`at`: seconds from the beginning; `size`: its length on the wire, of which `data` may be the first part."""

    at: float
    data: bytes
    size: int


def mutant(seed: int) -> bytes:
    """The file of that seed; about one in twenty is sound but for packets that are sent twice or late."""
    chance = random.Random(seed)
    packets = _mixed(chance)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        packets = chance.choice(_OF_PACKETS)(packets, chance)
    file = bytearray(_pcap(packets) if chance.random() < 0.2 else _pcapng(packets))
    if chance.random() < 0.25:
        chance.choice(_OF_FILES)(file, chance)
    return bytes(file)


def _mixed(chance: random.Random) -> list[Packet]:
    """Two or three scenes at once, each from an instant of its own on."""
    chosen = chance.sample(scenes(), chance.choice((2, 3)))
    begun = [(chance.random(), scene) for scene in chosen]
    packets = [Packet(begin + at, frame, len(frame)) for begin, scene in begun for at, frame in scene]
    return sorted(packets, key=lambda packet: packet.at)


def _flipped(packets: list[Packet], chance: random.Random) -> list[Packet]:
    """Some bytes of some packets are others."""
    found = list(packets)
    for _ in range(chance.choice((1, 2, 8))):
        place = chance.randrange(len(found))
        data = bytearray(found[place].data)
        for _ in range(chance.choice((1, 1, 2, 5))):
            if data:
                at = chance.randrange(len(data))
                data[at] = chance.choice((chance.choice(_TELLING), data[at] ^ 1 << chance.randrange(8)))
        found[place] = replace(found[place], data=bytes(data))
    return found


def _cut(packets: list[Packet], chance: random.Random) -> list[Packet]:
    """Some are captured in part only."""
    return [
        replace(packet, data=packet.data[: chance.randrange(len(packet.data) + 1)]) if chance.random() < 0.2 else packet
        for packet in packets
    ]


def _reordered(packets: list[Packet], chance: random.Random) -> list[Packet]:
    """Each may come up to five places later; its stamp with it, or not."""
    order = sorted(range(len(packets)), key=lambda place: place + chance.randrange(6))
    if chance.random() < 0.5:
        return [packets[place] for place in order]
    return [replace(packets[place], at=packet.at) for place, packet in zip(order, packets, strict=True)]


def _doubled(packets: list[Packet], chance: random.Random) -> list[Packet]:
    """Some come again, at once or later."""
    found = list(packets)
    for packet in chance.sample(packets, min(len(packets), 5)):
        found.insert(chance.randrange(len(found) + 1), packet)
    return found


def _missing(packets: list[Packet], chance: random.Random) -> list[Packet]:
    return [packet for packet in packets if chance.random() < 0.85] or packets[:1]


def _spliced(packets: list[Packet], chance: random.Random) -> list[Packet]:
    """The end of one packet is that of another."""
    found = list(packets)
    one, other = chance.randrange(len(found)), chance.randrange(len(found))
    data = found[one].data[: chance.randrange(len(found[one].data) + 1)]
    data += found[other].data[chance.randrange(len(found[other].data) + 1) :]
    found[one] = replace(found[one], data=data, size=len(data))
    return found


def _reworded(packets: list[Packet], chance: random.Random) -> list[Packet]:
    """A line of a SIP message is left out, comes twice, is that of another message or has some odd letters within."""
    found = list(packets)
    texts = [place for place, packet in enumerate(packets) if b"SIP/2.0" in packet.data and packet.data[12:14] == _IPV4]
    for place in chance.sample(texts, min(len(texts), 2)):
        head, lines = _parted(found[place].data)
        at = chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, chance.choice(lines))
            case 2:
                lines[at] = chance.choice(_parted(found[chance.choice(texts)].data)[1])
            case _:
                middle = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:middle] + chance.choice(_ODD) + lines[at][middle:]
        data = _fitted(head + b"\r\n".join(lines))
        found[place] = Packet(found[place].at, data, len(data))
    return found


def _parted(frame: bytes) -> tuple[bytes, list[bytes]]:
    """What is before the SIP message, the transport's header with it, and the message's lines."""
    size = 14 + 20 + (8 if frame[23] == _UDP else 20)
    return frame[:size], frame[size:].split(b"\r\n")


def _fitted(frame: bytes) -> bytes:
    """The frame with the lengths that its headers should tell."""
    data = bytearray(frame)
    struct.pack_into(">H", data, 16, len(data) - 14)
    if data[23] == _UDP:
        struct.pack_into(">H", data, 38, len(data) - 34)
    return bytes(data)


_OF_PACKETS: tuple[Callable[[list[Packet], random.Random], list[Packet]], ...] = (
    _flipped, _flipped, _flipped, _cut, _reordered, _doubled, _missing, _spliced, _reworded, _reworded,
)  # fmt: skip


def _bytes_changed(file: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 10))):
        file[chance.randrange(len(file))] = chance.randrange(256)


def _cut_off(file: bytearray, chance: random.Random) -> None:
    del file[chance.randrange(len(file)) :]


def _length_damaged(file: bytearray, chance: random.Random) -> None:
    """A number at a place of 4 bytes, mostly within a block's head, is an unlikely one."""
    places = [at for at in range(0, len(file) - 4, 4) if file[at : at + 4] == b"\x06\0\0\0"] or [0]
    at = chance.choice(places) + chance.choice((0, 4, 8, 12, 20, 24))
    if at + 4 <= len(file):
        file[at : at + 4] = struct.pack("<I", chance.choice(_LENGTHS))


_OF_FILES: tuple[Callable[[bytearray, random.Random], None], ...] = (_bytes_changed, _cut_off, _length_damaged)


def _pcapng(packets: list[Packet]) -> bytes:
    return stream_head(["home"]) + b"".join(_block(packet) for packet in packets)


def _block(packet: Packet) -> bytes:
    stamp = _nanoseconds(packet)
    body = struct.pack(
        "=IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(packet.data), max(packet.size, len(packet.data))
    )
    body += packet.data + b"\0" * (-len(packet.data) % 4)
    size = struct.pack("=I", len(body) + 12)
    return struct.pack("=I", 6) + size + body + size


def _pcap(packets: list[Packet]) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)
    for packet in packets:
        seconds, rest = divmod(_nanoseconds(packet), 10**9)
        size = max(packet.size, len(packet.data))
        head += struct.pack("<IIII", seconds, rest, len(packet.data), size) + packet.data
    return head


def _nanoseconds(packet: Packet) -> int:
    return (BEGAN * 10**6 + round(packet.at * 1e6)) * 1000
