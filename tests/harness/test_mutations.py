"""Damaged captures: a sample of those of `benchmarks.mutations`, and any bytes at the layers below the dissector."""

import io
import random
import struct
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mutants import mutant
from benchmarks.mutations import one_file
from benchmarks.scenes import HOME_6, over_ipv6, sip_over_udp
from benchmarks.support import reading, unsupported
from harness.base.errors import HarnessFault
from harness.base.units import EpochSeconds
from harness.capture.blocks import SIMPLE_PACKET, Scanner, extent
from harness.capture.correlate import Merger, merged
from harness.capture.decoder import decode
from harness.capture.events import Outcome, Sighting
from harness.capture.headers import headers_of, looks_like_media
from harness.capture.live import stream_head
from harness.capture.media import MediaTracker
from harness.capture.messages import Endpoint, Message, RasMessage, SipMessage
from harness.capture.sights import SightTracker
from harness.capture.topology import open_topology, topology_of
from tests.harness.decoding import T0, attempts, decoded, inventory, needs_tshark
from tests.harness.wire import HOME, PHONE, Dialogue, packet_block, udp, write

SAMPLE = range(1_000_000, 1_000_040)
FRAMES = [packet_block(T0 + at, frame) for at, frame in sip_over_udp()]
SOUND = stream_head(["home"]) + b"".join(FRAMES)


@needs_tshark
def test_a_sample_breaks_nothing_and_tells_nothing_that_is_not_there() -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one_file, SAMPLE))
    assert [text for _, faults in found for text in faults] == []
    counts = sum((counted for counted, _ in found), Counter[str]())
    assert counts["events"] > 3 * len(SAMPLE)  # what is not damaged is still read
    assert counts["findings"]
    assert counts["streams"]
    assert counts["undecodable"] < len(SAMPLE) / 4


def test_a_mutant_is_made_from_its_number_alone() -> None:
    assert mutant(7) == mutant(7) != mutant(8)


@needs_tshark
def test_the_other_reading_tells_an_invented_event(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = [(0.0, udp((PHONE, 5060), (HOME, 5060), phone.register()))]
    frames.append((0.1, udp((HOME, 5060), (PHONE, 5060), phone.answer("403 Forbidden"))))
    found, read = decoded(tmp_path, home=frames), reading(tmp_path / "home.pcapng")
    assert list(unsupported(found, read)) == []
    [attempt] = attempts(found)
    for invented in (
        replace(attempt, outcome=Outcome.ACCEPTED, reason="200 OK"),
        replace(attempt, source="10.77.3.9"),
        replace(attempt, extension="302"),
        replace(attempt, sightings=(Sighting("home", 3, attempt.at),)),
        replace(attempt, sightings=tuple(replace(seen, at=EpochSeconds(seen.at + 1)) for seen in attempt.sightings)),
    ):
        assert list(unsupported(replace(found, events=(invented,)), read))


@needs_tshark
def test_a_request_that_icmpv6_quotes_is_nobodys(tmp_path: Path) -> None:
    file = write(tmp_path / "a.pcapng", [(T0 + at, frame) for at, frame in over_ipv6()])
    found = decode({"a": [file]}, open_topology(), EpochSeconds(T0 + 100))
    assert [(each.role, each.outcome) for each in attempts(found)] == [(HOME_6, Outcome.ACCEPTED)]


@needs_tshark
def test_a_packet_without_a_stamp_is_a_finding(tmp_path: Path) -> None:
    frame = sip_over_udp()[0][1]
    body = struct.pack("=I", len(frame)) + frame + b"\0" * (-len(frame) % 4)
    size = struct.pack("=I", len(body) + 12)
    file = tmp_path / "home.pcapng"
    file.write_bytes(stream_head(["home"]) + struct.pack("=I", SIMPLE_PACKET) + size + body + size)
    found = decode({"home": [file]}, topology_of(inventory()), EpochSeconds(T0 + 100))
    assert (found.events, [each.text for each in found.findings]) == ((), ["a packet without a time stamp"])


def other_trailer(block: bytes) -> bytes:
    return block[:-4] + struct.pack("=I", len(block) + 4)


def longer_packet(block: bytes) -> bytes:
    return block[:20] + struct.pack("=I", len(block)) + block[24:]


def impossible_length(block: bytes) -> bytes:
    return block[:4] + struct.pack("=I", 13) + block[8:]


@needs_tshark
@pytest.mark.parametrize("damage", [other_trailer, longer_packet, impossible_length])
def test_a_damaged_block_is_named_and_what_is_before_it_counts(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "home.pcapng"
    file.write_bytes(stream_head(["home"]) + b"".join([*FRAMES[:3], damage(FRAMES[3]), *FRAMES[4:]]))
    assert extent(file) == (3, T0, EpochSeconds(T0 + 0.2))
    with pytest.raises(HarnessFault, match="cannot be decoded"):
        decode({"home": [file]}, topology_of(inventory()), EpochSeconds(T0 + 100))


def scanned(data: bytes) -> tuple[bytes, bool]:
    """What the scanner gave, and whether that was all; every layer below the dissector is asked about it."""
    scanner, found = Scanner(io.BytesIO(data)), []
    tracker, sights = MediaTracker("home"), SightTracker.at(topology_of(inventory()), "home")
    try:
        for batch in scanner.batches():
            headers = headers_of(batch)
            tracker.feed(batch, headers, looks_like_media(batch, headers, {5060}))
            sights.feed(batch, headers)
            found.append(batch.without(np.zeros(len(batch.packets), bool)))
    except ValueError:
        return b"".join(found), False
    tracker.streams(), sights.sights()
    return b"".join(found), not scanner.within_block


HEADS = (
    b"", SOUND, stream_head(["a", "b"]), b"\xd4\xc3\xb2\xa1" + bytes(16) + b"\1\0\0\0", b"\xa1\xb2\x3c\x4d" + bytes(20),
    struct.pack(">IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28),
)  # fmt: skip
NUMBERS = st.sampled_from([0, 1, 2, 3, 6, 8, 12, 16, 20, 28, 32, 36, 0x0A0D0D0A, 0x1A2B3C4D, 2**31, 2**32 - 1])
WORDS = st.lists(NUMBERS | st.integers(0, 2**32 - 1), max_size=40).map(
    lambda numbers: struct.pack(f"={len(numbers)}I", *numbers)
)


@settings(max_examples=400, deadline=2000)
@given(st.sampled_from(HEADS), st.binary(max_size=300) | WORDS)
def test_any_bytes_are_blocks_or_refused(head: bytes, rest: bytes) -> None:
    data = head + rest
    found, whole = scanned(data)
    assert data.startswith(found)
    assert found == data or not whole


@settings(max_examples=200, deadline=2000)
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=6))
def test_a_file_with_other_bytes_is_blocks_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SOUND)
    for place, value in changes:
        data[place] = value
    found, whole = scanned(bytes(data))
    assert data.startswith(found)
    assert found == data or not whole


