"""Whom the failover system lets in, by what home told it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.inventory import Role
from tests.virtual_bench.emulated import surroundings
from virtual_bench.units.admission import Decision
from virtual_bench.units.bindings import Binding
from virtual_bench.units.failover_system import FailoverSystem
from virtual_bench.units.line_messages import RECORDS
from virtual_bench.units.records import Records, User

USERS = {extension: User(extension, "", "sip", "secret") for extension in ("301", "302", "397")}

KINDS = {"325": "base", "327": "handset"}


def records(*registered: str) -> Records:
    return Records(USERS, dict.fromkeys(registered, "sip:10.77.3.101"))


def played(
    folder: Path, play: Callable[[FailoverSystem], None], *defects: str, stated: Mapping[str, str] | None = None
) -> None:
    """A failover system that opens at once when home is away, with what home has told it so far: nothing."""
    overrides = {"virtual.opens_after": "0.001", **(stated or {})}

    async def run() -> None:
        play(FailoverSystem(surroundings(folder, Role.FAILOVER, defects, overrides)))

    asyncio.run(run())


def test_a_user_who_never_registered_at_home_stays_out(tmp_path: Path) -> None:
    def play(system: FailoverSystem) -> None:
        system.line_message(RECORDS, records("301").as_json())
        assert system.decide("301", refresh=False) is Decision.BLOCK
        system.line_down()
        _until_open(system)
        assert system.decide("301", refresh=False) is Decision.ADMIT
        assert system.decide("397", refresh=False) is Decision.UNKNOWN
        assert system.decide("999", refresh=False) is Decision.UNKNOWN

    played(tmp_path, play)


def test_strangers_are_let_in_by_a_defect_but_nobody_that_home_does_not_have(tmp_path: Path) -> None:
    def play(system: FailoverSystem) -> None:
        system.line_message(RECORDS, records("301").as_json())
        assert system.decide("397", refresh=False) is Decision.BLOCK
        system.line_down()
        _until_open(system)
        assert system.decide("397", refresh=False) is Decision.ADMIT
        assert system.decide("999", refresh=False) is Decision.UNKNOWN

    played(tmp_path, play, "lets-strangers-in")


def test_a_phone_that_registers_anew_at_home_is_known_again(tmp_path: Path) -> None:
    def play(system: FailoverSystem) -> None:
        told(system, ("301", "302"), ("302",))
        assert system.decide("301", refresh=False) is Decision.UNKNOWN
        told(system, ("301", "302"))
        assert system.decide("301", refresh=False) is Decision.BLOCK

    played(tmp_path, play)


def test_stale_records_lack_it_until_the_line_comes_up_again(tmp_path: Path) -> None:
    def play(system: FailoverSystem) -> None:
        system.line_up()
        told(system, (), ("301", "302"), ("302",), ("301", "302"))
        assert system.decide("301", refresh=False) is Decision.UNKNOWN
        assert system.decide("302", refresh=False) is Decision.BLOCK
        system.line_down()
        system.line_up()
        told(system, (), ("301",))
        assert system.decide("301", refresh=False) is not Decision.UNKNOWN

    played(tmp_path, play, "stale-records")


@pytest.mark.parametrize(
    ("defects", "counted", "decided"),
    [
        ([], (0, 1, 1), Decision.ADMIT),
        (["guests-take-licences"], (0, 1, 2), Decision.ADMIT),
        (["guests-need-licences"], (0, 1, 1), Decision.BLOCK),
    ],
)
def test_its_own_phones_take_licences_and_guests_none(
    tmp_path: Path, defects: list[str], counted: tuple[int, ...], decided: Decision
) -> None:
    def play(system: FailoverSystem) -> None:
        used = [system.status()["licences_used"]]
        for extension in ("201", "301"):
            system.bindings.put(Binding(extension, "h323", "10.77.3.105", extension, 900.0, None))
            used.append(system.status()["licences_used"])
        assert tuple(used) == counted
        told(system, ("301", "302"))
        system.line_down()
        _until_open(system)
        assert system.decide("302", refresh=False) is decided
        assert system.decide("201", refresh=False) is Decision.ADMIT

    played(tmp_path, play, *defects)


@pytest.mark.parametrize(
    ("resilient", "defects", "decided"),
    [
        ("true", [], Decision.ADMIT),
        ("false", [], Decision.BLOCK),
        ("false", ["serves-portal-anyway"], Decision.ADMIT),
    ],
)
def test_a_portal_without_resilience_serves_none_of_homes_clients(
    tmp_path: Path, resilient: str, defects: list[str], decided: Decision
) -> None:
    def play(system: FailoverSystem) -> None:
        client = replace(USERS["302"], transport="wss")
        system.line_message(RECORDS, replace(records("301", "302"), users=USERS | {"302": client}).as_json())
        system.line_down()
        _until_open(system)
        assert system.decide("301", refresh=False) is Decision.ADMIT
        assert system.decide("302", refresh=False) is decided

    played(tmp_path, play, *defects, stated={"systems.failover.portal.resilient": resilient})


@pytest.mark.parametrize(("defects", "decided"), [([], Decision.ADMIT), (["base-without-handsets"], Decision.BLOCK)])
def test_handsets_are_let_in_like_their_base(tmp_path: Path, defects: list[str], decided: Decision) -> None:
    def play(system: FailoverSystem) -> None:
        users = {extension: User(extension, "", "h323", "secret", kind=kind) for extension, kind in KINDS.items()}
        home = Records(users, dict.fromkeys(KINDS, "h323:10.77.3.101"))
        system.line_message(RECORDS, home.as_json())
        assert {system.decide(extension, refresh=False) for extension in KINDS} == {Decision.BLOCK}
        system.line_down()
        _until_open(system)
        assert system.decide("325", refresh=False) is Decision.ADMIT
        assert system.decide("327", refresh=False) is decided

    played(tmp_path, play, *defects)


def told(system: FailoverSystem, *registered: tuple[str, ...]) -> None:
    """What home tells, one message after another."""
    for each in registered:
        system.line_message(RECORDS, records(*each).as_json())


def _until_open(system: FailoverSystem) -> None:
    while not system._policy.open:
        system._policy.advance(system._clock.now())
