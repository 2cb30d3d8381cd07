"""The blocks of capture files as arrays: complete blocks only, media told by header alone, streams and sights."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import HarnessFault
from harness.base.units import EpochSeconds
from harness.capture.blocks import Batch, Scanner
from harness.capture.decoder import Decoded, decode
from harness.capture.headers import headers_of, looks_like_media
from harness.capture.live import stream_head
from harness.capture.topology import topology_of
from tests.harness.decoding import attempts, decoded, inventory, needs_tshark
from tests.harness.wire import HOME, PHONE, Dialogue, packet_block, tcp, udp

SIGNALLING = frozenset({5060, 1719})
RTP = udp((PHONE, 40000), ("10.77.3.102", 40002), b"\x80" * 172)


def batches(*frames: bytes) -> list[Batch]:
    data = stream_head(["a"]) + b"".join(packet_block(number, frame) for number, frame in enumerate(frames))
    return list(Scanner(io.BytesIO(data)).batches())


def is_media(frame: bytes, signalling: frozenset[int]) -> bool:
    found = [looks_like_media(batch, headers_of(batch), signalling) for batch in batches(frame)]
    return bool(found[0][0])


def test_media_is_udp_off_the_signalling_ports() -> None:
    assert is_media(RTP, SIGNALLING)
    assert not is_media(udp((PHONE, 5060), (HOME, 40000), b"x"), SIGNALLING)
    assert not is_media(tcp((PHONE, 40000), (HOME, 40002), 1), SIGNALLING)
    fragment = bytearray(RTP)
    fragment[20] = 0x20  # more fragments follow
    assert not is_media(bytes(fragment), SIGNALLING)
    assert is_media(RTP[:12] + b"\x81\x00\x00\x05" + RTP[12:], SIGNALLING)


@given(st.binary(max_size=80))
def test_any_bytes_can_be_asked_about(packet: bytes) -> None:
    is_media(packet, SIGNALLING)


def test_a_signalling_message_on_a_strange_port_is_not_media() -> None:
    register = Dialogue().register()
    assert not is_media(udp((PHONE, 40000), (HOME, 40002), register), SIGNALLING)


@given(st.lists(st.integers(1, 200), max_size=8))
def test_a_growing_file_gives_each_block_once(cuts: list[int]) -> None:
    data = stream_head(["a", "b"]) + b"".join(packet_block(number, RTP) for number in range(3))
    stream = io.BytesIO()
    scanner = Scanner(stream)
    found = []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        place = stream.tell()
        stream.seek(0, io.SEEK_END)
        stream.write(data[begin:end])
        stream.seek(place)
        found += list(scanner.batches())
    assert b"".join(batch.without(np.zeros(len(batch.packets), bool)) for batch in found) == data
    assert sum(len(batch.packets) for batch in found) == 3
    assert not scanner.within_block


def test_other_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="pcapng"):
        list(Scanner(io.BytesIO(b"\x0a\x0d\x0d\x0a" + b"\x03\0\0\0" + bytes(20))).batches())


@needs_tshark
def test_frame_numbers_are_those_of_the_file_although_media_is_left_out(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = [(at / 100, RTP) for at in range(50)]
    frames += [(1.0, udp((PHONE, 5060), (HOME, 5060), phone.register()))]
    frames += [(1.1, RTP), (1.2, udp((HOME, 5060), (PHONE, 5060), phone.answer("403 Forbidden")))]
    found = decoded(tmp_path, home=frames)
    assert [seen.frame for seen in attempts(found)[0].sightings] == [51, 53]
    assert found.packets == {"home": 53}


def read(*paths: Path) -> Decoded:
    return decode({"home": list(paths)}, topology_of(inventory()), EpochSeconds(100))


@needs_tshark
def test_a_file_cut_within_a_packet_is_decoded_and_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "home.pcapng"
    path.write_bytes(stream_head(["home"]) + packet_block(1, RTP) + packet_block(2, RTP)[:50])
    found = read(path)
    assert [each.text for each in found.findings] == ["home.pcapng ends within a packet"]


@needs_tshark
def test_a_file_that_is_no_capture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "home.pcapng"
    path.write_text("this is no capture, whatever its name says")
    with pytest.raises(HarnessFault, match=r"home\.pcapng cannot be decoded"):
        read(path)
