"""Paths that were blocked and the grace of phones, from events made by hand; bench seconds at a scale of 30."""

from dataclasses import replace

import pytest

from harness.base.interval import Interval, Never
from harness.capture.events import Outcome, RegistrationAttempt, Sighting, SystemNotice
from harness.inventory import Protocol, Role
from harness.timeline import (
    Timeline,
    grace_start,
    in_last_fifth,
    latest_grace_start,
    leaked,
    seen_at_own_port,
)
from harness.timeline.stimuli import path_name
from tests.harness.test_timeline import FAILOVER, HOME, attempt, build, epoch, stimulus

VISIBLE = Interval(600.0, 602.0)
GOES_FIRST = attempt(1215, Outcome.ACCEPTED, HOME, "302", expires=180)


def tried(at: float, role: Role = HOME, points: tuple[str, ...] = ("phones",)) -> RegistrationAttempt:
    """A try of phone-J179 that nobody answered, seen at these capture points."""
    sightings = tuple(Sighting(point, 1, epoch(at)) for point in points)
    return replace(attempt(at, Outcome.UNHEARD, role), sightings=sightings)


def start_of(timeline: Timeline) -> object:
    everybody = [timeline.registrations(name) for name in ("phone-J179", "phone-1140E")]
    return grace_start(VISIBLE, everybody, everybody[0], timeline.turns("phone-J179"))


@pytest.mark.parametrize(
    ("signs", "latest"),
    [
        ((tried(700), tried(1300)), 1215),
        ((tried(1230),), 1230),
        ((SystemNotice(epoch(1220), (), Protocol.SIP, "301", "10.77.3.101", FAILOVER, "NOTIFY"), tried(1250)), 1220),
    ],
    ids=["tries all the while", "tries later", "was withdrawn"],
)
def test_a_grace_begins_with_the_first_return_or_ones_own_first_sign_of_going(
    signs: tuple[RegistrationAttempt | SystemNotice, ...], latest: float
) -> None:
    start = start_of(build(GOES_FIRST, *signs))
    assert isinstance(start, Interval)
    assert start.low == VISIBLE.low + 600
    assert start.high == pytest.approx(latest, abs=0.02)


@pytest.mark.parametrize("events", [(tried(700),), (GOES_FIRST,), (GOES_FIRST, tried(601))])
def test_without_a_return_or_a_sign_there_is_no_grace(events: tuple[RegistrationAttempt, ...]) -> None:
    assert start_of(build(*events)) == Never(1500)


def test_the_latest_grace_is_that_of_the_last_to_try() -> None:
    timeline = build(GOES_FIRST, tried(1230))
    names = ["phone-J179", "phone-1140E"]
    start = latest_grace_start(VISIBLE, [timeline.registrations(name) for name in names])
    assert isinstance(start, Interval)
    assert start.high == pytest.approx(1230, abs=0.02)
    assert latest_grace_start(VISIBLE, [timeline.registrations(name) for name in (*names, "phone-1608")]) == Never(1500)


@pytest.mark.parametrize(("times", "there"), [((60, 90), True), ((60, 79), False), ((101,), False), ((), False)])
def test_an_attempt_in_the_last_fifth(times: tuple[float, ...], there: bool) -> None:
    attempts = build(*(attempt(at, Outcome.CONFIRMED) for at in times)).registrations("phone-J179")
    found = in_last_fifth(attempts, Interval(0, 100))
    assert len(found) == (len(times) if there else 0)


def blocked(*events: RegistrationAttempt, until: float | None = 500) -> Timeline:
    target = path_name("phone-J179", HOME)
    other = stimulus("block", path_name("phone-1608", FAILOVER), 90, 91)
    stimuli = [stimulus("block", target, 100, 101), other]
    stimuli += [] if until is None else [stimulus("unblock", target, until, until + 1)]
    return build(*events, stimuli=tuple(stimuli))


def test_a_path_was_blocked_between_two_stimuli() -> None:
    (block,) = blocked().blocks(HOME)
    assert (block.phone, block.role) == ("phone-J179", HOME)
    assert (block.surely.low, block.surely.high) == pytest.approx((101, 500))
    (block,) = blocked(until=None).blocks(HOME)
    assert block.opened == Never(1500)
    assert (block.surely.low, block.surely.high) == pytest.approx((101, 1500))


def test_a_request_that_got_through_is_a_leak() -> None:
    through = tried(300, points=("phones", "home"))
    before, after = tried(100, points=("phones", "home")), tried(501, points=("phones", "home"))
    timeline = blocked(before, tried(200), through, tried(300, FAILOVER, ("phones", "failover")), after)
    (block,) = timeline.blocks(HOME)
    assert [each.event for each in leaked(timeline, block)] == [through]
    assert leaked(blocked(before, tried(200), after), block) == ()


def test_what_a_phone_was_seen_to_send() -> None:
    timeline = build(tried(200), tried(300, points=("home",)))
    seen = seen_at_own_port(timeline, "phone-J179", timeline.registrations("phone-J179"))
    assert [each.asked.middle for each in seen] == pytest.approx([200], abs=0.02)
