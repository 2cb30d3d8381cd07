"""The bench kind `virtual`: brought up, ended and entered on this machine."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.base.errors import ConfigurationFault, LabFault
from harness.inventory import Bench, BenchState, DeviceState
from virtual_bench import control
from virtual_bench.defects import DEFECTS
from virtual_bench.fabric import LAB, check
from virtual_bench.launch import end, launch, prepare
from virtual_bench.namespaces import CLONE_NEWNET, set_namespace
from virtual_bench.state import Device, Running, clear, forget, load_effective, read_running, with_defects


def _silent(_: str) -> None:
    """Progress that nobody looks at."""


class VirtualBench:
    """Network namespaces, real daemons and emulated units, held by a supervisor that outlives its caller."""

    def is_up(self, bench: Bench) -> bool:
        """Whether a supervisor holds it."""
        return running(bench) is not None

    def up(self, bench: Bench, defects: Sequence[str] = (), progress: Callable[[str], None] = _silent) -> None:
        """Build it and start its devices; returns when all answer. Nothing to do where it is up just so.

        Raises ConfigurationFault where it is up otherwise or cannot be built so, LabFault where a
        device does not come up.
        """
        _root_only("bring a virtual bench up")
        _visible_to_devices(bench)
        wanted = with_defects(bench, defects)
        check(wanted.inventory)
        bench.state.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(bench.state):
            if self.is_up(bench):
                _same(bench, wanted)
                return
            self._end(bench)
            prepare(wanted, progress)
            launch(wanted, progress)

    def down(self, bench: Bench) -> None:
        """End it with all that it started and made. Nothing to do where it is not up."""
        if not bench.state.is_dir():
            return
        with _one_at_a_time(bench.state):
            self._end(bench)
            forget(bench.state)
        if not any(bench.state.iterdir()):
            bench.state.rmdir()

    def defects(self) -> Mapping[str, tuple[str, ...]]:
        """Each with the clauses it violates."""
        return {defect.name: defect.clauses for defect in DEFECTS.values()}

    def state(self, bench: Bench) -> BenchState | None:
        """Its devices with power and carrier, the supervisor that holds them, and the defects that they play."""
        found = running(bench)
        if found is None:
            return None
        carrier = links(bench)
        devices = [
            DeviceState(name, device.kind, _power(device), _link(carrier.get(name)), device.pid)
            for name, device in found.devices.items()
        ]
        defects = f"; defects: {', '.join(found.defects)}" if found.defects else ""
        return BenchState(f"held by supervisor {found.pid}{defects}", tuple(devices))

    def enter(self, bench: Bench) -> None:
        """Move this process into the lab host's network; before any thread exists."""
        _root_only("enter a virtual bench")
        found = running(bench)
        if found is None:
            raise ConfigurationFault(
                "this bench is not up.", bench=bench.name, next_step=f"bench up --bench {bench.name}"
            )
        network = os.open(found.devices[LAB].network, os.O_RDONLY | os.O_CLOEXEC)
        try:
            set_namespace(network, CLONE_NEWNET)
        finally:
            os.close(network)

    def _end(self, bench: Bench) -> None:
        pid = control.supervisor_of(bench.state)
        if pid is not None:
            end(pid)
        clear(bench.state)


def running(bench: Bench) -> Running | None:
    """What holds `bench` now, and its devices; None where it is not up."""
    pid = control.supervisor_of(bench.state)
    found = read_running(bench.state)
    return found if found is not None and found.pid == pid else None


def links(bench: Bench) -> dict[str, bool]:
    """Whether each unit and phone of a bench that is up has carrier."""
    for answer in control.ask(bench.state, {"do": "links"}):
        found: dict[str, bool] = answer["links"]
        return found
    raise LabFault("the supervisor does not tell the links.", bench=bench.name, next_step="bench down, bench up.")


def _power(device: Device) -> str:
    if not device.power:
        return "off"
    return "died" if device.pid is None and device.kind != "lab host" else "on"


def _link(carrier: bool | None) -> str:
    return "" if carrier is None else "up" if carrier else "down"


def _same(bench: Bench, wanted: Bench) -> None:
    if load_effective(bench.state).inventory != wanted.inventory:
        raise ConfigurationFault(
            "this bench is up with other defects or settings.",
            bench=bench.name,
            next_step=f"bench down --bench {bench.name}, then bench up.",
        )


@contextmanager
def _one_at_a_time(state: Path) -> Iterator[None]:
    """Locks the folder itself, so that no lock file is left in it."""
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _visible_to_devices(bench: Bench) -> None:
    """Some devices have a /run and a /var/tmp of their own, and would find no state there."""
    for folder in (Path("/run"), Path("/var/tmp")):
        if bench.state.resolve().is_relative_to(folder):
            raise ConfigurationFault(
                f"the state of a virtual bench cannot be kept in {folder}.",
                bench=bench.name,
                next_step="set LAB_STATE to a folder elsewhere.",
            )


def _root_only(what: str) -> None:
    if os.geteuid() != 0:
        raise ConfigurationFault(f"only root can {what}.", next_step="use sudo, or judge a recording by --replay.")
