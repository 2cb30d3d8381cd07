"""When phones move to the failover system, and when they must not."""

import pytest

from fixtures.judging import at_least, at_most, clause, judge, judge_between, judge_none, not_judged
from harness.base.interval import Interval, Never
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Protocol, Role
from harness.timeline import (
    acceptances,
    admission_at,
    confirmations,
    controlled,
    departures,
    in_each_third,
    occasions_before,
    registered_at,
    tries,
)

pytestmark = pytest.mark.failover

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("REG-BLOCK")
def test_the_failover_system_blocks_homes_phones_in_normal_operation(home_lost: Recording, protocol: Protocol) -> None:
    probe = home_lost.registrations(protocol)
    registered = admission_at(HOME, probe, since=home_lost.whole).accepted
    if isinstance(registered, Never):
        not_judged("the probe was never registered at home")
    blocked = Interval(registered.high, home_lost.normal.high)
    tried = tries(FAILOVER, probe, blocked)
    judge_none(
        acceptances(tried),
        occasions=in_each_third(controlled(tried, probe), blocked),
        occasion="a refusal in each third of normal operation, the requester being let in later",
        marks=[(registered, "at home"), *((attempt.decided, str(attempt.outcome)) for attempt in tried)],
        window=(blocked.low, blocked.high),
    )


@clause("FO-DELAY")
def test_no_phone_is_let_in_before_three_minutes(home_lost: Recording, phone: Phone) -> None:
    lost = home_lost.line.last_sight_of(HOME)
    admission = admission_at(FAILOVER, home_lost.registrations(phone), since=lost)
    either = home_lost.registrations(phone, phone.protocol)
    judge(
        admission.accepted - lost,
        at_least(bounds.FAILOVER_DELAY),
        tried=occasions_before(FAILOVER, either, lost, bounds.FAILOVER_DELAY),
        occasion="a refusal in each third of the 3 minutes and their last 15 s, of the phone or the probe",
        marks=[(lost, "lost"), (admission.accepted, "let in")],
        window=(lost.low, lost.high + bounds.FAILOVER_DELAY),
    )


@clause("FO-DELAY")
def test_the_probe_is_not_let_in_before_three_minutes(home_lost: Recording, protocol: Protocol) -> None:
    lost = home_lost.line.last_sight_of(HOME)
    probe = home_lost.registrations(protocol)
    admission = admission_at(FAILOVER, probe, since=lost)
    judge(
        admission.accepted - lost,
        at_least(bounds.FAILOVER_DELAY),
        tried=occasions_before(FAILOVER, probe, lost, bounds.FAILOVER_DELAY),
        occasion="a refusal in each third of the 3 minutes and in their last 15 s, the probe being let in later",
        marks=[(lost, "lost"), (admission.accepted, "let in")],
        window=(lost.low, lost.high + bounds.FAILOVER_DELAY),
    )


@clause("FO-ALLOW")
def test_each_phone_moves_by_itself_and_stays(home_lost: Recording, phone: Phone, inventory: Inventory) -> None:
    lost = home_lost.line.last_sight_of(HOME)
    visible = home_lost.visible
    own = home_lost.registrations(phone)
    accepted = admission_at(FAILOVER, own, since=lost).accepted
    latest = bounds.moves_by(inventory, phone)
    judge(
        accepted - lost,
        at_most(latest),
        marks=[(lost, "lost"), (accepted, "moved")],
        window=(lost.low, lost.high + latest),
    )
    judge_none(
        departures(home_lost.turns(phone), FAILOVER, since=accepted, until=visible),
        occasions=confirmations(own, FAILOVER, since=accepted, until=visible),
        occasion="its registration confirmed at the failover system before home was visible again",
    )


@clause("FO-SHORT")
def test_a_short_outage_invokes_nothing(home_rebooted: Recording, inventory: Inventory) -> None:
    lost = home_rebooted.line.last_sight_of(HOME)
    visible = home_rebooted.visible
    judge_between(visible - lost, *bounds.SHORT_OUTAGE, what="the outage")
    phones = home_rebooted.registrations(*inventory.phones.values())
    judge_none(
        acceptances(phones.at(FAILOVER)),
        occasions=tries(FAILOVER, home_rebooted.registrations(), home_rebooted.whole),
        occasion="an attempt of a phone or the probe at the failover system",
        marks=[(lost, "lost"), (visible, "visible")],
    )
    for phone in inventory.phones.values():
        back = registered_at(HOME, home_rebooted.registrations(phone), since=Interval.at(visible.low))
        judge(back - visible, at_most(bounds.back_after_short_outage(phone)), marks=[(back, phone.extension)])
