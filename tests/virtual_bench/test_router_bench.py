"""The bench's router: a phone's path is blocked, and open again however the run ends; DHCP is relayed. Needs root."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.base.clock import Deadline
from harness.capture.dhcp import options_of
from harness.inventory import Bench, Role
from harness.journal.lease import holder
from tests.virtual_bench.rig import BenchRig, brought_up
from virtual_bench import control
from virtual_bench.fabric import LAB
from virtual_bench.kind import running
from virtual_bench.namespaces import within_network
from virtual_bench.supervisor import REBOOT

pytestmark = pytest.mark.bench

PHONE, OTHER = "phone-9641", "phone-1608"
BEGINS_WITHIN = 60.0
"""Real seconds: no more than patience."""
WITHIN = 10.0
"""Real seconds for the path to be put back."""
ETH_P_ALL, IPV4, UDP, DHCP_CLIENT, MESSAGE_TYPE = 3, b"\x08\x00", 17, 68, 53
DISCOVER, OFFER, REQUEST = 1, 2, 3

EPISODE = f"""
from harness import cli
from harness.episodes.episode import episode
from harness.inventory import Role


@episode("One phone's path to home is blocked.", lambda _: 1, ("a phone's path",))
def blocked(lab):
    lab.await_all_at_home()
    lab.block("{PHONE}", Role.HOME)
    lab.watch(3000, "the test to look")


cli.app()
"""


@dataclass(frozen=True)
class Rig(BenchRig):
    @contextmanager
    def blocking(self) -> Iterator[subprocess.Popen[bytes]]:
        """A run that has blocked the path."""
        script = self.folder / "episodes.py"
        script.write_text(EPISODE)
        words = [sys.executable, script, "run", "blocked", "--bench", self.variant(""), "--out", self.folder / "out"]
        with subprocess.Popen(list(map(str, words)), env=self.environment, stdout=subprocess.DEVNULL) as process:
            try:
                # A phone that still boots reaches nobody.
                for reached in (True, False):
                    assert Deadline.after(BEGINS_WITHIN).poll(lambda: self.reaches(PHONE, Role.HOME) is reached, 0.2)  # noqa: B023
                yield process
            finally:
                process.kill()

    def reaches(self, phone: str, role: Role) -> bool:
        """Asked of the network itself, not of the router."""
        system = self.bench.inventory.systems[role]
        assert system.h323 is not None
        try:
            with self._within(phone):
                socket.create_connection((str(system.address), system.h323.signalling_port), 0.5).close()
        except OSError:
            return False
        return True

    def first_of_dhcp(self, phone: str) -> list[int]:
        """Types of the first three messages by DHCP at the port of a phone that is given power anew."""
        entry = self.bench.inventory.phones[phone]
        found: list[int] = []
        assert entry.outlet is not None
        with self._within(LAB):
            capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with capture:
            capture.bind(("cap-phones", ETH_P_ALL))
            capture.settimeout(BEGINS_WITHIN)
            request = {"do": "outlet", "pdu": entry.outlet.pdu, "outlet": entry.outlet.outlet, "command": REBOOT}
            list(control.ask(self.bench.state, request))
            while len(found) < 3:
                found += dhcp_types(capture.recv(65535), entry.mac)
        return found

    def tables(self) -> str:
        words = ["nsenter", f"--net={self._network_of('core')}", "nft", "list", "tables"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    @contextmanager
    def _within(self, device: str) -> Iterator[None]:
        network = os.open(self._network_of(device), os.O_RDONLY | os.O_CLOEXEC)
        try:
            with within_network(network):
                yield
        finally:
            os.close(network)

    def _network_of(self, device: str) -> str:
        found = running(self.bench)
        assert found is not None
        return found.devices[device].network


def dhcp_types(frame: bytes, mac: str) -> list[int]:
    """The type of the message by DHCP that is from or for this client, if the frame is one."""
    ports = {int.from_bytes(frame[34:36]), int.from_bytes(frame[36:38])}
    message = frame[42:]
    if frame[12:14] != IPV4 or frame[23] != UDP or DHCP_CLIENT not in ports or message[28:34].hex(":") != mac:
        return []
    return [options_of(message[240:])[MESSAGE_TYPE][0]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with brought_up("router", tmp_path_factory) as found:
        yield found


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Rig:
    return Rig(bench, tmp_path)


def test_the_path_of_one_phone_to_one_system_is_blocked_and_opened_by_the_watchdog_of_a_killed_run(rig: Rig) -> None:
    with rig.blocking() as run:
        assert rig.reaches(PHONE, Role.FAILOVER), "more was blocked than the path to home"
        assert rig.reaches(OTHER, Role.HOME), "another phone's path was blocked, too"
        os.kill(run.pid, signal.SIGKILL)
        assert Deadline.after(WITHIN).poll(lambda: rig.reaches(PHONE, Role.HOME), every=0.2)
    assert Deadline.after(WITHIN).poll(lambda: holder(rig.bench.state) is None, every=0.2)
    told = rig.ended([sys.executable, "-m", "harness.cli", "recover", "--bench", rig.variant("")])
    assert "the watchdog put core 10.77.3." in told.printed
    assert "- 10.77.1.0/24 back to on" in told.printed
    assert rig.tables() == ""


def test_a_run_that_is_interrupted_opens_it_itself(rig: Rig) -> None:
    with rig.blocking() as run:
        run.send_signal(signal.SIGINT)
        assert Deadline.after(WITHIN).poll(lambda: rig.reaches(PHONE, Role.HOME), every=0.2)
        run.wait(BEGINS_WITHIN)
    assert rig.tables() == ""
    assert rig.is_as_before()


def test_a_phone_is_offered_an_address_through_the_relay_and_none_without(
    rig: Rig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert rig.first_of_dhcp(PHONE) == [DISCOVER, OFFER, REQUEST]
    with brought_up("unrelayed", tmp_path_factory, {"virtual.dhcp_relay": "off"}) as unrelayed:
        assert Rig(unrelayed, rig.folder).first_of_dhcp(PHONE) == [DISCOVER, DISCOVER, DISCOVER]
