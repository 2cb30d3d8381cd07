"""What home tells the failover system of its telephones."""

import asyncio
from pathlib import Path
from typing import Any

from harness.inventory import Role
from tests.virtual_bench.emulated import surroundings
from virtual_bench.units.bindings import Binding
from virtual_bench.units.home_system import HomeSystem
from virtual_bench.units.line_messages import RECORDS


class Told:
    """A line that keeps what was sent."""

    up = True

    def __init__(self) -> None:
        self.registered: list[set[str]] = []

    def send(self, kind: str, data: dict[str, Any]) -> None:
        assert kind == RECORDS
        self.registered.append(set(data["registered"]))


def test_a_record_goes_with_its_registration(tmp_path: Path) -> None:
    async def run() -> None:
        system = HomeSystem(surroundings(tmp_path, Role.HOME))
        line = Told()
        system._line = line  # type: ignore[assignment]
        for extension, expires_at in (("301", 180.0), ("302", 500.0)):
            system.bindings.put(Binding(extension, "sip", "10.77.3.101", extension, expires_at, None))
        system.bindings.lapsed(181.0)
        system.bindings.put(Binding("301", "sip", "10.77.3.101", "anew", 400.0, None))
        assert line.registered == [{"301"}, {"301", "302"}, {"302"}, {"301", "302"}]

    asyncio.run(run())
