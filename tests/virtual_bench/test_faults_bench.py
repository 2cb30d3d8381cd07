"""What breaks while a run has a bench: each fault is played, and the run, the lab and the recording are looked at.

All through the command line on one instance. The tests play each fault from the bench's own side: a process stopped
or killed, a switch reloaded, a serial line disturbed. Needs root.
"""

import fcntl
import os
import socket
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness.inventory import Bench
from harness.journal.record import Journal
from tests.virtual_bench.broken import Rig, rigged, soon
from tests.virtual_bench.rig import brought_up, stopped
from virtual_bench.disturbing import reload_switch, show_on_line, type_on_line
from virtual_bench.kind import links, running
from virtual_bench.namespaces import within_network

pytestmark = [pytest.mark.bench, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

NAME = "virtual@broken"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with brought_up("broken", tmp_path_factory) as found:
        yield found


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Iterator[Rig]:
    with rigged(bench, tmp_path) as rig:
        yield rig


# A switch


def test_a_session_dropped_in_mid_command_is_opened_anew_and_the_port_is_shut(rig: Rig) -> None:
    run = rig.run("port_shut")
    run.at("before")
    session = rig.session_at("sw-home")
    run.played("before")
    assert soon(lambda: "> shutdown" in run.said("sw-home"))
    session.kill()
    run.at("shut")
    assert not links(rig.bench)["home"]
    run.played("shut")
    run.played("open")
    assert run.code() == 0, run.printed
    assert run.said("sw-home").count("session open") == 2
    assert run.left_clean()


def test_a_session_that_ends_in_the_outage_is_opened_anew_and_the_port_looked_at(rig: Rig) -> None:
    run = rig.run("port_shut")
    run.played("before")
    run.at("shut")
    rig.session_at("sw-home").kill()
    assert soon(lambda: run.said("sw-home").count("session open") == 2)
    run.played("shut")
    run.played("open")
    assert run.code() == 0, run.printed


def test_a_switch_that_reloads_in_the_outage_has_opened_the_port(rig: Rig) -> None:
    run = rig.run("port_shut")
    run.played("before")
    run.at("shut")
    reload_switch(rig.bench, "sw-home", 2.0)
    line = run.fault()
    assert line.startswith(f"lab: {NAME} sw-home port1: it is on again in the middle of the outage, and not by this")
    assert "did it reload?" in line
    assert run.left_clean()


def test_a_switch_that_is_still_reloading_is_waited_for_when_the_lab_is_put_back(rig: Rig) -> None:
    run = rig.run("port_shut")
    run.played("before")
    run.at("shut")
    reload_switch(rig.bench, "sw-home", 18.0)
    line = run.fault()
    assert line.startswith(f"lab: {NAME} sw-home: it left its session in the middle of the outage and cannot be asked")
    assert run.left_clean()


def test_a_switch_that_was_renamed_is_logged_in_to_anew(rig: Rig) -> None:
    run = rig.run("port_shut")
    run.played("before")
    run.at("shut")
    (vtysh,) = rig.processes("sw-home", "vtysh")
    # A session keeps the name to itself; of the command after it another one is told.
    type_at(vtysh, b"configure terminal\nhostname renamed\nlog record-priority\nend\n")
    assert soon(lambda: "log record-priority" in told_by(vtysh, "show running-config"))
    time.sleep(0.3)  # the last one, which changes nothing, has to be over, too
    run.played("shut")
    run.played("open")
    assert run.code() == 0, run.printed
    assert "did not end with the prompt of the login" in run.said("sw-home")
    assert run.said("sw-home").count("session open") == 2


def told_by(vtysh: psutil.Process, command: str) -> str:
    """What another session at the same switch prints."""
    words = ["nsenter", f"--target={vtysh.pid}", "--all", "vtysh", "-c", command]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def type_at(process: psutil.Process, keys: bytes) -> None:
    """Type into the terminal of a process, as whoever sits at it."""
    terminal = os.open(f"/proc/{process.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
    try:
        for key in keys:
            fcntl.ioctl(terminal, termios.TIOCSTI, bytes([key]))
    finally:
        os.close(terminal)


def test_a_switch_that_answers_slowly_is_waited_for(rig: Rig) -> None:
    run = rig.run("port_shut")
    run.at("before")
    with stopped(*rig.processes("sw-home", "zebra")):
        run.played("before")
        assert soon(lambda: "> show interface port1" in run.said("sw-home"))
        time.sleep(3)
        assert not run.ended
    run.at("shut")
    run.played("shut")
    run.played("open")
    assert run.code() == 0, run.printed
    assert run.said("sw-home").count("session open") == 1


# A PDU


def test_a_pdu_that_is_gone_is_told_and_what_hangs_on_it_is_kept_in_the_journal(rig: Rig) -> None:
    run = rig.run("outlet_off")
    run.at("off")
    with stopped(*rig.processes("pdu-1", "snmpd")):
        run.played("off")
        line = run.fault()
    assert line.startswith(f"lab: {NAME} pdu-1 outlet 6: no answer from the SNMP agent at 10.77.99.21:161")
    assert "NOT put back: pdu-1 6 back to on: " in run.printed
    assert not run.left_clean()
    assert [change.target for _, change in Journal(rig.bench.state / "journal").open_changes] == ["6"]
    assert "put pdu-1 6 back to on" in rig.recovered()


def test_a_pdu_that_comes_back_in_time_is_waited_for_when_the_lab_is_put_back(rig: Rig) -> None:
    run = rig.run("outlet_off")
    run.at("off")
    with stopped(*rig.processes("pdu-1", "snmpd")):
        run.played("off")
        run.await_printed("putting pdu-1 6 back to on")
    assert "no answer from the SNMP agent" in run.fault()
    assert run.left_clean()


# The home system and its console


def test_a_session_that_drops_without_a_reboot_is_no_reboot(rig: Rig) -> None:
    """The unit's init is stopped, so that the command has no end; what it would do is nothing but an echo."""
    run = rig.run("ssh_reboot", rig.variant("systems: {home: {reboot_command: echo reboot}}"))
    run.at("before")
    sshd = rig.processes("home", "sshd")[0]
    with stopped(home_init(rig)):
        run.played("before")
        assert soon(lambda: "> echo reboot" in run.said("home-ssh"))
        time.sleep(0.2)
        for session in sshd.children(recursive=True):
            session.kill()
    line = run.fault()
    assert line.startswith(f"lab: {NAME} home: the session dropped in the middle of 'echo reboot', but the unit does")
    assert run.left_clean()


def test_a_unit_that_does_not_come_back_from_its_reboot_is_named_as_soon_as_it_is_overdue(rig: Rig) -> None:
    run = rig.run("home_rebooted_by_ssh")
    run.await_printed("reboot home by ssh")
    assert soon(lambda: not rig.home_is_back())
    rebooted = time.monotonic()
    with stopped(home_init(rig)):
        run.await_printed("waiting for home to be back")
        assert soon(lambda: time.monotonic() - rebooted > 180 / 30)
        line = run.fault()
    assert line.startswith(f"lab: {NAME} home: nothing was seen of it on the line 180 bench s after its reboot. Next:")
    assert soon(rig.home_is_back)


def home_init(rig: Rig) -> psutil.Process:
    return rig.everything_of("home")[0]


def test_a_console_with_noise_on_its_line_is_typed_on_until_the_echo_is_right(rig: Rig) -> None:
    run = rig.run("console_reboot")
    for place in ("login", "before"):
        run.at(place)
        with noise(rig.bench):
            run.played(place)
            time.sleep(1.5)
    assert run.code() == 0, run.printed
    assert "reboot home by console" in run.printed
    assert soon(rig.home_is_back)


@contextmanager
def noise(bench: Bench) -> Iterator[None]:
    """Garbage on the serial line of home's console, both ways, some twenty times a second."""
    over = threading.Event()

    def make() -> None:
        garbage = bytes(range(0x80, 0x100)) + b"~}{x"
        for number in range(10_000):
            if over.wait(0.05):
                return
            piece = garbage[number * 7 % 125 :][:5]
            type_on_line(bench, "con-home", piece)
            show_on_line(bench, "con-home", piece + b"\r\n" * (number % 3 == 0))

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_console_at_which_somebody_left_a_line_half_typed_is_wiped(rig: Rig) -> None:
    run = rig.run("console_reboot")
    run.played("login")
    run.at("before")
    type_on_line(rig.bench, "con-home", b"erase ")
    run.played("before")
    assert run.code() == 0, run.printed
    assert "erase reboot" not in run.said("con-home")


def test_a_console_that_another_one_takes_is_taken_back(rig: Rig) -> None:
    run = rig.run("console_reboot")
    run.played("login")
    run.at("before")
    with client(rig.bench, "10.77.99.31", 3001):
        assert soon(lambda: "the port dropped" in run.said("con-home"))
        assert soon(lambda: "the port is back" in run.said("con-home"))
    run.played("before")
    assert run.code() == 0, run.printed


def test_a_console_that_another_one_holds_is_told_before_anything_is_done(rig: Rig) -> None:
    with console_server(rig), client(rig.bench, "127.0.0.1", 13001):
        run = rig.run("console_reboot", rig.variant("consoles: {con-home: {url: 'rfc2217://127.0.0.1:13001'}}"))
        run.played("login")
        line = run.fault()
    assert line.startswith(f"lab: {NAME} con-home: the console rfc2217://127.0.0.1:13001 ")
    assert "end whoever else has it open" in line
    assert run.manifest()["stimuli"] == []


@contextmanager
def client(bench: Bench, address: str, port: int) -> Iterator[None]:
    """Somebody at a console server, from the lab host."""
    with within_lab_host(bench):
        connection = socket.create_connection((address, port), 5)
    with connection:
        connection.recv(3)  # it has begun to serve us
        yield


@contextmanager
def within_lab_host(bench: Bench) -> Iterator[None]:
    found = running(bench)
    assert found is not None
    network = os.open(found.devices["lab"].network, os.O_RDONLY)
    try:
        with within_network(network):
            yield
    finally:
        os.close(network)


@contextmanager
def console_server(rig: Rig) -> Iterator[None]:
    """A real ser2net on the lab host's loopback that lets one user in and turns others away."""
    master, slave = os.openpty()
    (rig.folder / "ser2net.yaml").write_text(
        "%YAML 1.1\n---\nconnection: &con\n  accepter: telnet(rfc2217),tcp,127.0.0.1,13001\n"
        f"  connector: serialdev,{os.ttyname(slave)},9600n81,local\n"
    )
    with within_lab_host(rig.bench):
        server = subprocess.Popen(["ser2net", "-n", "-d", "-c", str(rig.folder / "ser2net.yaml")])
    try:
        assert soon(lambda: listening(rig.bench, 13001))
        yield
    finally:
        server.kill()
        server.wait()
        os.close(master)
        os.close(slave)


def listening(bench: Bench, port: int) -> bool:
    with within_lab_host(bench):
        table = Path("/proc/thread-self/net/tcp").read_text()
    return f":{port:04X} 00000000:0000 0A" in table


# The capture


def test_a_dumpcap_that_dies_ends_the_outage_and_its_windows_are_known(rig: Rig) -> None:
    run = rig.run("port_shut")
    run.played("before")
    run.at("shut")
    children = psutil.Process(run.process.pid).children(recursive=True)
    (dumpcap,) = [each for each in children if each.name() == "dumpcap" and "cap-failover" in each.cmdline()]
    dumpcap.kill()
    line = run.fault()
    assert line.startswith(f"harness: {NAME} capture point failover (cap-failover): dumpcap died: ")
    assert run.left_clean()
    captures = {each["point"]: each for each in run.manifest()["captures"]}
    assert [point for point, each in captures.items() if not each["complete"]] == ["failover"]
    assert captures["failover"]["losses"][0]["packets"] == -1
