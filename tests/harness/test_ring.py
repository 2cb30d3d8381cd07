"""The ring writer: whatever the chunks in which a stream comes, whole files with all its packets."""

import errno
import itertools
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.clock import Deadline
from harness.base.units import EpochSeconds
from harness.capture.blocks import Scanner
from harness.capture.decoder import decode
from harness.capture.live import stream_head
from harness.capture.ring import RingWriter
from harness.capture.topology import topology_of
from tests.harness.decoding import inventory, needs_tshark
from tests.harness.wire import HOME, PHONE, Dialogue, packet_block, udp

HEAD = stream_head(["cap-home"])
STATISTICS = struct.pack("=IIIIII", 5, 24, 0, 0, 0, 24)


def reading(chunks: Iterable[bytes]) -> Callable[[], bytes]:
    left = iter([chunk for chunk in chunks if chunk])
    return lambda: next(left, b"")


def written(folder: Path, size: int, chunks: Iterable[bytes]) -> RingWriter:
    writer = RingWriter(folder, "home", size, reading(chunks))
    writer.start()
    writer.join(10)
    assert not writer.is_alive()
    return writer


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[first:last] for first, last in itertools.pairwise(edges)]


def packets_in(file: Path) -> list[bytes]:
    """The bytes of every packet; the file must be a whole capture."""
    with file.open("rb") as stream:
        scanner = Scanner(stream)
        found = []
        for batch in scanner.batches():
            for start, length in zip(batch.packets.starts, batch.packets.lengths, strict=True):
                found.append(batch.data[start : start + length].tobytes())
        assert not scanner.within_block
    return found


def big_endian(block: bytes) -> bytes:
    """The head and the packets of a stream as a machine of the other byte order writes them."""
    (kind,) = struct.unpack_from("=I", block)
    body = block[8:-4]
    if kind == 0x0A0D0D0A:
        body = struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1)
    elif kind == 1:
        body = struct.pack(">HHI", 1, 0, 0)
    else:
        body = struct.pack(">IIIII", *struct.unpack_from("=IIIII", body)) + body[20:]
    return struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)


def blocks_of(stream: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(stream):
        size = struct.unpack_from("=I", stream, at + 4)[0]
        found.append(stream[at : at + size])
        at += size
    return found


@given(
    frames=st.lists(st.binary(max_size=300), max_size=40),
    places=st.lists(st.integers(0, 20_000), max_size=30),
    size=st.integers(1, 3000),
    swapped=st.booleans(),
)
def test_any_chunking_gives_whole_files_with_all_packets(
    frames: list[bytes], places: list[int], size: int, swapped: bool
) -> None:
    blocks = [*blocks_of(HEAD), *(packet_block(1000.0 + n, frame) for n, frame in enumerate(frames))]
    if swapped:
        blocks = [big_endian(block) for block in blocks]
    head = b"".join(blocks[:2])
    stream = b"".join(blocks) + (b"" if swapped else STATISTICS)
    with TemporaryDirectory() as folder:
        writer = written(Path(folder), size, cut(stream, places))
        assert writer.fault is None
        assert [file.name for file in writer.files] == [f"home_{n + 1:05d}.pcapng" for n in range(len(writer.files))]
        assert sorted(writer.files) == sorted(Path(folder).iterdir())
        assert all(file.read_bytes().startswith(head) for file in writer.files)
        assert [packet for file in writer.files for packet in packets_in(file)] == frames
        largest = size + 400  # the last block is begun while there is room
        assert all(file.stat().st_size <= max(largest, len(head) + 400) for file in writer.files)
        if len(writer.files) > 1:
            assert all(file.stat().st_size > len(head) for file in writer.files)  # none is begun for nothing


def test_a_packet_that_is_waited_for_is_found_in_whatever_pieces_it_comes(tmp_path: Path) -> None:
    block = packet_block(1000.0, b"\x88\xb5end of capture " + bytes(16) + b"!" * 16)
    ours, theirs = os.pipe()
    writer = RingWriter(tmp_path, "home", 1 << 20, lambda: os.read(ours, 1 << 20))
    writer.expect(b"!" * 16)
    writer.expect(b"?" * 16)
    writer.start()
    os.write(theirs, HEAD + block[:50])
    assert not writer.arrived(b"!" * 16, Deadline.after(0.1))
    os.write(theirs, block[50:])
    assert writer.arrived(b"!" * 16, Deadline.after(5))
    assert block in writer.files[-1].read_bytes()  # it is in the file by then
    assert not writer.arrived(b"?" * 16, Deadline.after(0))
    os.close(theirs)
    writer.join(5)
    os.close(ours)


def full_disk(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """A disk that has room for so many bytes, in this process, for files that are opened from now on."""
    left = [room]
    really = Path.open

    class Small:
        def __init__(self, path: Path) -> None:
            if left[0] <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._file = really(path, "wb", buffering=0)

        def write(self, data: memoryview) -> int:
            if left[0] <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = self._file.write(data[: left[0]])
            left[0] -= done
            return done

        def close(self) -> None:
            self._file.close()

    monkeypatch.setattr(Path, "open", lambda path, *_, **__: Small(path))


@pytest.mark.parametrize("room", [len(HEAD) + 150, len(HEAD) + 300, 2 * len(HEAD) + 400])
def test_a_full_disk_is_kept_as_fault_and_the_stream_is_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Within a block, at its end, and where the next file is to be made."""
    blocks = [packet_block(1000.0 + n, bytes([n]) * 100) for n in range(50)]
    asked = []
    chunks = iter([HEAD, *blocks])

    def read() -> bytes:
        asked.append(1)
        return next(chunks, b"")

    with monkeypatch.context() as patch:
        full_disk(patch, room)
        writer = RingWriter(tmp_path, "home", 400, read)
        writer.expect(bytes([49]) * 16)
        writer.start()
        writer.join(10)
    assert not writer.is_alive()
    assert writer.fault is not None
    assert writer.fault.errno == errno.ENOSPC
    assert len(asked) == 52  # to the stream's end
    assert not writer.arrived(bytes([49]) * 16, Deadline.after(0))  # what was not written did not arrive
    assert sum(file.stat().st_size for file in writer.files) == room


def test_no_first_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        RingWriter(tmp_path / "nowhere", "home", 1000, reading([]))


@pytest.mark.parametrize("chunks", [[b"Welcome to sensor 7!\n", HEAD], [b"\n", b"\rWelcome"], [b"W", HEAD]])
def test_a_stream_that_is_no_capture_is_not_written(tmp_path: Path, chunks: list[bytes]) -> None:
    writer = written(tmp_path, 1000, chunks)
    assert writer.foreign == b"".join(chunks)[: len(writer.foreign)] != b""
    assert writer.files[0].read_bytes() == b""


@needs_tshark
def test_a_stream_that_ends_within_a_block_is_a_finding(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = [udp((PHONE, 5060), (HOME, 5060), phone.register()), udp((HOME, 5060), (PHONE, 5060), phone.answer("403"))]
    whole = HEAD + b"".join(packet_block(1000.0 + n, frame) for n, frame in enumerate(frames))
    writer = written(tmp_path, 1 << 20, [whole[:-20]])
    found = decode({"home": writer.files}, topology_of(inventory()), EpochSeconds(2000))
    assert [finding.text for finding in found.findings] == ["home_00001.pcapng ends within a packet"]
    assert found.packets == {"home": 1}
