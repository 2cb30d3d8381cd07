"""The path of one phone is blocked at the bench's router, and is open again however the run ends. Needs root."""

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
from harness.inventory import Bench, Role
from harness.journal.lease import holder
from tests.virtual_bench.rig import BenchRig, brought_up
from virtual_bench.kind import running
from virtual_bench.namespaces import within_network

pytestmark = pytest.mark.bench

PHONE, OTHER = "phone-9641", "phone-1608"
BEGINS_WITHIN = 60.0
"""Real seconds: no more than patience."""
WITHIN = 10.0
"""Real seconds for the path to be put back."""

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
        network = os.open(self._network_of(phone), os.O_RDONLY | os.O_CLOEXEC)
        try:
            with within_network(network):
                socket.create_connection((str(system.address), system.h323.signalling_port), 0.5).close()
        except OSError:
            return False
        finally:
            os.close(network)
        return True

    def tables(self) -> str:
        words = ["nsenter", f"--net={self._network_of('core')}", "nft", "list", "tables"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def _network_of(self, device: str) -> str:
        found = running(self.bench)
        assert found is not None
        return found.devices[device].network


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
