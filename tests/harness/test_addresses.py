"""What DHCP was asked and served, from events made by hand; all times here are bench seconds at a scale of 30."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.base.interval import Interval, Never
from harness.capture.events import DhcpEvent, DhcpKind, Outcome, Sighting
from harness.inventory import Role
from harness.timeline import (
    answered_by,
    asked_of,
    departures_from,
    first_answer_after_silence,
    latest_grace_start,
    lease_served,
    offer_to,
    offers_to_discovers,
    scope_of,
    strange_numbers,
)
from tests.harness.decoding import inventory
from tests.harness.test_timeline import FAILOVER, HOME, PHONE, attempt, build, epoch

SERVER = {HOME: "10.77.1.10", FAILOVER: "10.77.2.10"}
MAC = inventory().phones[PHONE].mac
AS_HOME = {
    1: bytes([255, 255, 255, 0]),
    3: bytes([10, 77, 3, 1]),
    6: bytes([10, 77, 1, 10]),
    15: b"lab.example",
    242: b"MCIPADD=10.77.1.10",
}
NETMASK = inventory().sites["phones"].subnet.netmask


def answer(
    at: float, kind: DhcpKind, by: Role = FAILOVER, options: Mapping[int, bytes] = AS_HOME, offered: str = "10.77.3.101"
) -> DhcpEvent:
    return DhcpEvent(epoch(at), (), kind, MAC, SERVER[by], 1, offered, "10.77.3.1", SERVER[by], options)


def asked(at: float, point: str, kind: DhcpKind = DhcpKind.DISCOVER) -> DhcpEvent:
    seen = (Sighting(point, 1, epoch(at)),)
    return DhcpEvent(epoch(at), seen, kind, MAC, "10.77.3.1", 1, "", "10.77.3.1", "", {})


def test_only_what_reached_the_port_of_the_system_is_an_occasion() -> None:
    timeline = build(asked(10, "phones"), asked(20, "failover"), asked(30, "home"), asked(200, "failover"))
    assert [moment.event.at for moment in asked_of(timeline, FAILOVER, Interval(0, 100))] == [epoch(20)]


@pytest.mark.parametrize("relayed", [True, False])
def test_an_offer_counts_as_it_is_at_the_port_of_its_server(relayed: bool) -> None:
    """A relay that takes its address out of what it hands on makes no offer without a relay of it."""
    relay = "10.77.3.1" if relayed else ""
    offered = replace(answer(20, DhcpKind.OFFER), relay=relay, sightings=(Sighting("failover", 1, epoch(20)),))
    handed_on = replace(answer(21, DhcpKind.OFFER), relay="", sightings=(Sighting("phones", 1, epoch(21)),))
    timeline, since = build(offered, handed_on), Interval.at(10)
    found = offer_to(timeline, MAC, FAILOVER, since, relayed=relayed)
    assert isinstance(found, Interval)
    assert found.low <= 20 <= found.high
    assert isinstance(offer_to(timeline, MAC, FAILOVER, since, relayed=not relayed), Never)
    assert isinstance(offer_to(timeline, MAC, HOME, since, relayed=relayed), Never)


OF_HOME, OF_FAILOVER = b"MCIPADD=10.77.1.10,10.77.2.10,MCPORT=1719", b"MCIPADD=10.77.2.10,MCPORT=1719"


@pytest.mark.parametrize(
    ("name", "system", "options", "strange"),
    [
        (PHONE, HOME, {242: OF_HOME}, ""),
        ("phone-own", FAILOVER, {176: OF_FAILOVER}, ""),
        ("phone-own", FAILOVER, {176: OF_HOME}, "option 176 names '10.77.1.10' first and not 10.77.2.10"),
        ("phone-own", FAILOVER, {242: OF_HOME}, "the other system's option 242 is there"),
        (PHONE, HOME, {242: OF_HOME, 176: OF_FAILOVER}, "the other system's option 176 is there"),
        (PHONE, HOME, {}, "option 242 names '' first and not 10.77.1.10"),
    ],
)
def test_a_phone_is_told_by_its_own_number_where_it_belongs(
    name: str, system: Role, options: Mapping[int, bytes], strange: str
) -> None:
    timeline = build(answer(20, DhcpKind.ACK, by=HOME, options=options))
    lease = lease_served(timeline, MAC, by=HOME, since=Interval.at(10))
    assert lease is not None
    found = strange_numbers(timeline, inventory().telephones[name], system, lease)
    assert (found[:1] or ("",)) == (strange,)


def test_what_a_server_says_to_another_counts_for_neither() -> None:
    release = asked(10, "failover", DhcpKind.RELEASE)
    assert asked_of(build(release), FAILOVER, Interval(0, 100)) == ()


@pytest.mark.parametrize("kind", [DhcpKind.OFFER, DhcpKind.ACK, DhcpKind.NAK])
def test_every_answer_of_the_system_in_the_window_is_found(kind: DhcpKind) -> None:
    timeline = build(answer(10, kind), answer(20, kind, by=HOME), answer(300, kind))
    found = answered_by(timeline, FAILOVER, Interval(0, 100))
    assert [moment.event.at for moment in found] == [epoch(10)]


def test_a_lease_as_home_gives_it_has_no_departures() -> None:
    timeline = build(answer(10, DhcpKind.ACK))
    scope = scope_of(timeline, inventory().phones[PHONE])
    lease = lease_served(timeline, MAC, FAILOVER, Interval(0, 0))
    assert scope is not None
    assert lease is not None
    assert departures_from(scope, NETMASK, lease) == ()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({15: b"failover.example"}, "option 15 is failover.example and not lab.example"),
        ({3: bytes([10, 77, 2, 1])}, "option 3 is 10.77.2.1 and not 10.77.3.1"),
        ({6: None}, "option 6 is not there and not 10.77.1.10"),
        ({1: bytes([255, 255, 0, 0])}, "option 1 is 255.255.0.0 and not 255.255.255.0"),
        ({242: None, 176: b"MCIPADD=10.77.1.10"}, "there is no site-specific option 242"),
    ],
)
def test_each_departure_is_named(changed: dict[int, bytes | None], told: str) -> None:
    options = {number: value for number, value in {**AS_HOME, **changed}.items() if value is not None}
    assert differences(answer(10, DhcpKind.ACK, options=options)) == (told,)


def test_an_address_of_another_range_is_a_departure() -> None:
    assert differences(answer(10, DhcpKind.ACK, offered="10.77.2.200")) == (
        "the address 10.77.2.200 is not of home's range",
    )


def test_a_domain_may_end_with_a_zero_byte() -> None:
    """As some servers write it."""
    assert differences(answer(10, DhcpKind.ACK, options={**AS_HOME, 15: b"lab.example\0"})) == ()


def differences(event: DhcpEvent) -> tuple[str, ...]:
    timeline = build(event)
    scope = scope_of(timeline, inventory().phones[PHONE])
    lease = lease_served(timeline, MAC, FAILOVER, Interval(0, 0))
    assert scope is not None
    assert lease is not None
    return departures_from(scope, NETMASK, lease)


def test_the_last_grace_begins_with_the_first_return_or_the_phones_own_first_try() -> None:
    timeline = build(
        attempt(650, Outcome.ACCEPTED, HOME, "301"),
        attempt(700, Outcome.REFUSED, HOME, "302"),
        attempt(720, Outcome.ACCEPTED, HOME, "302"),
    )
    everybody = [timeline.registrations("301"), timeline.registrations("302")]
    start = latest_grace_start(Interval(10, 12), everybody)
    assert isinstance(start, Interval)
    assert (start.low, start.high) == pytest.approx((610, 700), abs=0.02)


def test_a_phone_that_asked_early_has_its_grace_from_the_first_return() -> None:
    timeline = build(attempt(100, Outcome.REFUSED, HOME, "301"), attempt(650, Outcome.ACCEPTED, HOME, "301"))
    start = latest_grace_start(Interval(10, 12), [timeline.registrations("301")])
    assert isinstance(start, Interval)
    assert start.high == pytest.approx(650, abs=0.02)


def test_while_one_phone_has_not_tried_home_nobody_knows() -> None:
    timeline = build(attempt(650, Outcome.ACCEPTED, HOME, "301"), attempt(660, Outcome.CONFIRMED, FAILOVER, "302"))
    everybody = [timeline.registrations("301"), timeline.registrations("302")]
    assert latest_grace_start(Interval(10, 12), everybody) == Never(1500)


def test_only_an_offer_to_a_discover_of_the_window_counts() -> None:
    early, late = asked(10, "failover"), replace(asked(100, "failover"), transaction=2)
    renewed = replace(asked(120, "failover", DhcpKind.REQUEST), transaction=3)
    offers = [replace(answer(at, DhcpKind.OFFER), transaction=number) for at, number in ((11, 1), (101, 2), (121, 3))]
    found, offered = offers_to_discovers(build(early, late, renewed, *offers), FAILOVER, Interval(50, 150))
    assert [moment.event.transaction for moment in found] == [2]
    assert [moment.event.transaction for moment in offered] == [2]


def test_a_registrar_that_restarts_answers_until_it_goes_down() -> None:
    timeline = build(
        attempt(95, Outcome.CONFIRMED),
        attempt(102, Outcome.CONFIRMED),
        attempt(150, Outcome.UNANSWERED),
        replace(attempt(160, Outcome.REFUSED), reason="connection refused"),
        attempt(240, Outcome.CHALLENGED),
        attempt(250, Outcome.REFUSED),
    )
    first = first_answer_after_silence(FAILOVER, timeline.registrations(), Interval(100, 101), silent=60)
    assert isinstance(first, Interval)
    assert first.middle == pytest.approx(240, abs=0.02)


def test_a_registrar_that_never_falls_silent_has_not_restarted() -> None:
    timeline = build(*(attempt(at, Outcome.CONFIRMED) for at in range(90, 400, 30)))
    assert first_answer_after_silence(FAILOVER, timeline.registrations(), Interval(100, 101), silent=60) == Never(1500)


def test_without_a_return_there_is_no_grace() -> None:
    timeline = build(attempt(100, Outcome.REFUSED, HOME, "301"))
    assert latest_grace_start(Interval(10, 12), [timeline.registrations("301")]) == Never(1500)


def test_a_bench_that_states_no_scope_has_none() -> None:
    timeline = build()
    bare = replace(timeline, inventory=inventory().model_copy(update={"dhcp_scopes": {}}))
    assert scope_of(bare, inventory().phones[PHONE]) is None