POINTS = ("home", "failover", "phones")


@st.composite
def sightings(draw: st.DrawFn) -> list[list[Message]]:
    """Of every point what it sees, in order of time: each message somewhere, nowhere at the same instant."""
    seen: dict[str, list[Message]] = {point: [] for point in POINTS}
    for number in range(draw(st.integers(0, 12))):
        sent = draw(st.integers(0, 10_000))
        points = draw(st.lists(st.sampled_from(POINTS), min_size=1, unique=True))
        delays = draw(st.lists(st.integers(0, 50), min_size=len(points), max_size=len(points), unique=True))
        kind = draw(st.sampled_from([sip_message, ras_message]))
        for point, delay in zip(points, delays, strict=True):
            seen[point].append(kind(number, point, EpochSeconds(T0 + (sent + delay) / 1000)))
    return [sorted(found, key=lambda message: message.at) for found in seen.values()]


def sip_message(number: int, point: str, at: EpochSeconds) -> SipMessage:
    ends = Endpoint(PHONE, 5060), Endpoint(HOME, 5060)
    start, headers = "REGISTER sip:x SIP/2.0", {"call-id": (str(number),), "cseq": ("1 REGISTER",)}
    return SipMessage(at, (Sighting(point, number + 1, at),), *ends, start, headers, "")


def ras_message(number: int, point: str, at: EpochSeconds) -> RasMessage:
    ends = Endpoint(HOME, 1719), Endpoint(PHONE, 1719)
    return RasMessage(at, (Sighting(point, number + 1, at),), *ends, "RCF", number, "", "", False, None, "")


@settings(deadline=None)
@given(sightings(), st.randoms(use_true_random=False))
def test_however_points_are_interleaved_each_message_comes_once(
    points: list[list[Message]], chance: random.Random
) -> None:
    topology = topology_of(inventory())
    together = [message for found in points for message in found]
    left = [list(found) for found in points if found]
    merger: Merger[Message] = Merger(topology)
    found: list[Message] = []
    while left:
        point = chance.choice(left)
        found += merger.add(point.pop(0))
        left = [rest for rest in left if rest]
    found += merger.rest()
    assert len({message.identity for message in together}) == len(found)
    assert sorted(found, key=place) == sorted(merged(together, topology), key=place)
    assert sorted(seen for message in found for seen in keys(message)) == sorted(
        seen for message in together for seen in keys(message)
    )


@settings(deadline=None)
@given(sightings(), st.sampled_from([0.1, 1.0, 64.0]))
def test_messages_in_order_come_in_order(points: list[list[Message]], held: float) -> None:
    topology = topology_of(inventory())
    together = sorted((message for found in points for message in found), key=lambda message: message.at)
    merger: Merger[Message] = Merger(topology, held)
    found = [whole for message in together for whole in merger.add(message)]
    found += merger.rest()
    firsts = [message.sightings[0].at for message in found]
    assert firsts == sorted(firsts)
    assert sorted(found, key=place) == sorted(merged(together, topology), key=place)


def place(message: Message) -> tuple[float, int]:
    """In order of time; of several at one instant by number."""
    return message.at, message.sightings[0].frame


def keys(message: Message) -> list[tuple[str, int, float]]:
    return [(seen.point, seen.frame, seen.at) for seen in message.sightings]
