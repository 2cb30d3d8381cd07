"""The blocks of a capture file as arrays, so that what is asked of every packet is asked of all at once.

Reads pcapng (draft-ietf-opsawg-pcapng) and classic pcap (draft-ietf-opsawg-pcap), also while they still grow.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from harness.base.units import EpochSeconds

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]
Seconds = NDArray[np.float64]
Flags = NDArray[np.bool_]

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_PACKETS = (PACKET, OLD_PACKET, SIMPLE_PACKET)
_SECTION_MARK = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDER = 0x1A2B3C4D
_PACKET_AT = 28
"""Where the packet's bytes begin in an enhanced packet block."""
_RESOLUTION, _OFFSET = 9, 14
"""Options of an interface block: the unit of its stamps, and seconds to be added to them."""
_PCAP = {b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\xa1\xb2\xc3\xd4": (">", 1e-6),
         b"\x4d\x3c\xb2\xa1": ("<", 1e-9), b"\xa1\xb2\x3c\x4d": (">", 1e-9)}  # fmt: skip
_RECORD = 16
_LARGEST = 64 << 20
"""No block of a real file is larger; a damaged length would have us read the rest as one block."""
SPARE = 128
"""Zero bytes behind the blocks of a batch, so that the headers of a packet that was cut can be looked for."""
CHUNK = 1 << 20
"""What is read at once: about what a processor's cache holds."""


@dataclass(frozen=True)
class Packets:
    """The packets of a batch, one row each.

    `block`: which block it is; `at`: epoch seconds; `starts` and `lengths`: its captured bytes within the
    batch's data; `links`: link type (1 is Ethernet); -1 where the block does not tell.
    """

    block: Integers
    at: Seconds
    starts: Integers
    lengths: Integers
    links: Integers

    def __len__(self) -> int:
        return len(self.block)


@dataclass(frozen=True)
class Batch:
    """Some whole blocks in the order of the file: their bytes, where each begins and how long it is."""

    data: Bytes
    begins: Integers
    sizes: Integers
    packets: Packets

    def without(self, dropped: Flags) -> bytes:
        """The blocks as they stand in the file, but for the packets in `dropped`."""
        keep = np.ones(len(self.begins), bool)
        keep[self.packets.block[dropped]] = False
        return self._only(keep)

    def packets_without(self, dropped: Flags) -> bytes:
        """The same, but of the packets' blocks alone."""
        keep = np.zeros(len(self.begins), bool)
        keep[self.packets.block[~dropped]] = True
        return self._only(keep)

    def _only(self, keep: Flags) -> bytes:
        edges = np.flatnonzero(np.diff(np.concatenate(([False], keep, [False]))))
        ends = self.begins + self.sizes
        view = memoryview(self.data.data)
        runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        return b"".join([view[self.begins[first] : ends[after - 1]] for first, after in runs])


@dataclass(frozen=True)
class _Link:
    """One interface: link type, seconds per unit of its stamps, seconds to add."""

    kind: int
    unit: float
    offset: int


_NO_LINK = _Link(-1, 1e-6, 0)


