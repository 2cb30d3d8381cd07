"""Packets that the kernel drops before dumpcap takes them: counted, dated, and fatal for the verdicts that need them.

dumpcap is stopped for a moment while a bounded burst fills its buffer. Needs root.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.base.clock import Deadline, now
from harness.capture import drops
from harness.capture.blocks import extent
from harness.capture.dumpcap import MARKER_TYPE
from harness.capture.recorder import Captured, Recorder
from harness.inventory import Bench, Inventory, find_bench
from harness.inventory.models import CapturePoint
from virtual_bench.building import fresh_network, run_ip
from virtual_bench.kind import VirtualBench, running
from virtual_bench.namespaces import within_network

pytestmark = [pytest.mark.bench, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

REPOSITORY = Path(__file__).resolve().parents[2]
VIRTUAL = REPOSITORY / "lab_inventory" / "virtual.yaml"
FRAMES, FEW, SIZE = 4000, 500, 1000
"""Four times what a buffer of one MiB holds, and half of it."""
SECONDS_AFTER_CUT = 2.0
"""Real seconds: a third of the three minutes in which nobody may be let in."""
LOSSES = "the capture at failover lost"


def burst(interface: str, frames: int = FRAMES) -> None:
    """Frames to the interface's own address, which no switch forwards."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        own = out.getsockname()[4]
        frame = (own + own + MARKER_TYPE.to_bytes(2) + b"burst").ljust(SIZE, b"\0")
        for _ in range(frames):
            out.send(frame)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        assert Deadline.after(2).poll(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, every=0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# A recorder of the test's own


@dataclass
class Rig:
    """A recorder at one end of a cable of its own."""

    recorder: Recorder
    interface: str = "cap"

    @property
    def dumpcap(self) -> int:
        (found,) = [child.pid for child in psutil.Process().children() if child.name() == "dumpcap"]
        return found

    def check_for(self, seconds: float) -> None:
        """As the harness does while it waits."""
        deadline = Deadline.after(seconds)
        while not deadline.passed:
            self.recorder.check()
            time.sleep(0.02)

    def stop(self) -> Captured:
        (captured,) = self.recorder.stop()
        return captured


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    network = fresh_network()
    run_ip(network, ["link add cap type veth peer name gen", "link set cap up", "link set gen up"])
    recorder = Recorder(_with_a_small_buffer(find_bench("virtual").inventory), tmp_path / "capture", "drops")
    try:
        with within_network(network):
            recorder.start()
            yield Rig(recorder)
    finally:
        recorder.abort()
        os.close(network)


def _with_a_small_buffer(inventory: Inventory) -> Inventory:
    point = CapturePoint(interface="cap", sees=("failover",), buffer_mib=1)
    return inventory.model_copy(update={"captures": {"failover": point}})


def in_the_files(captured: Captured) -> int:
    """Frames that are there, the marks of beginning and end left out."""
    marks = sum(file.read_bytes().count(b" of capture ") for file in captured.files)
    return sum(extent(file)[0] for file in captured.files) - marks


def test_without_a_burst_nothing_is_lost(rig: Rig) -> None:
    burst("gen", FEW)
    rig.check_for(0.3)
    captured = rig.stop()
    assert (captured.dropped, captured.losses, captured.complete) == (0, (), True)
    assert in_the_files(captured) == FEW


def test_a_loss_is_counted_and_its_window_named(rig: Rig) -> None:
    rig.check_for(0.2)
    began = now()
    with stopped(rig.dumpcap):
        burst("gen")
        rig.recorder.check()
        ended = now()
        assert sum(loss.packets for loss in rig.recorder.losses["failover"]) > FRAMES / 2  # known while it runs
    rig.check_for(0.3)
    captured = rig.stop()
    lost = sum(loss.packets for loss in captured.losses)
    assert lost == captured.dropped == FRAMES - in_the_files(captured)
    assert lost > FRAMES / 2
    assert captured.marker_seen
    assert not captured.complete
    for loss in captured.losses:
        assert began - 0.1 <= loss.low <= loss.high <= ended
    assert captured.started < began
    assert captured.ended > ended


def test_two_losses_have_a_window_each(rig: Rig) -> None:
    windows = []
    for _ in range(2):
        began = now()
        with stopped(rig.dumpcap):
            burst("gen")
            rig.recorder.check()
        windows.append((began, now()))
        rig.check_for(0.4)
    captured = rig.stop()
    assert captured.dropped == 2 * FRAMES - in_the_files(captured)
    for low, high in windows:
        assert any(low - 0.1 <= loss.low and loss.high <= high for loss in captured.losses)
    between = (windows[0][1] + 0.05, windows[1][0] - 0.1)
    assert not any(loss.low < between[1] and loss.high > between[0] for loss in captured.losses)


def test_without_the_kernels_counter_a_loss_may_have_been_at_any_time(tmp_path: Path) -> None:
    """As where dumpcap has rights that its parent lacks: it tells the number at its end."""
    network = fresh_network()
    run_ip(network, ["link add cap type veth peer name gen", "link set cap up", "link set gen up"])
    recorder = Recorder(_with_a_small_buffer(find_bench("virtual").inventory), tmp_path / "capture")
    try:
        with pytest.MonkeyPatch.context() as patch, within_network(network):
            patch.setattr(drops, "_copied", lambda *_: None)
            recorder.start()
            rig = Rig(recorder)
            with stopped(rig.dumpcap):
                burst("gen")
            rig.check_for(0.3)
            captured = rig.stop()
    finally:
        recorder.abort()
        os.close(network)
    (loss,) = captured.losses
    assert loss.packets == captured.dropped == FRAMES - in_the_files(captured) > 0
    assert loss.low <= captured.started
    assert loss.high >= captured.ended


def test_of_a_dumpcap_that_was_killed_nobody_knows_what_it_lost(rig: Rig) -> None:
    burst("gen", FEW)
    rig.check_for(0.4)
    os.kill(rig.dumpcap, signal.SIGKILL)
    killed = now()
    captured = rig.stop()
    assert captured.dropped == -1
    assert [loss.packets for loss in captured.losses] == [-1]
    assert captured.losses[0].low <= killed
    assert not captured.marker_seen
    assert "dumpcap died" in captured.fault
    assert in_the_files(captured) == FEW


def test_a_dumpcap_that_hangs_is_ended_and_its_end_is_missing(rig: Rig) -> None:
    pid = rig.dumpcap
    os.kill(pid, signal.SIGSTOP)
    burst("gen")
    began = time.monotonic()
    captured = rig.stop()
    assert time.monotonic() - began < 10
    assert captured.fault == "the packet that marks its end is missing"
    assert not captured.complete
    assert captured.dropped > FRAMES / 2
    assert not psutil.pid_exists(pid)


def test_nothing_is_left_open(rig: Rig) -> None:
    """No process, and no copy of its socket, which would go on to fill a buffer of the kernel's."""
    assert len(_packet_sockets()) == 1
    rig.stop()
    assert not [child for child in psutil.Process().children() if child.name() == "dumpcap"]
    assert _packet_sockets() == []


def test_nothing_is_left_open_after_an_abort(rig: Rig) -> None:
    rig.recorder.abort()
    assert not [child for child in psutil.Process().children() if child.name() == "dumpcap"]
    assert _packet_sockets() == []


def _packet_sockets() -> list[str]:
    """Descriptors of this process that are packet sockets of the test's network."""
    inodes = {line.split()[-1] for line in Path("/proc/thread-self/net/packet").read_text().splitlines()[1:]}
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:") and target[8:-1] in inodes:
            found.append(target)
    return found


# A whole episode on the virtual bench


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The cases of an outage in which the capture at the failover system lost packets, as pytest judges them."""
    folder = tmp_path_factory.mktemp("drops")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_STATE", str(tmp_path_factory.mktemp("state")))
        path = folder / "virtual.yaml"
        path.write_text(f"extends: {VIRTUAL}\ncaptures: {{failover: {{buffer_mib: 1}}}}\n")
        bench = find_bench(f"{path}@drops")
        VirtualBench().up(bench)
        try:
            record_with_a_loss(bench, f"{path}@drops", folder / "recordings" / "home_lost")
        finally:
            VirtualBench().down(bench)
    return judge(folder)


def record_with_a_loss(bench: Bench, name: str, out: Path) -> None:
    """Play home's loss; in the middle of the outage fill the buffer of the failover system's capture point."""
    words = [sys.executable, "-m", "harness.cli", "run", "home_lost", "--bench", name, "--out", str(out)]
    log = out.parents[1] / "run.txt"
    with log.open("wb") as said, subprocess.Popen(
        words, cwd=REPOSITORY, stdout=said, stderr=said, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as run:  # fmt: skip
        try:
            assert Deadline.after(60).poll(lambda: "\ncut " in log.read_text() or run.poll() is not None)
            time.sleep(SECONDS_AFTER_CUT)
            found = running(bench)
            assert found is not None
            children = psutil.Process(run.pid).children(recursive=True)
            (pid,) = [each.pid for each in children if each.name() == "dumpcap" and "cap-failover" in each.cmdline()]
            network = os.open(found.devices["lab"].network, os.O_RDONLY)
            with within_network(network), stopped(pid):
                burst("cap-failover")
            os.close(network)
            assert run.wait(120) == 0, log.read_text()
        finally:
            run.kill()


def judge(folder: Path) -> dict[str, dict[str, Any]]:
    """Case → what pytest makes of it."""
    words = ["-q", "-p", "no:cacheprovider", "-m", "failover", "tests/resilience", "--episodes", "home_lost"]
    options = [f"--replay={folder / 'recordings'}", f"--runs={folder / 'runs'}"]
    subprocess.run([sys.executable, "-m", "pytest", *words, *options], cwd=REPOSITORY, check=False, timeout=180)
    (results,) = (folder / "runs").glob("*/results.json")
    return {each["id"].rpartition("::")[2]: each for each in json.loads(results.read_text())["cases"]}


def test_verdicts_that_need_what_was_lost_are_inconclusive_and_say_why(judged: dict[str, dict[str, Any]]) -> None:
    within = [each for name, each in judged.items() if each["clause"] == "FO-DELAY"]
    assert len(within) >= 4
    for each in within:
        assert each["outcome"] == "inconclusive", each
        assert LOSSES in each["reason"]


def test_no_case_whose_window_has_the_loss_is_green(judged: dict[str, dict[str, Any]]) -> None:
    for each in judged.values():
        if each["clause"] in ("FO-DELAY", "FO-ALLOW"):
            assert each["outcome"] != "passed", each


def test_a_loss_outside_of_a_cases_window_leaves_it_green(judged: dict[str, dict[str, Any]]) -> None:
    outside = {each["clause"] for each in judged.values() if each["outcome"] == "passed"}
    assert {"REG-BLOCK", "FB-DELAY"} <= outside, {name: each["reason"] for name, each in judged.items()}
    assert all(LOSSES not in each["reason"] for each in judged.values() if each["outcome"] == "passed")
