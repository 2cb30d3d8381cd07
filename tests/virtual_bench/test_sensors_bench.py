"""Capture points in another network namespace and on another machine: a real sshd with dumpcap behind it.

The other machine has namespaces of its own (network, processes, mounts), and ends with the test. Needs root.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from harness.base.clock import Deadline, now
from harness.base.errors import BenchError, ConfigurationFault, LabFault
from harness.base.transcripts import Transcripts
from harness.base.units import EpochSeconds
from harness.capture.blocks import extent
from harness.capture.decoder import Decoded, decode
from harness.capture.events import Event, Outcome, RegistrationAttempt
from harness.capture.live import LiveReader
from harness.capture.recorder import Captured, Recorder
from harness.capture.sensors import Local
from harness.capture.topology import topology_of
from harness.drivers.ssh_watch import SILENT_FOR
from harness.inventory import Bench, Inventory, find_bench
from harness.inventory.models import CapturePoint
from harness.journal.devices import Devices
from tests.harness.wire import HOME, PHONE, Dialogue, udp
from virtual_bench.accounts import Account, write_accounts
from virtual_bench.building import fresh_network, run_ip
from virtual_bench.namespaces import within_network
from virtual_bench.process import Process, Program, start
from virtual_bench.sshd import SshServer, make_host_keys
from virtual_bench.state import KEYS

pytestmark = [pytest.mark.bench, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

VIRTUAL = Path(__file__).resolve().parents[2] / "lab_inventory" / "virtual.yaml"
ADDRESS, USER, PASSWORD = "10.79.0.2", "sensor", "the-right-Passw0rd"
FRAMES, SIZE = 3000, 500


def send(interface: str, frames: Sequence[bytes]) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        for frame in frames:
            out.send(frame)


NOISE = [b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb6".ljust(SIZE, b"\0")] * FRAMES


def in_the_files(captured: Captured) -> int:
    """Frames that are there, the marks of beginning and end left out."""
    marks = sum(file.read_bytes().count(b" of capture ") for file in captured.files)
    return sum(extent(file)[0] for file in captured.files) - marks


@pytest.fixture
def networks() -> Iterator[tuple[int, int]]:
    """The lab's network and the other machine's: a cable to log in by (m0, m1), one to be captured (gen, cap)."""
    lab, other = fresh_network(), fresh_network()
    try:
        lines = [f"link add {here} type veth peer name {there}" for here, there in (("m0", "m1"), ("gen", "cap"))]
        moved = [f"link set {name} netns /proc/self/fd/{other}" for name in ("m1", "cap")]
        up = ["address add 10.79.0.1/24 dev m0", "link set m0 up", "link set gen up"]
        run_ip(lab, [*lines, *moved, *up], [other])
        run_ip(other, [f"address add {ADDRESS}/24 dev m1", "link set m1 up", "link set cap up", "link set lo up"])
        yield lab, other
    finally:
        os.close(lab)
        os.close(other)


# Another namespace of this machine


def at_netns(netns: str, interface: str = "cap") -> Inventory:
    point = CapturePoint(interface=interface, sees=("home",), netns=netns)
    return find_bench("virtual").inventory.model_copy(update={"captures": {"home": point}})


def test_a_capture_in_another_namespace_is_whole(networks: tuple[int, int], tmp_path: Path) -> None:
    lab, other = networks
    recorder = Recorder(at_netns(f"/proc/{os.getpid()}/fd/{other}"), tmp_path)
    with within_network(lab):
        try:
            recorder.start()
            began = now()
            send("gen", NOISE)
            recorder.check()
            (captured,) = recorder.stop()
        finally:
            recorder.abort()
    assert captured.complete
    assert in_the_files(captured) == FRAMES
    assert not captured.own_clock
    assert captured.started <= began <= captured.ended
    assert captured.losses == ()


def test_an_interface_that_is_in_this_namespace_only_is_told(networks: tuple[int, int], tmp_path: Path) -> None:
    lab, other = networks
    recorder = Recorder(at_netns(f"/proc/{os.getpid()}/fd/{other}", "gen"), tmp_path)
    with within_network(lab), pytest.raises(ConfigurationFault, match=r"home \(gen\): there is no such interface"):
        recorder.start()
    assert_no_dumpcap(psutil.Process())


@pytest.mark.parametrize("netns", ["there-is-none", "/proc/1/ns/nothing"])
def test_a_namespace_that_is_not_there_is_told(netns: str) -> None:
    with pytest.raises(ConfigurationFault, match=f"there is no network namespace {netns}"):
        Local(netns)


def assert_no_dumpcap(process: psutil.Process) -> None:
    def left() -> list[int]:
        return [each.pid for each in process.children(recursive=True) if running_dumpcap(each)]

    assert Deadline.after(5).poll(lambda: not left(), every=0.02), left()


def running_dumpcap(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.name() == "dumpcap" and process.status() != psutil.STATUS_ZOMBIE
    return False


# Another machine


@dataclass
class Machine:
    """The other machine and a bench with a capture point on it. What the harness does is done in the lab's network."""

    root: psutil.Process
    bench: Bench
    folder: Path
    networks: tuple[int, int]

    def devices(self) -> Devices:
        return Devices(self.bench, Transcripts(self.folder / "transcripts"))

    @contextmanager
    def recording(self) -> Iterator[tuple[Recorder, Devices]]:
        """A recorder that has begun, and the sessions that it goes by."""
        devices = self.devices()
        recorder = Recorder(self.bench.inventory, self.folder / "capture", "at a sensor", devices.sensors())
        with within_network(self.networks[0]):
            try:
                recorder.start()
                yield recorder, devices
            finally:
                recorder.abort()
                devices.close()

    def session(self) -> psutil.Process:
        """The sshd there that serves the capture."""
        (dumpcap,) = [each for each in self.root.children(recursive=True) if running_dumpcap(each)]
        return next(each for each in dumpcap.parents() if each.name().startswith("sshd"))


