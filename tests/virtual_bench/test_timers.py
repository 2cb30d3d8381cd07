"""The timers of the settings file: a telephone is told those of its family, and goes by what it is told."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from sipmessage import Message, Request

from harness.inventory import Model, catalogue
from virtual_bench.phones.behaviour import sip_behaviour
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.settings import Settings, combine, settings_lines
from virtual_bench.phones.sip_phone import SipPhone
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.units.records import User
from virtual_bench.units.settings_file import settings_file

CONTROLLER, PHONE = "127.78.0.1", "127.78.0.2"
SCALE = 60
LISTENS_FOR = 48.0
"""Bench seconds: less than a telephone that goes by what is built in takes to try again."""
BEN = Identity("302", "Ben", "secret", "Avaya 1140E IP Deskphone", "1140", "sip")


def file_for(model: Model) -> str:
    """What the telephone of a user of that model is served."""
    user = User("302", "Ben", model.protocol, "secret", user_agent=model.user_agent, family=model.family)
    return settings_file(model.user_agent, [user], ["10.77.1.10"], "lab.example", pushed=False, manual=False)


@pytest.mark.parametrize("name", [name for name, model in catalogue().items() if model.protocol == "sip"])
def test_what_a_sip_telephone_is_told_is_what_its_family_has_built_in(name: str) -> None:
    built_in = sip_behaviour(catalogue()[name].family)
    timers = combine({}, settings_lines(file_for(catalogue()[name]))).timers
    assert set(timers) == {"register_wait", "answer_within", "recovery_wait"}
    assert replace(built_in, **timers) == built_in


@pytest.mark.parametrize(("name", "told"), [("1140E", "300"), ("J179", "900"), ("9641", None)])
def test_telephones_are_told_their_familys_wait(name: str, told: str | None) -> None:
    assert settings_lines(file_for(catalogue()[name])).get("REGISTERWAIT") == told


@pytest.mark.parametrize(("lines", "asked"), [("SET REGISTERWAIT 420\n", 420), ("", 300)])
def test_a_telephone_asks_for_what_it_is_told_and_else_for_what_is_built_in(lines: str, asked: int) -> None:
    first, *_ = asyncio.run(requests_to_a_silent_controller(told(lines), bool))
    assert first.expires == asked


@pytest.mark.parametrize(
    ("lines", "again"),
    [("SET WAIT_FOR_REGISTRATION_TIMER 4\n", True), ("SET RECOVERYREGISTERWAIT 10\n", True), ("", False)],
)
def test_a_telephone_tries_again_as_soon_as_it_is_told(
    lines: str, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent controller: at the least 4 + 30, 32 + 5, and as built in 32 + 30 bench seconds."""
    monkeypatch.setattr("random.uniform", lambda least, _: least)

    def tried_again(found: list[Request]) -> bool:
        return len({request.call_id for request in found}) > 1

    assert tried_again(asyncio.run(requests_to_a_silent_controller(told(lines), tried_again))) is again


def told(lines: str) -> Settings:
    file = f'SET SIP_CONTROLLER_LIST "{CONTROLLER}:5060;transport=udp"\nSET SIPDOMAIN lab.example\n{lines}'
    return combine({}, settings_lines(file))


async def requests_to_a_silent_controller(settings: Settings, enough: Callable[[list[Request]], bool]) -> list[Request]:
    """What a telephone sends, until that is enough, or for `LISTENS_FOR`."""
    found: list[Request] = []
    done = asyncio.Event()

    class Silent(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _: object) -> None:
            request = Message.parse(data)
            assert isinstance(request, Request)
            found.append(request)
            if enough(found):
                done.set()

    clock = ScaledClock(SCALE)
    controller, _ = await asyncio.get_running_loop().create_datagram_endpoint(Silent, (CONTROLLER, 5060))
    phone = asyncio.create_task(SipPhone(BEN, settings, clock, PHONE).run())
    with suppress(TimeoutError):
        async with asyncio.timeout(clock.real(LISTENS_FOR)):
            await done.wait()
    phone.cancel()
    await asyncio.wait([phone])
    controller.close()
    return found
