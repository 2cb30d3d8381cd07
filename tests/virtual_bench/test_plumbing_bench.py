"""The plumbing of a virtual bench that is really up: needs root, takes some ten seconds."""

import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from netmiko import ConnectHandler
from typer import Typer
from typer.testing import CliRunner

from harness.base.errors import ConfigurationFault
from harness.base.transcripts import Transcript
from harness.commands import status
from harness.drivers.pdu_apc import ApcPdu
from harness.drivers.protocols import Power
from harness.drivers.snmp import SnmpAgent
from harness.inventory import Bench, Role, find_bench
from harness.journal.lease import Lease
from harness.journal.record import Journal, LabChange
from virtual_bench.kind import VirtualBench, links, running
from virtual_bench.namespaces import within_network
from virtual_bench.state import Running

pytestmark = pytest.mark.bench

REPOSITORY = Path(__file__).resolve().parents[2]
ETH_P_ALL = 3


def instance(folder: Path, tag: str) -> Bench:
    """An instance of the virtual bench whose state is below `folder`."""
    before = os.environ.get("LAB_STATE")
    os.environ["LAB_STATE"] = str(folder)
    try:
        return find_bench(f"virtual@{tag}", REPOSITORY / "lab_inventory")
    finally:
        os.environ.pop("LAB_STATE") if before is None else os.environ.update(LAB_STATE=before)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    deep = tmp_path_factory.mktemp("state") / ("a-folder-with-a-long-name-" * 5)
    found = instance(deep, "plumbing")
    VirtualBench().up(found)
    yield found
    VirtualBench().down(found)


def now(bench: Bench) -> Running:
    """What the supervisor last wrote."""
    found = running(bench)
    assert found is not None
    return found


@contextmanager
def network_of(bench: Bench, device: str) -> Iterator[None]:
    """Sockets made meanwhile are those of `device`."""
    descriptor = os.open(now(bench).devices[device].network, os.O_RDONLY)
    try:
        with within_network(descriptor):
            yield
    finally:
        os.close(descriptor)


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes to hold in so many real seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


@pytest.fixture
def pdu(bench: Bench) -> Iterator[ApcPdu]:
    entry = bench.inventory.pdus["pdu-1"]
    with network_of(bench, "lab"):
        driver = ApcPdu("pdu-1", SnmpAgent("pdu-1", str(entry.address), entry.port, entry.snmp, Transcript(None)))
        yield driver
        driver.close()


def configure(bench: Bench, switch: str, *lines: str) -> str:
    """Log in at `switch` as the harness does, and configure."""
    entry = bench.inventory.switches[switch]
    with network_of(bench, "lab"):
        session = ConnectHandler(
            device_type=entry.dialect, host=str(entry.address),
            username=entry.login.user, password=entry.login.password.resolve(),
            ssh_strict=True, system_host_keys=False, use_keys=False,
            alt_host_keys=True, alt_key_file=str(bench.state / "known_hosts"),
            allow_agent=False,
        )  # fmt: skip
        session.send_config_set(list(lines))
        answer = str(session.send_command(f"show {lines[0]}"))
        session.disconnect()
    return answer


def test_a_shut_port_takes_the_carrier_and_gives_it_back_at_once(bench: Bench) -> None:
    assert links(bench)["phone-J179"]
    assert "port1 is down" in configure(bench, "sw-phones", "interface port1", "shutdown")
    assert not links(bench)["phone-J179"]
    assert links(bench)["phone-1140E"]
    assert "port1 is up" in configure(bench, "sw-phones", "interface port1", "no shutdown")
    assert links(bench)["phone-J179"]


def test_an_outlet_switched_off_ends_the_phone_and_its_link(bench: Bench, pdu: ApcPdu) -> None:
    before = now(bench).devices["phone-1140E"].pid
    pdu.off(4)
    phone = now(bench).devices["phone-1140E"]
    assert (phone.power, phone.pid) == (False, None)
    assert not Path(f"/proc/{before}").exists()
    assert not links(bench)["phone-1140E"]
    pdu.on(4)
    assert now(bench).devices["phone-1140E"].pid not in (None, before)
    assert links(bench)["phone-1140E"]