class Scanner:
    """The complete blocks of a file, from where the last call stopped; a half-written one is left for later.

    Raises ValueError where the bytes are neither pcapng nor pcap.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._rest = b""
        self._order = "<"
        self._links: list[_Link] = []
        self._pcap: _Link | None = None
        self._begun = False

    @property
    def within_block(self) -> bool:
        """Whether what was read ends within a block."""
        return bool(self._rest)

    def batches(self) -> Iterator[Batch]:
        """Every block that is complete by now."""
        while data := self._stream.read(CHUNK):
            data = self._rest + data
            at = 0
            if not self._begun:
                if len(data) < 24:
                    self._rest = data
                    continue
                if not self._begin(data):
                    raise ValueError("neither pcapng nor pcap")
                if self._pcap is not None:
                    yield _nothing_but(data[:24])
                    at = 24
            while at < len(data):
                batch, end = self._pcap_batch(data, at) if self._pcap else self._batch(data, at)
                if batch is not None:
                    yield batch
                if end == at:
                    break
                at = end
            self._rest = data[at:]

    def _begin(self, head: bytes) -> bool:
        self._begun = True
        if head[:4] in _PCAP:
            self._order, unit = _PCAP[head[:4]]
            self._pcap = _Link(struct.unpack_from(f"{self._order}I", head, 20)[0] & 0xFFFF, unit, 0)
        return head[:4] == _SECTION_MARK or self._pcap is not None

    def _batch(self, data: bytes, at: int) -> tuple[Batch | None, int]:
        """Blocks of one byte order from `at` on, and where they end."""
        if data[at : at + 4] == _SECTION_MARK and len(data) >= at + 12:
            self._order = ">" if struct.unpack_from(">I", data, at + 8)[0] == _BYTE_ORDER else "<"
            self._links = []
        words = np.frombuffer(data, f"{self._order}u4", (len(data) - at) // 4, at).astype(np.uint32, copy=False)
        places, end = _walk(words.data)
        if not places:
            if len(words) >= 3 and not 12 <= words[1] <= _LARGEST:
                raise ValueError("not pcapng: a block's length is impossible")
            return None, at
        begins = np.array(places, np.int64)
        damaged = _damaged(words, begins, np.diff(begins, append=end))
        if damaged[0]:
            raise ValueError("not pcapng: a block's lengths do not fit each other")
        kinds = words[begins]
        stops = damaged | (kinds == SECTION)  # another section, perhaps in another byte order
        if stops[1:].any():
            until = int(np.argmax(stops[1:])) + 1
            begins, kinds, end = begins[:until], kinds[:until], int(begins[until])
        for place in begins[kinds == INTERFACE].tolist():
            self._links.append(_link(data[at + place * 4 : at + (place + int(words[place + 1])) * 4], self._order))
        packets = np.flatnonzero(np.isin(kinds, _PACKETS))
        return self._arrays(data[at : at + end * 4], begins * 4, packets), at + end * 4

    def _arrays(self, blocks: bytes, begins: Integers, packets: Integers) -> Batch:
        data = np.frombuffer(blocks + bytes(SPARE), np.uint8)
        words = data.view(f"{self._order}u4")
        sizes = np.diff(begins, append=len(blocks))
        word = begins[packets] // 4
        kinds = words[word]
        simple = kinds == SIMPLE_PACKET
        interface = np.where(simple, 0, words[word + 2].astype(np.int64))
        interface = np.where(kinds == OLD_PACKET, _first_half(interface, self._order), interface)
        links = [*self._links, _NO_LINK]
        interface = np.minimum(interface, len(links) - 1)
        unit = np.array([link.unit for link in links])[interface]
        offset = np.array([link.offset for link in links])[interface]
        ticks = words[word + 3].astype(np.int64) * (1 << 32) + words[word + 4].astype(np.int64)
        whole, rest = np.divmod(ticks, np.rint(1 / unit).astype(np.int64))
        starts = begins[packets] + np.where(simple, 12, _PACKET_AT)
        lengths = np.where(simple, words[word + 2], words[word + 5]).astype(np.int64)
        lengths = np.minimum(lengths, sizes[packets] - np.where(simple, 16, _PACKET_AT + 4))
        kind = np.where(simple, -1, np.array([link.kind for link in links])[interface])
        at = np.where(simple, 0.0, whole + offset + rest * unit)
        return Batch(data, begins, sizes, Packets(packets, at, starts, lengths, kind))

    def _pcap_batch(self, data: bytes, at: int) -> tuple[Batch | None, int]:
        assert self._pcap is not None
        begins: list[int] = []
        stamps: list[tuple[int, int, int]] = []
        first, end = at, len(data)
        read = struct.Struct(f"{self._order}IIII").unpack_from
        while at + _RECORD <= end:
            seconds, fraction, length, _ = read(data, at)
            if length > _LARGEST:
                if begins:
                    break
                raise ValueError("not pcap: a packet's length is impossible")
            if at + _RECORD + length > end:
                break
            begins.append(at - first)
            stamps.append((seconds, fraction, length))
            at += _RECORD + length
        if not begins:
            return None, first
        where = np.array(begins, np.int64)
        table = np.array(stamps, np.int64)
        packets = Packets(
            np.arange(len(where)),
            table[:, 0] + table[:, 1] * self._pcap.unit,
            where + _RECORD,
            table[:, 2],
            np.full(len(where), self._pcap.kind),
        )
        blocks = np.frombuffer(data[first:at] + bytes(SPARE), np.uint8)
        return Batch(blocks, where, np.diff(where, append=at - first), packets), at


def _walk(words: memoryview) -> tuple[list[int], int]:
    """Where the whole blocks begin by their lengths, and where the last of them ends; all in words of 4 bytes.

    This is the one step that is taken for each packet of a night, so it does nothing but go on.
    """
    places: list[int] = []
    add, place, end = places.append, 0, len(words)
    while place + 3 <= end:
        size = words[place + 1]
        after = place + (size >> 2)
        if size < 12 or after > end:
            break
        add(place)
        place = after
    return places, place


def _damaged(words: NDArray[np.uint32], begins: Integers, sizes: Integers) -> Flags:
    """Which blocks tell an odd length or two, or hold more than is in them; `begins` and `sizes` in words."""
    kinds, told = words[begins], words[begins + 1]
    twice = (told % 4 != 0) | (words[begins + sizes - 1] != told)
    packet = (kinds == PACKET) | (kinds == OLD_PACKET)
    captured = words[np.minimum(begins + 5, len(words) - 1)].astype(np.int64)
    beyond = packet & (_PACKET_AT + captured + 4 > sizes * 4)
    return np.asarray(twice | beyond | (kinds == SIMPLE_PACKET) & (sizes < 4), bool)


def extent(file: Path) -> tuple[int, EpochSeconds, EpochSeconds]:
    """How many packets a file has, and the stamps of the first and the last; 0 where it has none.

    A file that is no capture, or none from some place on, has what comes before.
    """
    count, first, last = 0, 0.0, 0.0
    with file.open("rb") as stream, suppress(ValueError):
        for batch in Scanner(stream).batches():
            if len(batch.packets):
                first = first if count else float(batch.packets.at[0])
                count, last = count + len(batch.packets), float(batch.packets.at[-1])
    return count, EpochSeconds(first), EpochSeconds(last)


def _nothing_but(head: bytes) -> Batch:
    none = np.empty(0, np.int64)
    data = np.frombuffer(head + bytes(SPARE), np.uint8)
    return Batch(
        data, np.zeros(1, np.int64), np.array([len(head)]), Packets(none, none.astype(np.float64), none, none, none)
    )


def _first_half(numbers: Integers, order: str) -> Integers:
    """Of 32 bits that hold two numbers of 16 the one that comes first in the file."""
    return numbers >> 16 if order == ">" else numbers & 0xFFFF


def _link(block: bytes, order: str) -> _Link:
    """What an interface block says; what is damaged in its options counts as not said."""
    if len(block) < 20:
        raise ValueError("not pcapng: an interface's block is too short")
    kind = int(struct.unpack_from(f"{order}H", block, 8)[0])
    unit, offset, at = 1e-6, 0, 16
    while at + 4 <= len(block) - 4:
        code, length = struct.unpack_from(f"{order}HH", block, at)
        value = block[at + 4 : at + 4 + length]
        if code == 0:
            break
        if code == _RESOLUTION and len(value) == 1 and (value[0] & 0x7F) <= (62 if value[0] & 0x80 else 18):
            unit = 2.0 ** -(value[0] & 0x7F) if value[0] & 0x80 else 10.0 ** -value[0]
        elif code == _OFFSET and len(value) == 8:
            offset = int(struct.unpack(f"{order}q", value)[0])
        at += 4 + length + -length % 4
    return _Link(kind, unit, offset)
