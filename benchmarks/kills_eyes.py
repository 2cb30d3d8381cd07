"""What a virtual bench itself says of its state: nothing here goes through the harness's drivers or its journal.

The supervisor tells carrier and power, the kernel which ports of the switches are up, the units' own logs who is
registered.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.inventory import Bench, Role
from virtual_bench.control import ask
from virtual_bench.interfaces import Interface
from virtual_bench.kind import links, running
from virtual_bench.supervisor import ON
from virtual_bench.truth import FOLDER

_IN, _OUT = ("accepted", "confirmed"), ("withdrawn", "unregistered", "removed", "lapsed")


@dataclass(frozen=True)
class Sight:
    """One look at a bench. `ports`: open by command; `registered`: "UNIT EXTENSION" of the probes alone."""

    links: dict[str, bool]
    ports: dict[str, bool]
    outlets: dict[str, bool]
    registered: frozenset[str]

    def departures(self, before: "Sight") -> list[str]:
        """What is not as it was then, in words."""
        pairs = {"link": (self.links, before.links), "port": (self.ports, before.ports)}
        pairs["outlet"] = (self.outlets, before.outlets)
        changed = [
            f"{kind} {name} is {_word(now[name])}"
            for kind, (now, then) in pairs.items()
            for name in then
            if now[name] != then[name]
        ]
        return changed + [f"{who} is registered" for who in sorted(self.registered - before.registered)]


def _word(state: bool) -> str:
    return "on" if state else "off"


class UnitLog:
    """Who of `extensions` is registered at a unit by its own log, read as it grows."""

    def __init__(self, bench: Bench, role: Role, extensions: frozenset[str]) -> None:
        self._path, self._extensions = bench.state / FOLDER / f"{role}.jsonl", extensions
        self._at = 0
        self.registered: set[str] = set()
        self.lapsed = 0
        """How many registrations of theirs ended by themselves until now."""
        self.link_changed_at = 0.0
        """When the unit last saw its link come or go, epoch seconds."""

    def read_on(self) -> None:
        """Take in what has been written since."""
        for entry in self._new():
            self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        what, extension = entry["what"], entry.get("extension")
        if what == "started":
            self.registered.clear()
        elif what == "link":
            self.link_changed_at = entry["t"]
        elif extension in self._extensions and what in _IN:
            self.registered.add(extension)
        elif extension in self._extensions and what in _OUT:
            self.registered.discard(extension)
            self.lapsed += what == "lapsed"

    def _new(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as file:
            file.seek(self._at)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._at += len(whole)
        return map(json.loads, whole.splitlines())


class Eyes:
    """Looks at a bench that is up. A context manager: it holds a socket in each switch's network."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._open = bench, ExitStack()
        probes = frozenset(probe.extension for probe in bench.inventory.probes.values())
        self.units = {role: UnitLog(bench, role, probes) for role in Role}
        self._ports: dict[str, Interface] = {}

    def __enter__(self) -> "Eyes":
        found = running(self._bench)
        if found is None:
            raise RuntimeError(f"{self._bench.name} is not up")
        for name, switch in self._bench.inventory.switches.items():
            network = os.open(Path(found.devices[name].network), os.O_RDONLY | os.O_CLOEXEC)
            try:
                for port in switch.ports:
                    self._ports[f"{name} {port}"] = self._open.enter_context(Interface(network, port))
            finally:
                os.close(network)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def look(self) -> Sight:
        """All of it, now."""
        for unit in self.units.values():
            unit.read_on()
        outlets = {
            f"{pdu} {outlet}": self._power(pdu, outlet)
            for pdu, strip in self._bench.inventory.pdus.items()
            for outlet in strip.outlets
        }
        ports = {name: port.is_up() for name, port in self._ports.items()}
        registered = {f"{role} {extension}" for role, unit in self.units.items() for extension in unit.registered}
        return Sight(links(self._bench), ports, outlets, frozenset(registered))

    @property
    def lapsed(self) -> int:
        """How many registrations of the probes have ended by themselves, at both units."""
        return sum(unit.lapsed for unit in self.units.values())

    def _power(self, pdu: str, outlet: int) -> bool:
        request = {"do": "outlet", "pdu": pdu, "outlet": outlet, "command": 0}
        return bool(next(ask(self._bench.state, request))["outlet"] == ON)