def test_a_device_without_power_says_no_goodbye_and_comes_back_as_new(bench: Bench, pdu: ApcPdu) -> None:
    system = bench.inventory.systems[Role.FAILOVER]
    with network_of(bench, "lab"):
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        client = socket.create_connection((str(system.address), 22))
    old = Path(now(bench).devices["failover"].network).stat().st_ino
    with capture, client:
        client.recv(100)
        capture.bind(("cap-failover", ETH_P_ALL))
        pdu.off(2)
        pdu.on(2)
        ports = struct.pack("!2H", 22, client.getsockname()[1])
        assert not any(frame[34:38] == ports for frame in received(capture, for_=1.0))
    assert Path(now(bench).devices["failover"].network).stat().st_ino != old
    assert pdu.state(2) is Power.ON


def test_an_outlet_told_to_reboot_comes_back_by_itself(bench: Bench, pdu: ApcPdu) -> None:
    before = now(bench).devices["phone-1608"].pid
    pdu._agent.set("1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.6", 3, "pdu-1")
    assert within(5, lambda: now(bench).devices["phone-1608"].pid not in (None, before))


def test_a_mirror_shows_each_frame_once_in_both_directions(bench: Bench) -> None:
    address = str(bench.inventory.systems[Role.HOME].address)
    with network_of(bench, "lab"):
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with capture, sender:
        capture.bind(("cap-home", ETH_P_ALL))
        sender.connect((address, 9))
        sender.send(b"seen once, answered by ICMP")
        frames = list(received(capture, for_=0.5))
    assert sum(b"seen once" in frame and frame[23] == socket.IPPROTO_UDP for frame in frames) == 1
    assert sum(b"seen once" in frame and frame[23] == socket.IPPROTO_ICMP for frame in frames) == 1


def received(capture: socket.socket, for_: float) -> Iterator[bytes]:
    """Frames that have come, and those of so many real seconds more: on a bench that is up it is never quiet."""
    deadline = time.monotonic() + for_
    with suppress(TimeoutError):
        while (left := deadline - time.monotonic()) > 0:
            capture.settimeout(left)
            yield capture.recv(65535)


def test_two_benches_stand_side_by_side(bench: Bench, tmp_path: Path) -> None:
    other = instance(tmp_path, "second")
    VirtualBench().up(other, ["early-admission"])
    try:
        assert running(bench) is not None
        assert now(other).defects == ("early-admission",)
        with pytest.raises(ConfigurationFault, match="other defects"):
            VirtualBench().up(other)
    finally:
        VirtualBench().down(other)
    assert running(bench) is not None
    assert not other.state.exists()


def test_nothing_survives_the_supervisor(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    victim = instance(tmp_path, "victim")
    interfaces = subprocess.run(["ip", "-br", "link"], capture_output=True, check=True).stdout
    VirtualBench().up(victim)
    found = now(victim)
    networks = {Path(device.network).stat().st_ino for device in found.devices.values()}
    os.kill(found.pid, signal.SIGKILL)
    try:
        assert within(
            2,
            lambda: (
                not networks & networks_in_use()
                and not any(str(victim.state) in command for command in command_lines())
            ),
        )
        assert subprocess.run(["ip", "-br", "link"], capture_output=True, check=True).stdout == interfaces
        assert not VirtualBench().is_up(victim)
        VirtualBench().up(victim)
        assert VirtualBench().is_up(victim)
    finally:
        VirtualBench().down(victim)
    assert not victim.state.exists()


def networks_in_use() -> set[int]:
    """The network namespaces of all processes of the host."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(path.stat().st_ino)
        except OSError:  # it ended meanwhile
            continue
    return found


def command_lines() -> Iterator[str]:
    """What the processes of the host were started with."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue


def test_the_commands_tell_what_is_up_and_who_has_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Typer()
    status.add_to(app)
    app.command()(lambda: None)  # with a single command typer takes its name for an argument
    monkeypatch.setenv("LAB_INVENTORY", str(REPOSITORY / "lab_inventory"))
    monkeypatch.setenv("LAB_STATE", str(bench.state.parent))
    told = ["status", "--bench", bench.name]
    up = CliRunner().invoke(app, told)
    assert up.exit_code == 0
    assert "free (on this machine)" in up.output
    assert "phone-9641" in up.output
    lease = Lease(bench.state, bench.name, "a test")
    lease.acquire()
    journal = Journal(bench.state / "journal")
    number = journal.intend(LabChange("port", "sw-home", "port1", "on"), "a test")
    held = CliRunner().invoke(app, told)
    assert held.exit_code == 0
    assert f"(process {os.getpid()} on " in held.output
    assert "changed now: sw-home port1" in held.output
    lease.release()
    assert CliRunner().invoke(app, told).exit_code == 2, "left changed by nobody"
    journal.undone(number)
    journal.forget_settled()
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    assert CliRunner().invoke(app, told).exit_code == status.EXIT_NOT_UP
