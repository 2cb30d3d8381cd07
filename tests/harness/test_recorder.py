"""The recorder at sensors that are made up, what dumpcap's words mean, slices and single packets of a capture."""

import queue
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.base.errors import BenchError, ConfigurationFault, HarnessFault, LabFault
from harness.base.units import EpochSeconds
from harness.capture import recorder as recorder_module
from harness.capture.dumpcap import fault_of
from harness.capture.live import stream_head
from harness.capture.packets import packet_table
from harness.capture.recorder import Captured, Recorder
from harness.capture.sensors import CUT_OFF
from harness.capture.slices import slice_capture
from tests.harness.decoding import inventory
from tests.harness.wire import HOME, PHONE, Dialogue, packet_block, udp, write


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("You don't have permission to capture on that device", ConfigurationFault, "group wireshark"),
        ("The capture session could not be initiated (No such device exists)", ConfigurationFault, "ip link"),
        ("There is no device named eth9", ConfigurationFault, "ip link"),
        ("dumpcap: write failed: No space left on device", HarnessFault, "make room"),
        ("The network adapter is no longer attached", HarnessFault, "interface went away"),
        ("sh: 1: dumpcap: not found", ConfigurationFault, "not installed"),
        (f"File: -\n{CUT_OFF}", LabFault, "idle SSH sessions"),
        ("something new", HarnessFault, "dumpcap died"),
    ],
)
def test_dumpcaps_words_become_faults_with_a_next_step(said: str, kind: type[BenchError], words: str) -> None:
    fault = fault_of(said, said, "capture point home (cap-home)")
    assert type(fault) is kind
    assert words in str(fault)
    assert "cap-home" in str(fault)


@pytest.mark.parametrize(
    ("dropped", "marker", "complete"), [(0, True, True), (1, True, False), (0, False, False), (-1, True, False)]
)
def test_a_capture_is_complete_only_with_its_marker_and_without_drops(
    dropped: int, marker: bool, complete: bool
) -> None:
    captured = Captured("home", (Path("x"),), 10, dropped, EpochSeconds(0), EpochSeconds(1), marker)
    assert captured.complete is complete


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    phone = Dialogue()
    return write(
        tmp_path / "home.pcapng",
        [(1000.0 + at, udp((PHONE, 5060), (HOME, 5060), phone.register())) for at in range(300)],
    )


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
def test_a_slice_holds_its_window_and_stays_below_its_limit(capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "slice.pcapng"
    whole = slice_capture(capture, EpochSeconds(1010), EpochSeconds(1020), out)
    assert 3000 < whole < 10_000
    assert slice_capture(capture, EpochSeconds(1000), EpochSeconds(1300), out, limit_bytes=20_000) <= 20_000
    assert out.stat().st_size > 3000


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_single_packets_in_full(capture: Path) -> None:
    rows = packet_table(capture, [2, 7])
    assert [(row.frame, row.at, row.source, row.protocol) for row in rows] == [
        (2, 1001.0, PHONE, "SIP"),
        (7, 1006.0, PHONE, "SIP"),
    ]
    name, fields = rows[0].layers[-1]
    assert name == "sip"
    assert ("Method", "REGISTER") in fields
    assert packet_table(capture, []) == ()


@dataclass
class MadeUp:
    """A sensor whose capture shows what is sent there.

    `deaf`: frames with these numbers are lost; `breaks`: from this number on none can be sent.
    """

    own_clock: bool = True
    deaf: Sequence[int] = ()
    breaks: int = 1000
    greeting: bytes = b""
    ready: str = "File: -\n"
    code: int | None = None
    sent: list[float] = field(default_factory=list)
    killed: bool = False
    pid: int | None = None
    stream: "queue.Queue[bytes]" = field(default_factory=queue.Queue)

    def start(self, words: Sequence[str]) -> "MadeUp":
        assert words[0] == "dumpcap"
        self.stream.put(self.greeting or stream_head(["cap"]))
        return self

    def send(self, interface: str, payload: bytes) -> None:
        assert interface
        self.sent.append(time.time())
        if len(self.sent) >= self.breaks:
            raise LabFault("the packet that marks the capture cannot be sent (Network is down).", device="cap")
        if len(self.sent) not in self.deaf:
            self.stream.put(packet_block(time.time(), bytes(12) + payload))

    def read(self) -> bytes:
        return self.stream.get(timeout=30)

    def said(self) -> str:
        closing = "Packets received/dropped on interface 'cap': 5/0 (pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0) (100.0%)"
        return self.ready + closing * (self.code == 0)

    def ended(self) -> int | None:
        return self.code

    def interrupt(self) -> None:
        self.code = self.code or 0
        self.stream.put(b"")

    def kill(self) -> None:
        self.killed, self.code = True, -9
        self.stream.put(b"")


@dataclass
class Rig:
    """A recorder with such sensors at every capture point."""

    folder: Path
    sensors: dict[str, MadeUp] = field(default_factory=lambda: {name: MadeUp() for name in inventory().captures})

    def __post_init__(self) -> None:
        self.recorder = Recorder(inventory(), self.folder, "made up", self.sensors)

    def stop(self) -> dict[str, Captured]:
        return {one.point: one for one in self.recorder.stop()}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.recorder.abort()


def test_captures_are_marked_at_both_ends(rig: Rig) -> None:
    rig.recorder.start()
    rig.recorder.check()
    for one in rig.stop().values():
        first, last = rig.sensors[one.point].sent
        assert one.complete
        assert one.fault == ""
        assert first - 0.1 < one.started <= first
        assert last - 0.1 < one.ended <= last
        written = b"".join(file.read_bytes() for file in one.files)
        assert written.index(b"begin of capture") < written.index(b"end of capture")


def test_a_capture_has_begun_only_when_its_mark_is_certain(rig: Rig) -> None:
    rig.sensors["home"].deaf = [1]
    rig.recorder.start()
    first, again = rig.sensors["home"].sent
    assert again - first >= 0.4
    assert again - 0.1 < rig.stop()["home"].started <= again


def test_a_capture_is_certain_only_until_its_first_mark_of_the_end(rig: Rig) -> None:
    rig.sensors["home"].deaf = [2]
    rig.recorder.start()
    home = rig.stop()["home"]
    _, first, again = rig.sensors["home"].sent
    assert home.complete
    assert home.ended <= first < again


@pytest.mark.parametrize(("breaks", "deaf"), [(2, []), (3, [2])])
def test_an_end_that_cannot_be_marked_costs_the_others_nothing(rig: Rig, breaks: int, deaf: list[int]) -> None:
    """At once, and when the mark is sent again."""
    rig.sensors["failover"].breaks, rig.sensors["failover"].deaf = breaks, deaf
    rig.recorder.start()
    found = rig.stop()
    assert not found["failover"].complete
    assert "cannot be sent (Network is down)" in found["failover"].fault
    assert found["home"].complete
    assert found["phones"].complete


def test_a_missing_end_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "MARKER_WITHIN", 0.3)
    rig.sensors["home"].deaf = range(2, 99)
    rig.recorder.start()
    home = rig.stop()["home"]
    assert not home.complete
    assert home.fault == "the packet that marks its end is missing"


