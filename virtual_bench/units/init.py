"""The init of a unit: keeps the console, starts the services and the SSH daemon, reboots them.

It holds no state of the telephone system: what a reboot is to lose dies with the services.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from virtual_bench.sshd import SshServer, start_sshd
from virtual_bench.units.commands import VERSION, Answer, answer
from virtual_bench.units.console import Console
from virtual_bench.units.descendants import kill_tree
from virtual_bench.units.reactor import Reactor
from virtual_bench.units.services import LONGEST, fork_services
from virtual_bench.units.surroundings import Surroundings

BOOT_TIME = 140.5
"""Bench seconds from the reboot command until the services run.

The line is back within 5 s of that. A choice of this bench: no outage of 3 minutes, not even by the measure
of a failover system that opens half a minute early, and within the `boot_time` that the inventory states.
"""
BOOT_MESSAGES = (
    (0.02, "System halted. Restarting."),
    (0.10, "Boot loader: image 1 verified"),
    (0.40, "Mounting file systems: done"),
    (0.70, "Starting network: eth0 up"),
    (0.95, "Starting telephony services"),
)
"""What the console shows, and at which part of the boot."""
LAST_WORDS = 0.05
"""Real seconds for the answer to `reboot` to leave."""
STATUS_WITHIN = 1.0
"""Real seconds for the services to tell their status."""


class Init:
    """The first process of a unit."""

    def __init__(self, around: Surroundings, console_fd: int | None, *, running: bool) -> None:
        """`running`: do not boot, be there at once, as a lab that is handed over is."""
        self._around, self._boots_in = around, 0.0 if running else BOOT_TIME
        self._reactor = Reactor(self._child_ended)
        self._services: tuple[int, socket.socket] | None = None
        self._sshd: subprocess.Popen[bytes] | None = None
        self._going_down = False
        self._console = self._open_console(console_fd)
        self._open_shells()

    def run(self) -> int:
        """Boot, then serve until SIGTERM; the exit status, 1 where the services died by themselves."""
        self._boot(self._boots_in)
        status = self._reactor.run()
        self._end_services()
        return status

    def _child_ended(self, pid: int) -> None:
        if self._services and pid == self._services[0]:
            print("the services ended by themselves", file=sys.stderr, flush=True)
            self._reactor.end(1)

    def _boot(self, bench_seconds: float) -> None:
        clock = self._around.clock
        if bench_seconds:
            for part, text in BOOT_MESSAGES:
                self._reactor.later(clock.real(part * bench_seconds), partial(self._console.say, text))
        self._reactor.later(clock.real(bench_seconds), self._start_services)

    def _start_services(self) -> None:
        self._services, self._going_down = fork_services(self._around), False
        ssh = self._around.system.ssh
        if ssh:
            shell = [
                sys.executable,
                "-I",
                "-S",
                str(Path(__file__).with_name("shell.py")),
                self._socket,
                self._prompt,
            ]
            server = SshServer(
                self._around.bench.state, self._around.role.value, self._around.host, ssh.user,
                shlex.join(shell), ssh.port,
            )  # fmt: skip
            self._sshd = start_sshd(server)
        self._console.say(f"{VERSION}, {self._around.role.value} system")
        self._console.ready()

    def _reboot(self) -> None:
        self._around.truth.write("reboot")
        self._end_services()
        self._boot(BOOT_TIME - LAST_WORDS * self._around.clock.factor)

    def _end_services(self) -> None:
        """As if the power went: nothing is said to anybody."""
        self._console.boot()
        if self._services:
            pid, questions = self._services
            self._services = None
            kill_tree(pid)
            questions.close()
        if self._sshd:
            kill_tree(self._sshd.pid)
            self._sshd = None

    def _answer(self, line: str) -> Answer:
        given = answer(line, self._around.system, partial(self._ask, "status"), lambda who: self._ask(f"logout {who}"))
        if given.reboots and not self._going_down:
            self._going_down = True
            self._reactor.later(LAST_WORDS, self._reboot)
        return given

    def _ask(self, question: str) -> dict[str, Any] | None:
        if self._services is None:
            return None
        questions = self._services[1]
        questions.settimeout(STATUS_WITHIN)
        try:
            questions.send(question.encode())
            return dict(json.loads(questions.recv(LONGEST)))
        except (OSError, ValueError):
            return None

    def _open_console(self, descriptor: int | None) -> Console:
        system, inventory = self._around.system, self._around.bench.inventory
        login = (inventory.consoles[system.console].login if system.console else None) or system.ssh
        user, password = (login.user, login.password.resolve()) if login else ("", "")

        def write(data: bytes) -> None:
            if descriptor is not None:
                _write_what_fits(descriptor, data)

        console = Console(self._prompt.rstrip("> "), user, password, write, self._answer)
        if descriptor is not None:
            os.set_blocking(descriptor, False)
            self._reactor.when_readable(descriptor, lambda: console.feed(os.read(descriptor, 4096)))
        return console

    def _open_shells(self) -> None:
        # An abstract name lives in the unit's own network namespace: no path, no leftovers.
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind("\0" + self._socket)
        listener.listen()
        self._reactor.when_readable(listener, lambda: self._greet(listener))

    def _greet(self, listener: socket.socket) -> None:
        shell, _ = listener.accept()
        self._reactor.when_readable(shell, lambda: self._serve_shell(shell))

    def _serve_shell(self, shell: socket.socket) -> None:
        try:
            line = shell.recv(LONGEST)
            if line:
                shell.send(json.dumps(asdict(self._answer(line.decode(errors="replace")))).encode())
                return
        except OSError:
            pass  # a session that was killed in the middle ends like one that left
        self._reactor.forget(shell)
        shell.close()

    @property
    def _socket(self) -> str:
        return f"unit-{self._around.role.value}"

    @property
    def _prompt(self) -> str:
        return f"IPOffice-{self._around.role.value}> "


def _write_what_fits(descriptor: int, data: bytes) -> None:
    """A serial line does not wait for anybody: what does not fit is lost."""
    try:
        os.write(descriptor, data)
    except BlockingIOError:
        return
