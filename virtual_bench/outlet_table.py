"""A program for snmpd's `pass_persist` (snmpd.conf(5)): the outlets of one PDU, as the supervisor has them.

Called as `outlet_table.py STATE PDU OID OUTLETS`, the last a list such as `1,2,3`. It imports nothing
of the bench, so that an outlet is switched at once.
"""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator

COMMANDS = (1, 2, 3)
"""immediateOn, immediateOff, immediateReboot (PowerNet-MIB)."""


class OutletTable:
    """Answers to snmpd's questions; `exchange(outlet, command)` asks the supervisor, command 0 only reads."""

    def __init__(self, base: str, outlets: list[int], exchange: Callable[[int, int], int]) -> None:
        self._base, self._outlets, self._exchange = base, sorted(outlets), exchange

    def get(self, oid: str) -> list[str]:
        """The three lines of the value at `oid`, or NONE."""
        outlet = self._outlet(oid)
        return ["NONE"] if outlet is None else [oid, "integer", str(self._exchange(outlet, 0))]

    def get_next(self, oid: str) -> list[str]:
        """The value after `oid`."""
        after = self._outlet(oid, known=False)
        if after is None and oid != self._base:
            return ["NONE"]
        following = [outlet for outlet in self._outlets if outlet > (after or 0)]
        return self.get(f"{self._base}.{following[0]}") if following else ["NONE"]

    def set(self, oid: str, value: str) -> list[str]:
        """Switch the outlet at `oid`; `value` is what snmpd writes: type and number."""
        outlet = self._outlet(oid)
        kind, _, number = value.partition(" ")
        if outlet is None:
            return ["not-writable"]
        if kind != "integer":
            return ["wrong-type"]
        if not number.strip().isdigit() or int(number) not in COMMANDS:
            return ["wrong-value"]
        self._exchange(outlet, int(number))
        return ["DONE"]

    def _outlet(self, oid: str, known: bool = True) -> int | None:
        prefix, _, last = oid.rpartition(".")
        if prefix != self._base or not last.isdigit():
            return None
        return int(last) if not known or int(last) in self._outlets else None


def serve(table: OutletTable, lines: Iterator[str]) -> Iterator[str]:
    """The lines to answer with to those of snmpd."""
    for line in lines:
        match line.strip():
            case "PING":
                yield "PONG"
            case "get":
                yield from table.get(next(lines).strip())
            case "getnext":
                yield from table.get_next(next(lines).strip())
            case "set":
                yield from table.set(next(lines).strip(), next(lines).strip())


def ask_supervisor(state: str, pdu: str) -> Callable[[int, int], int]:
    """An exchange with the supervisor that keeps its state in the folder `state`; raises OSError."""
    folder = os.open(state, os.O_PATH)

    def exchange(outlet: int, command: int) -> int:
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(f"/proc/self/fd/{folder}/control")
            request = {"do": "outlet", "pdu": pdu, "outlet": outlet, "command": command}
            control.sendall(json.dumps(request).encode() + b"\n")
            return int(json.loads(control.makefile().readline())["outlet"])

    return exchange


def main(state: str, pdu: str, base: str, outlets: str) -> None:
    """Answer snmpd until it ends."""
    table = OutletTable(base, [int(number) for number in outlets.split(",")], ask_supervisor(state, pdu))
    for answer in serve(table, iter(sys.stdin.readline, "")):
        print(answer, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
