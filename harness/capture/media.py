"""Media streams by RTP header alone, without the dissector, also those whose signalling nobody saw."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import pairwise

import numpy as np

from harness.base.units import EpochSeconds, RealSeconds
from harness.capture.blocks import Batch, Flags, Integers, Seconds
from harness.capture.headers import Headers, is_rtp, number

GAP = RealSeconds(0.1)
"""Real seconds between two packets from which on it is kept as a gap: five packets of 20 ms."""
MOST_GAPS = 10_000
"""Kept of one stream; a stream of silence suppression has many."""


@dataclass(frozen=True)
class Gap:
    """No packet for `seconds` (real) from `at` (epoch seconds) on."""

    at: EpochSeconds
    seconds: RealSeconds


@dataclass(frozen=True)
class MediaStream:
    """One direction of one RTP stream at one capture point.

    `source` and `destination`: address and port. `first` and `last`: epoch seconds of its first and last
    packet. `interval`: the usual real seconds between two packets. `lost`: sequence numbers that are missing
    between first and last. `gaps`: every silence of at least 0.1 s.
    """

    point: str
    source: tuple[str, int]
    destination: tuple[str, int]
    ssrc: int
    payload_types: tuple[int, ...]
    packets: int
    lost: int
    first: EpochSeconds
    last: EpochSeconds
    interval: RealSeconds
    gaps: tuple[Gap, ...]
    gaps_left_out: int = 0


@dataclass
class _State:
    """A stream while it goes on."""

    source: tuple[str, int]
    destination: tuple[str, int]
    ssrc: int
    first: float
    last: float
    sequence: int
    place: int = 0
    """Of the last packet: its sequence number counted from the first packet's on, without wrapping."""
    lowest: int = 0
    highest: int = 0
    packets: int = 0
    interval: float = 0.0
    payload_types: set[int] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)
    left_out: int = 0


class MediaTracker:
    """Feed it the media packets batch by batch; `streams` tells what they were."""

    def __init__(self, point: str) -> None:
        self._point = point
        self._states: dict[int, _State] = {}

    def feed(self, batch: Batch, headers: Headers, media: Flags) -> None:
        """Take in the RTP packets among `media`."""
        rows = np.flatnonzero(is_rtp(batch, headers, media))
        if not len(rows):
            return
        at, payload = batch.packets.at[rows], headers.payload[rows]
        key = _keys(batch, headers, rows)
        order = np.lexsort((at, key))  # by stream, then by time
        key, at, payload, rows = key[order], at[order], payload[order], rows[order]
        sequence = number(batch.data, payload + 2, 2)
        kind = number(batch.data, payload + 1, 1) & 0x7F
        edges = np.flatnonzero(np.diff(key)) + 1
        bounds = [0, *edges.tolist(), len(key)]
        for begin, end in pairwise(bounds):
            name, here = int(key[begin]), slice(begin, end)
            if name not in self._states:
                self._states[name] = _begun(batch, headers, int(rows[begin]), float(at[begin]), int(sequence[begin]))
            _go_on(self._states[name], at[here], sequence[here], kind[here])

    def streams(self, least: int = 2) -> tuple[MediaStream, ...]:
        """Every stream of at least `least` packets, in the order of their beginning."""
        found = (self._stream(state) for state in self._states.values() if state.packets >= least)
        return tuple(sorted(found, key=lambda stream: (stream.first, stream.ssrc)))

    def _stream(self, state: _State) -> MediaStream:
        return MediaStream(
            self._point,
            state.source,
            state.destination,
            state.ssrc,
            tuple(sorted(state.payload_types)),
            state.packets,
            max(0, state.highest - state.lowest + 1 - state.packets),
            EpochSeconds(state.first),
            EpochSeconds(state.last),
            RealSeconds(state.interval),
            tuple(state.gaps),
            state.left_out,
        )


def _go_on(state: _State, at: Seconds, sequence: Integers, kinds: Integers) -> None:
    """Take in further packets of one stream, in order of time."""
    steps = np.diff(at, prepend=state.last)
    for index in np.flatnonzero(steps >= GAP).tolist():
        if len(state.gaps) < MOST_GAPS:
            state.gaps.append(Gap(EpochSeconds(float(at[index] - steps[index])), RealSeconds(float(steps[index]))))
        else:
            state.left_out += 1
    moves = (np.diff(sequence, prepend=state.sequence) + 0x8000) % 0x10000 - 0x8000  # across the counter's wrap
    place = state.place + np.cumsum(moves)
    state.lowest, state.highest = min(state.lowest, int(place.min())), max(state.highest, int(place.max()))
    state.packets += len(at)
    state.place = int(place[-1])
    state.sequence, state.last = int(sequence[-1]), float(at[-1])
    state.payload_types.update(np.unique(kinds).tolist())
    if not state.interval and len(steps) > 2:
        state.interval = float(np.median(steps[1:]))


def _begun(batch: Batch, headers: Headers, row: int, at: float, sequence: int) -> _State:
    """The stream of the packet in `row`, its first."""
    network, payload = int(headers.network[row]), int(headers.payload[row])
    size, where = (4, 12) if headers.version[row] == 4 else (16, 8)
    data = batch.data
    source, destination = (
        str(ip_address(data[begin : begin + size].tobytes())) for begin in (network + where, network + where + size)
    )
    return _State(
        (source, int(headers.source_port[row])),
        (destination, int(headers.destination_port[row])),
        int.from_bytes(data[payload + 8 : payload + 12].tobytes()),
        at,
        at,
        sequence,
    )


def _keys(batch: Batch, headers: Headers, rows: Integers) -> Integers:
    """A number that two packets share if they are of one stream: addresses, ports and SSRC, mixed to 64 bits."""
    data, network = batch.data, headers.network[rows]
    four = headers.version[rows] == 4
    parts = [
        headers.source_port[rows] << 16 | headers.destination_port[rows],
        number(data, headers.payload[rows] + 8, 4),
    ]
    parts += [number(data, network + np.where(four, 12, 8) + 4 * word, 4) for word in range(2)]
    if not four.all():
        parts += [np.where(four, 0, number(data, network + 8 + 4 * word, 4)) for word in range(2, 8)]
    else:
        parts += [np.zeros(len(rows), np.int64)] * 6
    mixed = np.zeros(len(rows), np.uint64)
    for part in parts:
        mixed = (mixed ^ part.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed.view(np.int64)
