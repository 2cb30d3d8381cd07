"""A device of the bench that is up: its network, its program, its power."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

from harness.inventory import Inventory
from virtual_bench.building import address, fresh_network, run_ip
from virtual_bench.fabric import ETH0
from virtual_bench.interfaces import Interface
from virtual_bench.process import Process, Program, start
from virtual_bench.state import Device


class RunningDevice:
    """One device. `network` keeps its number over power cycles, though the namespace behind it changes."""

    def __init__(self, name: str, kind: str, network: int, program: Program | None, log: Path) -> None:
        self.name, self.kind, self.network = name, kind, network
        self._program, self._log = program, log
        self.process: Process | None = None
        self.power = True

    def boot(self) -> None:
        """Start its program, if it has any."""
        if self._program is not None:
            self.process = start(self._program, self.name, self.network, self._log)

    def cut_power(self) -> None:
        """End it as a power cut does: the cable goes dead first, so that no socket says goodbye."""
        self.power = False
        with Interface(self.network, ETH0) as interface:
            interface.set_up(False)
        self._end()

    def give_power(self, inventory: Inventory) -> None:
        """Plug its cable into a fresh network namespace and start its program there.

        In the old one the kernel would go on sending what the dead program's connections still owe.
        """
        fresh = fresh_network()
        run_ip(self.network, [f"link set {ETH0} netns /proc/self/fd/{fresh}"], [fresh])
        os.dup2(fresh, self.network, inheritable=False)
        os.close(fresh)
        address(inventory, self.name, self.network)
        with Interface(self.network, ETH0) as interface:
            interface.compute_checksums()
        self.power = True
        self.boot()

    def go_down(self, interfaces: Iterable[str]) -> None:
        """End it as a switch's reload does: all its cables go dead, and what it was told since its start is gone."""
        for name in interfaces:
            with Interface(self.network, name) as interface:
                interface.set_up(False)
        self._end()

    def come_up(self, lines: Iterable[str]) -> None:
        """Start it again, its cables first, by lines for `ip -batch`."""
        run_ip(self.network, lines)
        self.boot()

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def has_link(self, interface: str) -> bool:
        """Whether its cable shows carrier."""
        with Interface(self.network, interface) as cable:
            return cable.has_carrier()

    def last_words(self, lines: int = 5) -> str:
        """The end of its log."""
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-lines:]) or "(its log is empty)"

    def described(self) -> Device:
        """What `supervisor.json` says of it."""
        pid = host_pid(self.process.pid) if self.process is not None and self.process.poll() is None else None
        return Device(self.kind, f"/proc/{host_pid(os.getpid())}/fd/{self.network}", pid, self.power)


def host_pid(pid: int) -> int:
    """The number that the host, whose /proc this is, has for the process `pid` of this PID namespace."""
    descriptor = os.pidfd_open(pid)
    try:
        for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1])
    finally:
        os.close(descriptor)
    raise ProcessLookupError(f"the kernel does not tell the host's number of process {pid}")