Make = Callable[..., Machine]


@pytest.fixture
def machine(networks: tuple[int, int], tmp_path: Path) -> Iterator[Make]:
    started: list[Process] = []

    def make(password: str = PASSWORD, options: Sequence[str] = (), captures: str = "") -> Machine:
        state = tmp_path / "state"
        (state / KEYS).mkdir(parents=True)
        make_host_keys(state, [("sensor", ADDRESS, 22)])
        server = SshServer(state, "sensor", ADDRESS, USER)
        command = (*server.arguments(), *(part for option in options for part in ("-o", option)))
        files = write_accounts(tmp_path / "accounts", Account(USER, PASSWORD))
        program = Program(command, files, ("install -d -m 755 /run/sshd",))
        started.append(start(program, "sensor", networks[1], tmp_path / "sshd.txt"))
        said = tmp_path / "sshd.txt"
        assert Deadline.after(5).poll(lambda: "Server listening" in said.read_text(), every=0.02), said.read_text()
        root = psutil.Process(started[0].pid)
        return Machine(root, bench(tmp_path, state, password, captures), tmp_path, networks)

    yield make
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.wait()


def bench(folder: Path, state: Path, password: str, captures: str) -> Bench:
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    login = f"{{user: {USER}, password: {{file: {secret}}}}}"
    path = folder / "virtual.yaml"
    path.write_text(
        f"extends: {VIRTUAL}\nsettings: {{known_hosts: {state / 'known_hosts'}}}\n"
        f"captures: {{home: {{interface: cap, sensor: {{address: {ADDRESS}, login: {login}}}}}}}\n"
    )
    found = find_bench(str(path))
    wanted = {"home": found.inventory.captures["home"]}
    if captures:
        wanted["phones"] = found.inventory.captures["phones"].model_copy(update={"interface": captures})
    return with_captures(found, wanted)


def with_captures(bench: Bench, captures: dict[str, CapturePoint]) -> Bench:
    return replace(bench, inventory=bench.inventory.model_copy(update={"captures": captures}))


def test_a_remote_capture_is_whole_and_nothing_is_left_there(machine: Make) -> None:
    there = machine()
    with there.recording() as (recorder, _):
        send("gen", NOISE)
        recorder.check()
        (captured,) = recorder.stop()
    assert captured.complete, captured
    assert captured.marker_seen
    assert in_the_files(captured) == FRAMES
    assert captured.own_clock
    assert captured.dropped == 0
    assert_no_dumpcap(there.root)
    assert [each.name() for each in there.root.children(recursive=True) if each.name() in ("sh", "python3")] == []


def cut_by_closing(_: Machine, devices: Devices) -> None:
    """As when the harness ends."""
    devices.close()


