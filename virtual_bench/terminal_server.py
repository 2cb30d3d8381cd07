"""Terminal servers: ser2net serves the units' serial lines by RFC 2217."""

import json
import os
import tty
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.inventory import Bench
from virtual_bench.fabric import terminal_servers
from virtual_bench.process import Program
from virtual_bench.state import FILES


@dataclass(frozen=True)
class SerialLine:
    """A pty as a serial cable: the unit has `unit_end`, ser2net opens `path`.

    Both ends are kept open here, so that neither a unit without power nor a client that leaves hangs up.
    """

    unit_end: int
    server_end: int
    path: str

    def put(self, data: bytes, towards: str) -> None:
        """Put bytes on the cable that neither end has sent: `towards` the "server", or the "unit"."""
        with suppress(BlockingIOError):  # a serial line does not wait for anybody
            os.write(self.unit_end if towards == "server" else self.server_end, data)


def lay_serial_line() -> SerialLine:
    """A serial line that passes every byte as it is."""
    unit_end, server_end = os.openpty()
    tty.setraw(server_end)
    return SerialLine(unit_end, server_end, os.ttyname(server_end))


def terminal_server_program(bench: Bench, name: str, lines: Mapping[str, SerialLine]) -> Program:
    """What the terminal server `name` runs; `lines` gives the serial line of each console."""
    address = terminal_servers(bench.inventory)[name]
    file = bench.state / FILES / name / "ser2net.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_configuration(bench, address, lines))
    return Program(("/usr/sbin/ser2net", "-n", "-d", "-c", str(file)), prepare=("mkdir -p /run/lock",))


def _configuration(bench: Bench, address: str, lines: Mapping[str, SerialLine]) -> str:
    """A newcomer on a line replaces who was there: what holds it may have died without a word."""
    entries = []
    for name, console in bench.inventory.consoles.items():
        url = urlsplit(console.url)
        if url.hostname == address:
            accepter = ("telnet(rfc2217)," if url.scheme == "rfc2217" else "") + f"tcp,{address},{url.port}"
            connector = f"serialdev,{lines[name].path},{console.baud}n81,local"
            entries.append(
                f"connection: &{name}\n"
                f"  accepter: {json.dumps(accepter)}\n"
                f"  connector: {json.dumps(connector)}\n"
                "  options:\n    kickolduser: true\n"
            )
    return "".join(["%YAML 1.1\n---\n", *entries])
