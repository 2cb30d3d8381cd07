"""Timelines and measurements, from events made by hand; all times here are bench seconds at a scale of 30."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import HarnessFault
from harness.base.interval import Interval, Never
from harness.base.stimulus import LICENCES_USED, Guise, Stimulus
from harness.base.units import BenchSeconds, EpochSeconds
from harness.capture.events import (
    DhcpEvent,
    DhcpKind,
    Event,
    LineEvent,
    LineKind,
    Outcome,
    RegistrationAttempt,
    SystemNotice,
)
from harness.inventory import Protocol, Role
from harness.timeline import (
    Change,
    Power,
    Presence,
    Timeline,
    acceptances,
    address_served,
    admission_at,
    confirmations,
    controlled,
    departures,
    first_acceptance,
    in_each_third,
    just_before,
    last_acceptance,
    last_at,
    licence_counts,
    new_at,
    next_acceptance,
    normal_operation,
    occasions_before,
    registered_at,
    thirds,
    tries,
    turned_down,
)
from tests.harness.decoding import inventory

BEGAN, SCALE = 1_000_000.0, 30.0
HOME, FAILOVER = Role.HOME, Role.FAILOVER
PHONE = "phone-J179"
COUNTS = ((2, "failover"), (10, "failover"), (15, "home"), (20, "failover"), (30.5, "failover"))


def epoch(bench: float) -> EpochSeconds:
    return EpochSeconds(BEGAN + bench / SCALE)


def attempt(
    at: float, outcome: Outcome, role: Role = FAILOVER, extension: str = "301", expires: float | None = None
) -> RegistrationAttempt:
    granted = None if expires is None else BenchSeconds(expires)
    return RegistrationAttempt(
        epoch(at), (), Protocol.SIP, extension, "10.77.3.101", role, epoch(at), epoch(at), outcome, expires=granted
    )


def keepalive(at: float, kind: LineKind = LineKind.KEEPALIVE, reached: bool = True) -> LineEvent:
    return LineEvent(epoch(at), (), HOME, kind, 150, reached)


def stimulus(verb: str, target: str, low: float, high: float) -> Stimulus:
    return Stimulus(verb, target, epoch(low), epoch(high))


def build(*events: Event, stimuli: tuple[Stimulus, ...] = (), end: float = 1500) -> Timeline:
    return Timeline.build(inventory(), events, stimuli, EpochSeconds(BEGAN), epoch(end))


def about(value: object, expected: float) -> bool:
    return isinstance(value, Interval) and value.low - 0.02 <= expected <= value.high + 0.02


NIGHT = (
    attempt(5, Outcome.ACCEPTED, HOME, expires=180),
    *(attempt(at, Outcome.CONFIRMED, HOME, expires=180) for at in (95,)),
    *(keepalive(at) for at in range(10, 131, 30)),
    keepalive(131, LineKind.PAYLOAD),
    *(attempt(at, Outcome.REFUSED) for at in (140, 200, 260, 305)),
    attempt(320, Outcome.ACCEPTED, expires=180),
    *(attempt(at, Outcome.CONFIRMED, expires=180) for at in range(410, 1200, 90)),
    keepalive(600, LineKind.PAYLOAD),
    *(keepalive(at) for at in range(602, 1500, 30)),
    attempt(1210, Outcome.ACCEPTED, HOME, expires=180),
    SystemNotice(epoch(1212), (), Protocol.SIP, "301", "10.77.3.101", FAILOVER, "NOTIFY reg terminated"),
    *(attempt(at, Outcome.CONFIRMED, HOME, expires=180) for at in (1300, 1390, 1480)),
)
CUT = stimulus("cut", "home", 132, 133)


@pytest.fixture
def night() -> Timeline:
    return build(*NIGHT, stimuli=(CUT,))


def test_lost_is_from_the_last_keepalive_to_the_last_payload(night: Timeline) -> None:
    lost = night.line.last_sight_of(HOME)
    assert (lost.low, lost.high) == pytest.approx((130, 131), abs=0.02)
    visible = night.line.first_sight_of(HOME)
    assert isinstance(visible, Interval)
    assert (visible.low, visible.high) == pytest.approx((600, 602), abs=0.02)
    assert len(night.line.outages(HOME)) == 1
    before = night.line.last_sight_of(HOME, before=Interval.at(100.5))
    assert before.middle == pytest.approx(100)


def test_the_stimulus_stands_in_where_the_wire_shows_nothing() -> None:
    assert build(stimuli=(CUT,)).line.last_sight_of(HOME).low == pytest.approx(132)
    with pytest.raises(HarnessFault, match="neither the line nor a stimulus"):
        build().line.last_sight_of(HOME)
    assert build(keepalive(1), stimuli=(CUT,)).line.first_sight_of(HOME) == Never(1500)


def test_packets_that_did_not_arrive_are_no_sight() -> None:
    timeline = build(*(keepalive(at, reached=at < 100) for at in range(10, 1000, 30)))
    assert timeline.line.last_sight_of(HOME).middle == pytest.approx(70)


def test_admission(night: Timeline) -> None:
    lost = night.line.last_sight_of(HOME)
    admission = admission_at(FAILOVER, night.registrations(PHONE), since=lost)
    assert about(admission.accepted, 320)
    assert admission.last_refusal is not None
    assert about(admission.last_refusal.decided, 305)
    assert len(admission.attempts) == 5
    delay = admission.accepted - lost
    assert isinstance(delay, Interval)
    assert (delay.low, delay.high) == pytest.approx((189, 190), abs=0.05)


def test_never_let_in(night: Timeline) -> None:
    admission = admission_at(FAILOVER, night.registrations("304"), since=Interval.at(130))
    assert admission.accepted == Never(1500)
    assert admission.attempts == ()


def test_occasions_need_each_third_the_last_seconds_and_the_control(night: Timeline) -> None:
    lost = night.line.last_sight_of(HOME)
    found = night.registrations(PHONE)
    assert len(occasions_before(FAILOVER, found, lost, 180)) == 4
    for missing in (140, 200, 305):
        events = [event for event in NIGHT if abs(event.at - epoch(missing)) > 1e-3]
        assert occasions_before(FAILOVER, build(*events).registrations(PHONE), lost, 180) == ()
    never_let_in = [event for event in NIGHT if event.at < epoch(320) or isinstance(event, LineEvent)]
    assert occasions_before(FAILOVER, build(*never_let_in).registrations(PHONE), lost, 180) == ()


def test_departures_and_confirmations(night: Timeline) -> None:
    registrations, turns = night.registrations(PHONE), night.turns(PHONE)
    accepted = admission_at(FAILOVER, registrations, since=Interval.at(130)).accepted
    assert departures(turns, FAILOVER, accepted, Interval.at(600)) == ()
    assert len(confirmations(registrations, FAILOVER, accepted, Interval.at(600))) == 3
    assert [turn.change for turn in departures(turns, FAILOVER, accepted, Never(1500))] == [Change.NOTIFIED]
    assert departures(turns, FAILOVER, Never(1500), Interval.at(600)) == ()


def test_the_lane_of_a_night(night: Timeline) -> None:
    lane = night.phone_lane(PHONE)
    assert [span.state for span in lane.spans] == [
        Presence.UNKNOWN,
        Presence.HOME,
        Presence.NONE,
        Presence.FAILOVER,
        Presence.HOME,
    ]
    assert about(lane.spans[2].begin, 95 + 180)  # lapsed at home
    assert lane.at(1000) is Presence.FAILOVER


def test_new_at_a_system_is_who_comes_after_it_was_forgotten_there() -> None:
    known = [attempt(at, Outcome.CONFIRMED, HOME, expires=180) for at in (10, 100)]
    forgotten = attempt(300, Outcome.ACCEPTED, HOME, expires=180)
    in_time = attempt(270, Outcome.ACCEPTED, HOME, expires=180)
    elsewhere = attempt(290, Outcome.ACCEPTED, FAILOVER, expires=180)

    def new(*events: Event, until: float = 900) -> Interval | None:
        return new_at(HOME, build(*known, *events).turns(PHONE), until=Interval.at(until))

    assert about(new(forgotten, attempt(390, Outcome.CONFIRMED, HOME, expires=180)), 300)
    assert about(new(elsewhere, forgotten), 300)
    assert new(forgotten, until=290) is None
    assert new(in_time) is None
    assert new() is None


def test_a_refresh_in_time_is_no_lapse_and_the_end_of_the_recording_neither() -> None:
    events = [attempt(0, Outcome.ACCEPTED, expires=180), attempt(180.5, Outcome.CONFIRMED, expires=180)]
    assert departures(build(*events, end=300).turns("301"), FAILOVER, Interval.at(0.1), Never(300)) == ()
    late = [events[0], replace(events[1], at=epoch(182), answered_at=epoch(182))]
    assert [
        turn.change for turn in departures(build(*late, end=300).turns("301"), FAILOVER, Interval.at(0.1), Never(300))
    ] == [Change.LAPSED]


def test_where_a_phone_was_let_in_last_and_next(night: Timeline) -> None:
    registrations = night.registrations(PHONE)
    last = last_acceptance(registrations, until=Interval.at(600))
    assert last is not None
    assert last.role is FAILOVER
    at, role = next_acceptance(registrations, since=Interval.at(601))
    assert about(at, 1210)
    assert role is HOME
    assert next_acceptance(registrations, since=Interval.at(1300)) == (Never(1500), None)
    assert about(registered_at(HOME, registrations, since=Interval.at(1250)), 1300)
    assert about(last_at(HOME, [registrations, night.registrations("301")], since=Interval.at(601)), 1210)
    assert isinstance(last_at(HOME, [registrations, night.registrations("304")], since=Interval.at(601)), Never)


def test_normal_operation_ends_where_home_is_lost(night: Timeline) -> None:
    window = normal_operation(night)
    assert window is not None
    assert (window.low, window.high) == pytest.approx((0, 130), abs=0.02)
    late = build(*(event for event in NIGHT if event.at > epoch(65) or not isinstance(event, LineEvent)))
    window = normal_operation(late)
    assert window is not None
    assert window.low == pytest.approx(70, abs=0.02)


def test_only_what_the_system_decided_on_is_a_try() -> None:
    outcomes = list(Outcome)
    events = [attempt(number, outcome) for number, outcome in enumerate(outcomes)]
    events += [replace(attempt(50, Outcome.REFUSED), withdrawing=True), attempt(60, Outcome.ACCEPTED)]
    timeline = build(*events)
    found = tries(FAILOVER, timeline.registrations(), Interval(0, 55))
    assert {each.outcome for each in found} == {Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNANSWERED}
    assert len(found) == 3
    assert len(acceptances(found)) == 1
    assert len(controlled(found, timeline.registrations())) == 2


def test_a_wrong_password_is_told_from_a_right_one_by_when_it_was_given() -> None:
    events = [attempt(at, Outcome.REFUSED, extension="391") for at in (10, 20, 30)]
    wrong = stimulus(Guise.WRONG_PASSWORD, "sip at failover", 19.8, 20.2)
    elsewhere = stimulus(Guise.WRONG_PASSWORD, "sip at home", 29.8, 30.2)
    timeline = build(*events, attempt(20, Outcome.REFUSED), stimuli=(wrong, elsewhere))
    assert [round(each.decided.middle) for each in timeline.registrations("sip")] == [10, 30]
    assert [round(each.decided.middle) for each in timeline.wrong_passwords(Protocol.SIP)] == [20]
    assert len(timeline.registrations(PHONE)) == 1
    assert len(timeline.registrations()) == 3


def test_a_second_challenge_turns_away_and_a_first_one_or_silence_does_not() -> None:
    events = [attempt(number, outcome) for number, outcome in enumerate(Outcome)]
    events += [replace(attempt(50, Outcome.CHALLENGED), requests=2)]
    found = turned_down(build(*events).registrations())
    assert [each.outcome for each in found] == [Outcome.REFUSED, Outcome.CHALLENGED]
    assert found[1].event.requests == 2


def test_licences_are_counted_within_a_window() -> None:
    counts = [Stimulus(LICENCES_USED, system, epoch(at), epoch(at + 1), "3") for at, system in COUNTS]
    found = licence_counts(build(stimuli=tuple(counts)).stimuli, "failover", Interval(5, 31))
    assert [(round(each.at.low), each.used) for each in found] == [(10, 3), (20, 3)]


def test_the_first_of_several_to_be_let_in() -> None:
    events = [attempt(10, Outcome.ACCEPTED, extension="304"), attempt(40, Outcome.ACCEPTED)]
    timeline = build(*events, attempt(30, Outcome.ACCEPTED, extension="302"))
    everybody = [timeline.registrations(extension) for extension in ("301", "302", "303", "304")]
    assert about(first_acceptance(FAILOVER, everybody, Interval.at(20)), 30)
    assert first_acceptance(FAILOVER, everybody[2:3], Interval.at(20)) == Never(1500)


def test_the_first_sip_success_after_a_restart_is_an_acceptance() -> None:
    events = [attempt(at, Outcome.CONFIRMED, HOME) for at in (10, 100, 200)]
    timeline = build(*events, stimuli=(stimulus("reboot", "home", 120, 121),))
    assert [each.outcome for each in timeline.registrations("301")] == [
        Outcome.CONFIRMED,
        Outcome.CONFIRMED,
        Outcome.ACCEPTED,
    ]
    timeline = build(*events, stimuli=(stimulus("power_off", PHONE, 120, 121), stimulus("power_on", PHONE, 131, 132)))
    assert timeline.registrations(PHONE)[2].outcome is Outcome.ACCEPTED


def test_power_and_dhcp() -> None:
    mac = inventory().phones[PHONE].mac
    ack = DhcpEvent(epoch(90), (), DhcpKind.ACK, mac, "10.77.2.10", 1, "10.77.3.101", "", "10.77.2.10", {})
    timeline = build(ack, stimuli=(stimulus("power_off", PHONE, 10, 11), stimulus("power_on", PHONE, 30, 31)))
    assert [span.state for span in timeline.power_lane(PHONE).spans] == [Power.UNKNOWN, Power.OFF, Power.ON]
    powered = timeline.stimulus("power_on", PHONE)
    assert powered is not None
    assert about(address_served(timeline, mac, FAILOVER, powered.bracket), 90)
    assert address_served(timeline, mac, HOME, powered.bracket) == Never(1500)
    assert timeline.stimulus("power_on", PHONE, after=powered.bracket) is None


def test_names_extensions_and_probes_find_the_same_attempts() -> None:
    timeline = build(attempt(1, Outcome.REFUSED), attempt(2, Outcome.REFUSED, extension="391"))
    assert list(timeline.registrations(PHONE)) == list(timeline.registrations("301"))
    assert len(timeline.registrations("sip")) == 1
    assert len(timeline.registrations()) == 2


@given(st.lists(st.floats(0, 180), max_size=30))
def test_thirds_hold_every_attempt_once(times: list[float]) -> None:
    timeline = build(*(attempt(at, Outcome.REFUSED) for at in times))
    window = Interval(-1, 181)
    parts = thirds(timeline.registrations(), window)
    assert sum(map(len, parts)) == len(times)
    assert bool(in_each_third(timeline.registrations(), window)) == all(parts)
    assert len(just_before(timeline.registrations(), 180.5, within=200)) == len(times)


@given(
    st.lists(
        st.tuples(st.floats(0, 1400), st.sampled_from(list(Outcome)), st.sampled_from(list(Role)), st.floats(1, 300)),
        max_size=25,
    )
)
def test_a_lane_has_no_gaps_and_no_repeated_state(steps: list[tuple[float, Outcome, Role, float]]) -> None:
    events = [attempt(at, outcome, role, expires=expires) for at, outcome, role, expires in steps]
    spans = build(*events).phone_lane(PHONE).spans
    assert spans[0].begin == Interval.at(0)
    assert spans[-1].end == Interval.at(1500)
    for earlier, later in pairwise(spans):
        assert earlier.end == later.begin
        assert earlier.state is not later.state


@given(st.lists(st.integers(0, 700), min_size=1, max_size=30, unique=True))
def test_outages_are_the_long_silences(times: list[int]) -> None:
    times = sorted(times)
    found = build(*(keepalive(at) for at in times)).line.outages(HOME)
    gaps = [later - earlier for earlier, later in zip(times, [*times[1:], 1500], strict=True)]
    assert len(found) == sum(gap - 0.03 > 60 for gap in gaps)


def watched(until: float, *events: Event) -> Timeline:
    return Timeline.build(inventory(), events, (), EpochSeconds(BEGAN), epoch(1500), watched_until=epoch(until))


def test_a_line_that_nobody_watches_any_more_is_not_silent() -> None:
    seen = [keepalive(at) for at in (20, 40, 60, 80)]
    assert [len(watched(until, *seen).line.outages(HOME)) for until in (139, 142, 9999)] == [0, 1, 1]


def test_what_nobody_watched_for_any_more_has_not_never_happened() -> None:
    night = watched(900, attempt(100, Outcome.REFUSED))
    assert night.end == 1500
    measured = registered_at(FAILOVER, night.registrations(PHONE), Interval.at(50))
    assert isinstance(measured, Never)
    assert measured.until == pytest.approx(900)
