"""Which program each device of a bench runs."""

import asyncio
import sys
import time
from collections.abc import Mapping

from harness.inventory import Bench
from virtual_bench.accounts import Account, write_accounts
from virtual_bench.fabric import CORE
from virtual_bench.pdu import pdu_program
from virtual_bench.phones.telephone import Telephone
from virtual_bench.process import Program
from virtual_bench.router import router_program
from virtual_bench.state import FILES
from virtual_bench.switch import switch_program
from virtual_bench.terminal_server import SerialLine, terminal_server_program


def program_of(bench: Bench, name: str, kind: str, lines: Mapping[str, SerialLine]) -> Program | None:
    """What the device `name` runs; None for the lab host. `lines` are the serial lines by console."""
    match kind:
        case "router" if name == CORE:
            return router_program(bench)
        case "switch":
            return switch_program(bench, name)
        case "pdu":
            return pdu_program(bench, name)
        case "terminal server":
            return terminal_server_program(bench, name, lines)
        case "unit":
            return _unit_program(bench, name, lines)
        case "phone":
            return _phone_program(bench, name)
    return None


def _unit_program(bench: Bench, name: str, lines: Mapping[str, SerialLine]) -> Program:
    system = next(system for role, system in bench.inventory.systems.items() if role.value == name)
    command = [sys.executable, "-m", "virtual_bench.units", "--state", str(bench.state), "--role", name]
    descriptors = []
    if system.console is not None:
        descriptors.append(lines[system.console].unit_end)
        command += ["--console-fd", str(descriptors[0])]
    files = {}
    if system.ssh is not None:
        account = Account(system.ssh.user, system.ssh.password.resolve())
        files = write_accounts(bench.state / FILES / name, account)
    return Program(tuple(command), files, ("install -d -m 755 /run/sshd",), tuple(descriptors))


def _phone_program(bench: Bench, name: str) -> Program:
    resolver = bench.state / FILES / name / "resolv.conf"
    resolver.parent.mkdir(parents=True, exist_ok=True)
    resolver.touch()

    def live() -> None:
        asyncio.run(Telephone(bench, name, time.monotonic()).run())

    return Program((), {resolver: "/etc/resolv.conf"}, main=live)
