"""Media streams are found as they were made: losses, reordering, silences, counters that wrap, parts of datagrams."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture import blocks
from harness.capture.blocks import Scanner
from harness.capture.headers import headers_of, looks_like_media
from harness.capture.live import stream_head
from harness.capture.media import GAP, MediaStream, MediaTracker
from tests.harness.decoding import T0
from tests.harness.wire import Timed, fragments, packet_block, udp, udp6, vlan

End = tuple[str, int]
EVERY = 0.02
IPV4 = ("10.77.3.101", "10.77.3.102")
IPV6 = ("fd77:3::101", "fd77:3::102")


@dataclass(frozen=True)
class Made:
    """One direction of a call: packet number → seconds when it is seen; numbers that are missing were lost."""

    source: End
    destination: End
    ssrc: int
    first: int
    seen: dict[int, float]
    tags: int

    def frames(self) -> list[Timed]:
        """Its packets in the order in which they are seen."""
        sent = udp6 if ":" in self.source[0] else udp
        found = []
        for number, at in self.seen.items():
            frame = sent(self.source, self.destination, rtp(self.first + number, self.ssrc))
            for _ in range(self.tags):
                frame = vlan(frame)
            found.append((at, frame))
        return sorted(found)

    def told(self) -> tuple[object, ...]:
        """What is to be found."""
        stamps = sorted(self.seen.values())
        gaps = [
            (round(before, 6), round(after - before, 6)) for before, after in pairwise(stamps) if after - before >= GAP
        ]
        lost = max(self.seen) - min(self.seen) + 1 - len(self.seen)
        return self.source, self.destination, self.ssrc, len(self.seen), lost, gaps


def rtp(number: int, ssrc: int) -> bytes:
    return struct.pack(">BBHII", 0x80, 8, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc) + b"\xd5" * 20


@st.composite
def streams(draw: st.DrawFn) -> list[Made]:
    """Some directions, no two of the same ends and source identifier."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        ends = draw(st.sampled_from([IPV4, IPV6, IPV4[::-1], IPV6[::-1]]))
        count = draw(st.integers(3, 60))
        late = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
        silences = draw(st.dictionaries(st.integers(1, count - 1), st.integers(1, 500), max_size=2))
        lost = draw(st.sets(st.integers(0, count - 1), max_size=count - 2))
        at, seen = draw(st.integers(0, 19)) / 1000, {}
        for packet in range(count):
            at += EVERY + silences.get(packet, 0) * EVERY
            if packet not in lost:
                # Half a step beside the others, so that no two come at once.
                seen[packet] = round(at + late[packet] * EVERY + late[packet] / 10_000 + packet / 1e6, 6)
        source, destination = (ends[0], 16384 + 2 * number), (ends[1], 20000)
        first = draw(st.sampled_from([0, 1, 30_000, 65_530, 65_535]))
        found.append(Made(source, destination, draw(st.integers(0, 2**32 - 1)), first, seen, draw(st.integers(0, 3))))
    return found


def read(frames: list[Timed]) -> tuple[tuple[MediaStream, ...], int]:
    """The streams, and how many packets were not taken for media."""
    data = stream_head(["a"]) + b"".join(packet_block(T0 + at, frame) for at, frame in frames)
    tracker, rest = MediaTracker("a"), 0
    for batch in Scanner(io.BytesIO(data)).batches():
        headers = headers_of(batch)
        media = looks_like_media(batch, headers, {5060})
        tracker.feed(batch, headers, media)
        rest += int((~media).sum())
    return tracker.streams(), rest


def told(stream: MediaStream) -> tuple[object, ...]:
    gaps = [(round(gap.at - T0, 6), round(gap.seconds, 6)) for gap in stream.gaps]
    return stream.source, stream.destination, stream.ssrc, stream.packets, stream.lost, gaps


@settings(max_examples=150, deadline=None)
@given(streams(), st.sampled_from([4 << 20, 4096, 700]))
def test_streams_are_found_as_they_were_made(made: list[Made], chunk: int) -> None:
    frames = sorted(frame for stream in made for frame in stream.frames())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CHUNK", chunk)
        found, rest = read(frames)
    assert rest == 0
    assert sorted(map(str, map(told, found))) == sorted(str(stream.told()) for stream in made)


def test_a_counter_that_wraps_many_times_loses_nothing() -> None:
    ends = (IPV4[0], 16384), (IPV4[1], 20000)
    numbers = list(range(0, 200_000, 7))
    frames = [(place * EVERY, udp(*ends, rtp(number, 7))) for place, number in enumerate(numbers)]
    [stream], _ = read(frames)
    assert (stream.packets, stream.lost) == (len(numbers), numbers[-1] + 1 - len(numbers))
    assert stream.interval == pytest.approx(EVERY)


WHOLE = udp((IPV4[0], 16384), (IPV4[1], 20000), rtp(1, 7) + b"\xd5" * 300)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_fragments_are_no_media(place: int) -> None:
    pieces = fragments(WHOLE, 120)
    assert len(pieces) > 2
    assert read([(0.0, pieces[place]), (0.1, vlan(pieces[place]))]) == ((), 2)


def ipv6_fragment(offset: int) -> bytes:
    """A fragment whose data looks like RTP, behind a fragment header."""
    frame = udp6((IPV6[0], 16384), (IPV6[1], 20000), rtp(1, 7))
    return frame[:20] + b"\x2c" + frame[21:54] + struct.pack(">BBHI", 17, 0, offset << 3 | 1, 7) + frame[54:]


@pytest.mark.parametrize("offset", [0, 100])
def test_fragments_of_ipv6_are_no_media(offset: int) -> None:
    assert read([(0.0, ipv6_fragment(offset)), (0.1, ipv6_fragment(offset))]) == ((), 2)


@pytest.mark.parametrize(("told", "streams"), [(0, 1), (13, 0), (27, 0), (28, 1)])
def test_a_header_with_an_impossible_length_is_no_media(told: int, streams: int) -> None:
    frames = [udp((IPV4[0], 16384), (IPV4[1], 20000), rtp(number, 7)) for number in range(3)]
    frames = [frame[:16] + struct.pack(">H", told) + frame[18:] for frame in frames]
    assert len(read([(number / 50, frame) for number, frame in enumerate(frames)])[0]) == streams


def test_a_header_shorter_than_possible_is_no_media() -> None:
    frames = [udp((IPV4[0], 16384), (IPV4[1], 20000), rtp(number, 7)) for number in range(3)]
    frames = [frame[:14] + b"\x44" + frame[15:30] + b"\x40\x00\x4e\x20\x00\x28\0\0" + frame[42:] for frame in frames]
    assert read([(number / 50, frame) for number, frame in enumerate(frames)]) == ((), 3)


@pytest.mark.parametrize("build", [udp, udp6])
@given(size=st.integers(0, 120), tags=st.integers(0, 3))
@settings(deadline=None)
def test_a_packet_that_was_cut_counts_from_its_rtp_header_on(
    build: Callable[[End, End, bytes], bytes], size: int, tags: int
) -> None:
    ends = IPV4 if build is udp else IPV6
    whole = [build((ends[0], 16384), (ends[1], 20000), rtp(number, 7)) for number in range(3)]
    for _ in range(tags):
        whole = [vlan(frame) for frame in whole]
    frames = [(number / 50, frame[:size]) for number, frame in enumerate(whole)]
    found, rest = read(frames)
    before_rtp = len(whole[0]) - len(rtp(0, 7))
    assert [stream.packets for stream in found] == ([3] if size >= before_rtp + 12 else [])
    assert rest == (0 if size >= before_rtp + 8 else 3)