def cut_without_a_word(_: Machine, devices: Devices) -> None:
    """As when the harness is killed: the kernel closes its sockets."""
    (host,) = devices._opened.values()
    transport = host._client.get_transport()  # type: ignore[attr-defined]
    transport.sock.shutdown(socket.SHUT_RDWR)
    transport.sock.close()


def cut_there(there: Machine, _: Devices) -> None:
    """As when somebody ends the session on the other machine."""
    there.session().kill()


@pytest.mark.parametrize("cut", [cut_by_closing, cut_without_a_word, cut_there])
def test_a_connection_that_is_cut_leaves_no_dumpcap_and_is_told(
    machine: Make, cut: Callable[[Machine, Devices], None]
) -> None:
    there = machine()
    with there.recording() as (recorder, devices):
        send("gen", NOISE)
        (files,) = recorder.files.values()
        assert Deadline.after(5).poll(lambda: sum(extent(each)[0] for each in files()) >= FRAMES)
        cut(there, devices)
        assert_no_dumpcap(there.root)
        with pytest.raises(LabFault, match="the connection to its machine was cut") as told:
            check_for(recorder, 5)
        assert "capture point home (cap)" in str(told.value)
        (captured,) = recorder.stop()
    assert not captured.complete
    assert captured.dropped == -1
    assert "was cut" in captured.fault
    assert in_the_files(captured) == FRAMES  # what had come until then


def test_a_cable_that_is_pulled_is_told_soon(machine: Make) -> None:
    """Neither end says a word then: silence alone tells."""
    there = machine()
    with there.recording() as (recorder, _):
        run_ip(there.networks[0], ["link set m0 down"])
        with pytest.raises(LabFault, match="the connection to its machine was cut"):
            check_for(recorder, SILENT_FOR + 5)
        (captured,) = recorder.stop()
    assert not captured.complete
    assert "was cut" in captured.fault


def check_for(recorder: Recorder, seconds: float) -> None:
    deadline = Deadline.after(seconds)
    while not deadline.passed:
        recorder.check()
        time.sleep(0.02)


def told_plainly(fault: BenchError, *parts: str) -> None:
    for part in (*parts, " Next: "):
        assert part in str(fault)
    assert "\n" not in str(fault)
    assert PASSWORD not in str(fault)


def test_a_wrong_password_is_one_clear_sentence(machine: Make) -> None:
    there = machine("wrong-Passw0rd")
    with pytest.raises(ConfigurationFault) as told, there.recording():
        pass
    told_plainly(told.value, "sensor home: 10.79.0.2:22 refuses the login of 'sensor'", "check user and password")
    assert "wrong-Passw0rd" not in str(told.value)


def test_a_machine_without_dumpcap_is_one_clear_sentence(machine: Make, tmp_path: Path) -> None:
    began = time.monotonic()
    there = machine(options=[f"SetEnv PATH={with_only(tmp_path, 'sh')}"])
    with pytest.raises(ConfigurationFault) as told, there.recording():
        pass
    told_plainly(told.value, "capture point home (cap): dumpcap is not installed there", "wireshark-common")
    assert time.monotonic() - began < 5


def test_a_machine_without_python_is_one_clear_sentence(machine: Make, tmp_path: Path) -> None:
    there = machine(options=[f"SetEnv PATH={with_only(tmp_path, 'sh', 'dumpcap')}"])
    with pytest.raises(ConfigurationFault) as told, there.recording():
        pass
    told_plainly(told.value, "Python 3 is not installed there")
    assert_no_dumpcap(there.root)


def with_only(folder: Path, *tools: str) -> Path:
    """A folder with these programs and no others."""
    found = folder / "bin"
    found.mkdir()
    for tool in tools:
        (found / tool).symlink_to(Path("/usr/bin") / tool)
    return found


def test_no_such_interface_there_is_told_at_once(machine: Make) -> None:
    there = machine()
    point = there.bench.inventory.captures["home"].model_copy(update={"interface": "gen"})
    there.bench = with_captures(there.bench, {"home": point})
    began = time.monotonic()
    with pytest.raises(ConfigurationFault) as told, there.recording():
        pass
    told_plainly(told.value, "capture point home (gen): there is no such interface")
    assert time.monotonic() - began < 5