def test_a_capture_that_dies_is_told_and_the_others_are_kept(rig: Rig) -> None:
    rig.recorder.start()
    rig.sensors["home"].code = 1
    rig.sensors["home"].ready = "dumpcap: The network adapter is no longer attached\n"
    with pytest.raises(HarnessFault, match=r"capture point home \(cap-home\): its interface went away"):
        rig.recorder.check()
    found = rig.stop()
    assert "its interface went away" in found["home"].fault
    assert not found["home"].complete
    assert found["home"].dropped == -1
    assert found["failover"].complete


def test_where_one_cannot_begin_none_is_left(rig: Rig) -> None:
    rig.sensors["phones"].code, rig.sensors["phones"].ready = 1, "You don't have permission to capture on that device"
    with pytest.raises(ConfigurationFault, match="no right to capture"):
        rig.recorder.start()
    assert all(sensor.killed for sensor in rig.sensors.values())


def test_a_file_that_cannot_be_made_leaves_no_capture(rig: Rig) -> None:
    (rig.folder / "failover_00001.pcapng").mkdir()
    with pytest.raises(HarnessFault, match=r"failover .*its files cannot be written \(Is a directory\)"):
        rig.recorder.start()
    assert rig.sensors["home"].killed
    assert rig.sensors["failover"].killed


def test_a_disk_that_gets_full_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.recorder.start()
    rig.recorder.check()
    monkeypatch.setattr(recorder_module, "ROOM", 1 << 60)
    with pytest.raises(HarnessFault, match=r"the disk under .* is full"):
        rig.recorder.check()


def test_words_of_a_stream_that_is_no_capture_are_shown(rig: Rig) -> None:
    rig.sensors["home"].greeting, rig.sensors["home"].ready = b"Last login: Monday\n", ""
    with pytest.raises(ConfigurationFault, match="it begins with 'Last login: Monday"):
        rig.recorder.start()
    assert all(sensor.killed for sensor in rig.sensors.values())


def test_the_files_are_told_while_they_grow(rig: Rig) -> None:
    rig.recorder.start()
    told = rig.recorder.files["home"]
    assert [file.name for file in told()] == ["home_00001.pcapng"]
    room, big = inventory().settings.ring_mib << 20, packet_block(1000.0, bytes(60_000))
    for _ in range(1 + room // len(big)):
        rig.sensors["home"].stream.put(big)
    home = rig.stop()["home"]
    assert [file.name for file in home.files] == ["home_00001.pcapng", "home_00002.pcapng"]
    assert home.files[0].stat().st_size >= room
    assert home.complete
