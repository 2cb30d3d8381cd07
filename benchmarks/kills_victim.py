"""The run that `benchmarks.kills` kills: an outage with little waiting and many changes.

    python -m benchmarks.kills_victim prepare BENCH FOLDER    # makes the bench what it is to be before all runs
    python -m benchmarks.kills_victim play BENCH FOLDER       # plays the outage, prints what it does, and when

A phone's port is shut before the run; it is shut again, opened and shut.
"""

import sys
import time
from pathlib import Path

from harness.base.clock import now
from harness.base.transcripts import Transcripts
from harness.base.units import BenchSeconds
from harness.episodes.episode import Episode
from harness.episodes.kinds import bench_kind
from harness.episodes.lab import Lab
from harness.episodes.running import run_episode
from harness.episodes.watching import Waiting
from harness.inventory import Bench, Role, find_bench
from harness.journal.devices import Devices

CUT, SHUT_BEFORE, REPOWERED = "phone-J179", "phone-1140E", ("phone-9641", "phone-1608")
TIMES = 7
"""How often the outage comes and goes within a run, so that most of its time is changes."""
PAUSE = 3.0
"""Bench seconds."""
RECORDS_TOLD, MISSED = 1.0, 2.0
"""Real seconds for home to tell the failover system who has registered, and for that to miss home."""
WAIT_FOR_BENCH = 20.0


def outage(lab: Lab) -> None:
    """Ports of home and of phones, phones' outlets, the probes at home and at the failover system."""
    for device in (Role.HOME, CUT):
        lab.log_in_at_switch(device)
    lab.register_probes_at_home()
    for _ in range(TIMES):
        _disturb(lab)
        _register_as_guests(lab)
        _restore(lab)


def _disturb(lab: Lab) -> None:
    for device in (Role.HOME, CUT, SHUT_BEFORE):
        lab.cut(device)
    for device in REPOWERED:
        lab.power_off(device)
    lab.restore(SHUT_BEFORE)


def _register_as_guests(lab: Lab) -> None:
    with lab.probing(every=2 * PAUSE):
        lab.watch(PAUSE, "the failover system to be asked")
    for protocol in lab.inventory.probes:
        lab.door.register(protocol, Role.FAILOVER)


def _restore(lab: Lab) -> None:
    lab.cut(SHUT_BEFORE)
    for device in REPOWERED:
        lab.power_on(device)
    for device in (CUT, Role.HOME):
        lab.restore(device)
    for protocol in lab.inventory.probes:
        lab.door.withdraw(protocol, Role.FAILOVER)


class Stamped:
    """Prints what is done, each line with its time in epoch seconds."""

    def say(self, text: str) -> None:
        """Print it."""
        print(f"{now():.6f} {text}", flush=True)

    def waiting(self, moment: Waiting) -> None:
        """Nothing: the waits are short."""


def play(bench: Bench, folder: Path) -> None:
    """The outage, as `bench run` plays an episode."""
    episode = Episode("killed", "An outage that is killed.", outage, lambda _: BenchSeconds(60), ("ports", "outlets"))
    run_episode(bench, episode, folder, Stamped(), WAIT_FOR_BENCH)


def prepare(bench: Bench, folder: Path) -> None:
    """Shut what is shut by rights, and have the failover system know the probes and miss home once.

    Not journaled, since it is nobody's change.
    """
    devices, inventory = Devices(bench, Transcripts(folder)), bench.inventory
    shut, home = inventory.phones[SHUT_BEFORE].port, inventory.systems[Role.HOME].port
    devices.switch(shut.switch).shut(shut.port)
    for protocol in inventory.probes:
        devices.probe(protocol).register(Role.HOME)
    time.sleep(RECORDS_TOLD)
    for protocol in inventory.probes:
        devices.probe(protocol).withdraw(Role.HOME)
    devices.switch(home.switch).shut(home.port)
    time.sleep(MISSED)
    devices.switch(home.switch).open(home.port)
    devices.close()


def main() -> None:
    """Do what the arguments say."""
    what, name, folder = sys.argv[1:]
    bench = find_bench(name)
    bench_kind(bench.inventory.kind).enter(bench)
    {"play": play, "prepare": prepare}[what](bench, Path(folder))


if __name__ == "__main__":
    main()
