"""What dumpcap's words mean, and slices and single packets of a capture."""

import shutil
from pathlib import Path

import pytest

from harness.base.errors import BenchError, ConfigurationFault, HarnessFault
from harness.base.units import EpochSeconds
from harness.capture.dumpcap import fault_of
from harness.capture.packets import packet_table
from harness.capture.recorder import Captured
from harness.capture.slices import slice_capture
from tests.harness.wire import HOME, PHONE, Dialogue, udp, write


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("You don't have permission to capture on that device", ConfigurationFault, "group wireshark"),
        ("The capture session could not be initiated (No such device exists)", ConfigurationFault, "ip link"),
        ("There is no device named eth9", ConfigurationFault, "ip link"),
        ("dumpcap: write failed: No space left on device", HarnessFault, "make room"),
        ("The network adapter is no longer attached", HarnessFault, "interface went away"),
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