def test_a_machine_that_greets_at_every_login_is_told(machine: Make, tmp_path: Path) -> None:
    greeting = tmp_path / "greeting"
    greeting.write_text('#!/bin/sh\necho Welcome to the sensor\nexec /bin/sh "$@"\n')
    greeting.chmod(0o755)
    there = machine()
    passwd = tmp_path / "accounts" / "passwd"
    passwd.write_text(passwd.read_text().replace(":/run:/bin/sh", f":/run:{greeting}"))
    with pytest.raises(ConfigurationFault) as told, there.recording():
        pass
    told_plainly(told.value, "what comes from there is no capture", "Welcome to the sensor")
    assert_no_dumpcap(there.root)


# A clock of its own


def test_the_clock_there_is_compared_with_ours(machine: Make) -> None:
    """It is the same clock here; what differs is the way."""
    there = machine()
    with within_network(there.networks[0]):
        devices = there.devices()
        low, high = devices.sensors()["home"].skew()
        devices.close()
    assert -1 < low <= 0 <= high < 1


def test_a_machine_that_does_not_tell_its_time_is_told(machine: Make, tmp_path: Path) -> None:
    there = machine(options=[f"SetEnv PATH={with_only(tmp_path, 'sh', 'dumpcap')}"])
    with within_network(there.networks[0]):
        devices = there.devices()
        with pytest.raises(LabFault, match="does not tell its time"):
            devices.sensors()["home"].skew()
        devices.close()


def registrations(there: Machine, count: int) -> None:
    """From the lab's end of the cable to the other machine's, and the answers back."""
    phone = Dialogue()
    for _ in range(count):
        send("gen", [udp((PHONE, 5060), (HOME, 5060), phone.register())])
        time.sleep(0.01)
        with within_network(there.networks[1]):
            send("cap", [udp((HOME, 5060), (PHONE, 5060), phone.answer("200 OK", 180))])
        time.sleep(0.05)


def read(captured: Sequence[Captured], moved: Path | None = None) -> Decoded:
    files = {one.point: list(one.files) for one in captured}
    if moved is not None:
        files["home"] = [moved]
    return decode(files, topology_of(find_bench("virtual").inventory), EpochSeconds(now() + 60), ["home"])


def test_the_clock_of_a_sensor_is_put_right(machine: Make, tmp_path: Path) -> None:
    there = machine(captures="gen")
    with there.recording() as (recorder, _):
        began = now()
        registrations(there, 10)
        captured = recorder.stop()
    assert {one.point: one.own_clock for one in captured} == {"home": True, "phones": False}
    assert all(one.complete for one in captured)
    (remote,) = (one for one in captured if one.own_clock)
    moved = tmp_path / "moved.pcapng"
    subprocess.run(["editcap", "-t", "3.25", str(remote.files[0]), str(moved)], check=True)
    for found in (read(captured), read(captured, moved)):
        assert found.clock_doubts == ()
        assert 0 < found.offsets["home"] < 0.005
        attempts = [event for event in found.events if isinstance(event, RegistrationAttempt)]
        assert [event.outcome for event in attempts] == [Outcome.ACCEPTED, *[Outcome.CONFIRMED] * 9]
        assert all(began - 0.005 < event.at < remote.ended + 0.005 for event in attempts)
        assert all(len({seen.point for seen in event.sightings}) == 2 for event in attempts)


def test_the_live_view_stamps_by_the_harness_clock(machine: Make, tmp_path: Path) -> None:
    """However wrong the sensor's clock is, what it shows happened just now."""
    there = machine()
    grown = tmp_path / "grown.pcapng"
    reader = LiveReader(there.bench.inventory)
    with there.recording() as (recorder, _):
        registrations(there, 3)
        (captured,) = recorder.stop()
    ended = now()
    subprocess.run(["editcap", "-t", "-86400", str(captured.files[0]), str(grown)], check=True)
    reader.follow({"home": lambda: [grown]})
    found: list[Event] = []
    deadline = Deadline.after(10)
    try:
        while len(found) < 3 and not deadline.passed:
            found += reader.drain()
            time.sleep(0.01)
    finally:
        reader.close()
    attempts = [event for event in found if isinstance(event, RegistrationAttempt)]
    assert len(attempts) == 3
    assert all(ended - 5 < event.at < now() + 0.1 for event in attempts)
