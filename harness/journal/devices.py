"""The drivers of one bench, opened when first needed and closed together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar, cast

from harness.base.errors import BenchError
from harness.base.transcripts import Transcripts
from harness.capture.sensors import Remote
from harness.drivers import factory
from harness.drivers.answers import Allowance
from harness.drivers.protocols import (
    ConsoleDriver,
    OutletDriver,
    ProbeDriver,
    RouterDriver,
    SwitchDriver,
    UnitDriver,
)
from harness.inventory import Bench, Role
from harness.inventory import Protocol as Signalling


class _Closable(Protocol):
    def close(self) -> None: ...


D = TypeVar("D", bound=_Closable)


class Devices:
    """Every device of a bench by its inventory name; one session each, kept for the whole run."""

    def __init__(self, bench: Bench, transcripts: Transcripts) -> None:
        self._bench, self._transcripts = bench, transcripts
        self._allowance = Allowance()
        self._opened: dict[str, _Closable] = {}

    def switch(self, name: str) -> SwitchDriver:
        """The switch `name`."""
        return self._open(f"switch {name}", lambda: factory.switch(self._bench, name, self._transcripts))

    def router(self, name: str) -> RouterDriver:
        """The router `name`."""
        return self._open(f"router {name}", lambda: factory.router(self._bench, name, self._transcripts))

    def pdu(self, name: str) -> OutletDriver:
        """The PDU `name`."""
        return self._open(f"pdu {name}", lambda: factory.pdu(self._bench, name, self._transcripts))

    def unit(self, role: Role) -> UnitDriver:
        """The system `role`, by SSH."""
        return self._open(f"unit {role}", lambda: factory.unit(self._bench, role, self._transcripts))

    def console(self, role: Role) -> ConsoleDriver:
        """The system `role`, by its serial console."""
        return self._open(f"console {role}", lambda: factory.console(self._bench, role, self._transcripts))

    def probe(self, protocol: Signalling, *, stranger: bool = False) -> ProbeDriver:
        """The registration probe of `protocol`, with its own extension or as a stranger."""
        return self._open(
            f"probe {protocol} {stranger}",
            lambda: factory.probe(self._bench, protocol, self._transcripts, self._allowance, stranger=stranger),
        )

    def sensors(self) -> dict[str, Remote]:
        """Capture point → its sensor, for those on other machines; they connect with their first command."""
        points = {name: point.sensor for name, point in self._bench.inventory.captures.items()}
        return {
            name: Remote(name, self._open(f"sensor {name}", partial(factory.sensor, self._bench, name)).run)
            for name, sensor in points.items()
            if sensor is not None
        }

    def close(self) -> None:
        """End every session, all at once: each takes some tenths of a second. One that is gone needs no farewell."""
        if self._opened:
            with ThreadPoolExecutor(max_workers=len(self._opened)) as pool:
                list(pool.map(_close, self._opened.values()))
        self._opened.clear()

    def _open(self, key: str, make: Callable[[], D]) -> D:
        if key not in self._opened:
            self._opened[key] = make()
        return cast(D, self._opened[key])


def _close(device: _Closable) -> None:
    with suppress(BenchError, OSError):
        device.close()
