"""For tests of what breaks during a run: runs that wait where a fault is to be played, and the bench's side of it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from harness.base.clock import Deadline
from harness.inventory import Bench
from tests.virtual_bench.rig import BENCH, REPOSITORY, BenchRig, faults_in

PATIENCE = 90.0
"""Real seconds for a run to come to the place of a fault, or to its end: no limit that is tested."""
UNDONE_WITHIN = 20.0
"""Real seconds for putting back one change (docs/faults.md)."""

EPISODES = '''
from harness import cli
from harness.base.stimulus import Stimulus
from harness.episodes import bounds, outages
from harness.episodes.episode import episode
from harness.inventory import Role


def fault(lab, name):
    """Wait until whoever plays the fault has done so."""
    lab.wait_for(f"the fault '{name}'", (lab.folder.parent / name).exists, within=1800)


@episode("Home's port is shut for a moment.", lambda _: 1, ("home's port",))
def port_shut(lab):
    lab.log_in_at_switch(Role.HOME)
    fault(lab, "before")
    lab.cut(Role.HOME)
    fault(lab, "shut")
    lab.restore(Role.HOME)
    fault(lab, "open")


@episode("A phone loses power for a moment.", lambda _: 1, ("an outlet",))
def outlet_off(lab):
    lab.power_off("phone-1608")
    fault(lab, "off")
    lab.power_on("phone-1608")


@episode("Home is rebooted by SSH.", lambda _: 1, ("the home system",))
def ssh_reboot(lab):
    lab.log_in(Role.HOME, "ssh")
    fault(lab, "before")
    lab.reboot(Role.HOME, "ssh")


@episode("Home is rebooted from its console.", lambda _: 1, ("the home system",))
def console_reboot(lab):
    fault(lab, "login")
    lab.log_in(Role.HOME, "console")
    fault(lab, "before")
    lab.reboot(Role.HOME, "console")
    lab.wait_for("home to be back", lambda since=lab.now(): lab.sees_home(since + 2), within=200)


@episode("A phone is re-powered in failover.", lambda _: 1, ("home's port", "an outlet"))
def phone_repowered(lab):
    phone = lab.inventory.phones["phone-1608"]
    lab.log_in_at_switch(Role.HOME)
    outages.normal_operation(lab)
    lab.cut(Role.HOME)
    outages.phones_move(lab)
    fault(lab, "in failover")
    lab.power_cycle("phone-1608")
    lab.watch(bounds.back_after_power(phone) + 10, "the phone to be served")
    lab.restore(Role.HOME)


@episode("Home hangs, its connections open, until every phone has moved.", lambda _: 1, ("the home system",))
def home_lost(lab):
    outages.normal_operation(lab)
    before = lab.now()
    fault(lab, "hang")
    lab.record(Stimulus("cut", "home", before, lab.now(), "hung"))
    outages.phones_move(lab)
    lab.watch(outages.CONFIRMED_FOR, "registrations at the failover system to be confirmed")
    before = lab.now()
    fault(lab, "go on")
    lab.record(Stimulus("restore", "home", before, lab.now(), "goes on"))
    outages.phones_return(lab)


cli.app()
'''
"""The command line with episodes that are shorter than a whole outage and wait where a fault is to be played."""


@dataclass
class Run:
    """A `bench run` that goes on beside the test; `out` is its recording, `printed` what it said until now."""

    process: subprocess.Popen[bytes]
    folder: Path
    name: str

    @property
    def out(self) -> Path:
        return self.folder / self.name

    @property
    def printed(self) -> str:
        return (self.folder / "printed.txt").read_text()

    def said(self, device: str) -> str:
        """The transcript of a device until now."""
        path = self.out / "transcripts" / f"{device}.txt"
        return path.read_text() if path.exists() else ""

    def await_printed(self, text: str) -> None:
        assert Deadline.after(PATIENCE).poll(lambda: text in self.printed or self.ended, every=0.005)
        assert text in self.printed, self.printed

    def at(self, fault: str) -> None:
        """Until it waits for the fault to be played."""
        self.await_printed(f"waiting for the fault '{fault}'")

    def played(self, fault: str) -> None:
        """Have it go on."""
        (self.folder / fault).touch()

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def code(self) -> int:
        """How it ended."""
        self.process.wait(PATIENCE)
        assert "Traceback" not in self.printed
        return self.process.returncode

    def fault(self) -> str:
        """The one line that tells the fault, after which it ended with 2."""
        assert self.code() == 2, self.printed
        *_, line = faults_in(self.printed)
        assert f"{BENCH}@" in line
        return line

    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.out / "manifest.json").read_text()))

    def left_clean(self) -> bool:
        """Whether its recording says that the lab was put back."""
        return bool(self.manifest()["put_back"]["clean"])


@dataclass(frozen=True)
class Rig(BenchRig):
    """A bench on which runs go on beside the test."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def end(self) -> None:
        """End what a test that failed has left running; its watchdog puts the lab back."""
        for process in self.started:
            process.kill()
            process.wait()

    def run(self, episode: str, bench: str = "") -> Run:
        script = self.folder / "episodes.py"
        script.write_text(EPISODES)
        name = bench or self.bench.name
        words = [sys.executable, script, "run", episode, "--bench", name, "--out", self.folder / episode]
        with (self.folder / "printed.txt").open("wb") as said:
            process = subprocess.Popen(
                [str(word) for word in words], cwd=REPOSITORY, stdout=said, stderr=said, env=self.environment
            )
        self.started.append(process)
        return Run(process, self.folder, episode)

    def recovered(self) -> str:
        """What `bench recover` says; it must succeed."""
        words = [sys.executable, "-m", "harness.cli", "recover", "--bench", self.bench.name]
        done = self.ended(words, PATIENCE)
        assert done.code == 0, done.printed
        return done.printed

    def processes(self, device: str, name: str) -> list[psutil.Process]:
        """The processes of a device that are called so, found from its first one."""
        return [each for each in self.everything_of(device) if each.name() == name]

    def session_at(self, switch: str) -> psutil.Process:
        """The daemon's process of the one session that a switch has."""
        (vtysh,) = self.processes(switch, "vtysh")
        parent = vtysh.parent()
        assert parent is not None
        return parent

    def home_is_back(self) -> bool:
        """Whether home's services run again after a reboot."""
        return bool(self.processes("home", "dnsmasq"))


@contextmanager
def rigged(bench: Bench, folder: Path) -> Iterator[Rig]:
    """A rig for one test, after which the bench has to be as before."""
    rig = Rig(bench, folder)
    yield rig
    rig.end()
    assert soon(lambda: rig.is_as_before() and rig.home_is_back())


def soon(condition: Callable[[], bool], within: float = PATIENCE) -> bool:
    return Deadline.after(within).poll(condition, every=0.001)
