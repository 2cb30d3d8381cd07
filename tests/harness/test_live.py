"""The live reader on files that grow while it reads."""

import time
from pathlib import Path

import psutil
import pytest

from harness.base.clock import Deadline
from harness.base.errors import HarnessFault
from harness.base.units import BenchSeconds, EpochSeconds
from harness.capture.events import Event, LineEvent, Outcome, RegistrationAttempt
from harness.capture.live import Follower, LiveReader, stream_head
from harness.episodes.live import LiveView
from harness.inventory import Protocol, Role
from tests.harness.decoding import inventory, needs_tshark
from tests.harness.wire import FAILOVER, HOME, PHONE, Dialogue, packet_block, tcp, udp


@needs_tshark
def test_events_come_while_the_files_grow(tmp_path: Path) -> None:
    files = {point: tmp_path / f"{point}.pcapng" for point in ("home", "failover")}
    for path in files.values():
        path.write_bytes(stream_head(["interface"]))
    reader = LiveReader(inventory())
    reader.follow({point: lambda path=path: [path] for point, path in files.items()})  # type: ignore[misc]
    phone = Dialogue()
    request, answer = phone.register(), phone.answer("200 OK", expires=180)
    keepalive = tcp((HOME, 8443), (FAILOVER, 40000), 1000, b"\x17\x03\x03\0\x91" + bytes(145))
    with files["home"].open("ab") as home, files["failover"].open("ab") as failover:
        for frame in (udp((PHONE, 5060), (HOME, 5060), request), udp((HOME, 5060), (PHONE, 5060), answer)):
            home.write(packet_block(time.time(), frame))
        home.flush()
        failover.write(packet_block(time.time(), keepalive) + b"\x06\0\0\0")  # the next block has only begun
    found: list[Event] = []
    deadline = Deadline.after(10)
    while len(found) < 2 and not deadline.passed:
        found += reader.drain()
        time.sleep(0.01)
    reader.close()
    assert {type(event) for event in found} == {RegistrationAttempt, LineEvent}
    assert reader.latency > 0


def test_a_registration_lapses_when_what_was_granted_last_is_over() -> None:
    live = LiveView(inventory())
    assert live.lapses_at("301", Role.HOME) is None
    for at in (1000.0, 1003.0):
        live._take(
            RegistrationAttempt(
                EpochSeconds(at), (), Protocol.SIP, "301", PHONE, Role.HOME, EpochSeconds(at), EpochSeconds(at),
                Outcome.CONFIRMED, expires=BenchSeconds(180),
            )
        )  # fmt: skip
    assert live.lapses_at("301", Role.HOME) == 1009.0  # 30 bench seconds in a real one
    assert live.lapses_at("301", Role.FAILOVER) is None


@pytest.mark.parametrize("late", [False, True])
def test_what_is_written_last_before_another_file_begins_is_read(tmp_path: Path, late: bool) -> None:
    """Though the writer goes on just when it is asked for its files: before it answers (`late`), or after."""
    first, second = tmp_path / "home_00001.pcapng", tmp_path / "home_00002.pcapng"
    packets = [packet_block(1000.0 + n, bytes([n]) * 60) for n in range(3)]
    first.write_bytes(stream_head(["cap"]) + packets[0])
    files, asked = [first], []

    def told() -> list[Path]:
        before = list(files)
        asked.append(1)
        if len(asked) == 2:
            with first.open("ab") as file:
                file.write(packets[1])
            second.write_bytes(stream_head(["cap"]) + packets[2])
            files.append(second)
        return list(files) if late else before

    follower = Follower(told, 0)
    found = [follower.as_own_interface(batch, frozenset()) for _ in range(4) for batch in follower.batches()]
    follower.close()
    assert b"".join(found) == b"".join(packets)


@needs_tshark
def test_a_tshark_that_dies_is_told_also_when_nothing_is_captured(tmp_path: Path) -> None:
    path = tmp_path / "home.pcapng"
    path.write_bytes(stream_head(["interface"]))
    reader = LiveReader(inventory())
    reader.follow({"home": lambda: [path]})
    (tshark,) = [child for child in psutil.Process().children() if child.name() in ("tshark", "setpriv")]
    tshark.kill()
    with pytest.raises(HarnessFault, match=r"the live reader died \(tshark has ended"):
        drain_for(reader, 10)
    reader.close()


def drain_for(reader: LiveReader, seconds: float) -> None:
    deadline = Deadline.after(seconds)
    while not deadline.passed:
        reader.drain()
        time.sleep(0.01)


@needs_tshark
def test_a_reader_that_is_closed_leaves_nothing_and_tells_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "home.pcapng"
    path.write_bytes(stream_head(["interface"]))
    LiveReader(inventory()).close()  # before it has begun, as when the recorder could not
    reader = LiveReader(inventory())
    reader.follow({"home": lambda: [path]})
    drain_for(reader, 0.2)
    reader.close()
    assert reader.drain() == []
    assert [child for child in psutil.Process().children() if child.name() == "tshark"] == []
