import asyncio
import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import ConfigurationFault
from harness.inventory import Role, find_bench
from tests.virtual_bench.emulated import free_port
from virtual_bench.certificates import make_certificates
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.tls import client_context, server_context
from virtual_bench.truth import TruthLog
from virtual_bench.units.line import Line
from virtual_bench.units.line_messages import PADDED_TO, RECORD, keepalive, padded, read

HERE = "127.0.0.1"


@pytest.mark.parametrize(("masked", "frame"), [(False, 2), (True, 6)])
def test_a_keepalive_has_the_stated_size_on_the_wire(masked: bool, frame: int) -> None:
    assert len(keepalive(150, masked=masked)) + frame + RECORD == 150


def test_a_size_that_no_keepalive_can_have_is_refused() -> None:
    with pytest.raises(ConfigurationFault, match="cannot have 500 bytes"):
        keepalive(500, masked=False)


@given(st.text(max_size=2000))
def test_no_other_message_is_as_short_as_a_keepalive(text: str) -> None:
    message = padded("records", {"text": text})
    assert len(message) % PADDED_TO == 0
    assert read(message) == ("records", {"text": text})


class Heard:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def line_up(self) -> None:
        self.heard.append("up")

    def line_down(self) -> None:
        self.heard.append("down")

    def line_message(self, kind: str, data: dict[str, Any]) -> None:
        self.heard.append(f"{kind}{json.dumps(data) if data else ''}")


def test_the_line_over_tls_from_end_to_end(tmp_path: Path) -> None:
    found = find_bench("virtual")
    inventory = found.inventory
    home = inventory.systems[Role.HOME].model_copy(update={"address": IPv4Address(HERE)})
    systems = {Role.HOME: home, Role.FAILOVER: inventory.systems[Role.FAILOVER]}
    bench = replace(found, state=tmp_path, inventory=inventory.model_copy(update={"systems": systems}))
    make_certificates(tmp_path, bench.inventory)

    async def run() -> tuple[Heard, Heard]:
        clock, listeners = ScaledClock(600), (Heard(), Heard())
        ends = [
            Line(clock, TruthLog(tmp_path, name), listener, 30, 150, connects=connects)
            for name, listener, connects in zip(("home", "failover"), listeners, (False, True), strict=True)
        ]
        port = free_port()
        await ends[0].listen(HERE, port, server_context(bench, Role.HOME))
        connecting = asyncio.create_task(ends[1].keep_connected(HERE, port, client_context(bench, Role.FAILOVER)))
        await _until(lambda: "up" in listeners[1].heard)
        ends[0].send("records", {"a": 1})
        await clock.sleep(65)
        ends[0].abort()
        await _until(lambda: "down" in listeners[1].heard)
        await _until(lambda: listeners[1].heard.count("up") == 2)
        connecting.cancel()
        return listeners

    home_heard, failover_heard = asyncio.run(run())
    assert failover_heard.heard[:3] == ["up", "keepalive", 'records{"a": 1}']
    assert failover_heard.heard[: failover_heard.heard.index("down")].count("keepalive") == 3
    assert home_heard.heard[:2] == ["up", "keepalive"]


async def _until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def test_the_failover_system_refuses_a_home_of_another_ca(tmp_path: Path) -> None:
    bench = find_bench("virtual")
    one, two = (replace(bench, state=tmp_path / folder) for folder in ("one", "two"))
    for each in (one, two):
        make_certificates(each.state, each.inventory)
    ours, theirs = client_context(one, Role.FAILOVER), server_context(two, Role.HOME)

    async def run() -> None:
        clock, heard = ScaledClock(600), Heard()
        end = Line(clock, TruthLog(tmp_path, "home"), heard, 30, 150, connects=False)
        port = free_port()
        await end.listen(HERE, port, theirs)
        other = Line(clock, TruthLog(tmp_path, "failover"), heard, 30, 150, connects=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await other.keep_connected(HERE, port, ours)
        assert heard.heard == []

    asyncio.run(run())
