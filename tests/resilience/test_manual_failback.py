"""Phones under manual failback: they stay, until each is rebooted or logged out."""

import pytest

from fixtures.judging import at_most, cannot_judge, clause, judge, judge_none, not_judged
from harness.base.interval import Interval
from harness.episodes import bounds, manual
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Role, stays_away, stays_put
from harness.timeline import (
    acceptances,
    admission_at,
    confirmations,
    departures,
    last_acceptance,
    next_acceptance,
)
from tests.resilience.due import need_stated_to_move

pytestmark = [pytest.mark.failover, pytest.mark.failback]

HOME, FAILOVER = Role.HOME, Role.FAILOVER


@clause("FB-MANUAL")
def test_phones_under_manual_failback_stay(manual_failback: Recording, phone: Phone, inventory: Inventory) -> None:
    need_stated_to_move(inventory, phone)
    if not stays_away(inventory, phone):
        cannot_judge("manual failback is not for SIP phones")
    visible, own = manual_failback.visible, manual_failback.registrations(phone)
    need_moved(manual_failback, phone)
    window = Interval(visible.low, visible.high + bounds.stays(inventory))
    if manual_failback.watched.high < window.high or touched(manual_failback, inventory, window):
        not_judged("the phones were not left alone for long enough")
    went = acceptances(own.at(HOME).between(window))
    judge_none(
        went,
        occasions=who_returned(manual_failback, inventory, visible),
        occasion="the return of every SIP phone beside it",
        marks=[(visible, "visible"), *((each.decided, "went home") for each in went)],
        window=(window.low, window.high),
    )
    moved = admission_at(FAILOVER, own, since=manual_failback.line.last_sight_of(HOME)).accepted
    end = Interval.at(window.high)
    judge_none(
        departures(manual_failback.turns(phone), FAILOVER, since=moved, until=end),
        occasions=confirmations(own, FAILOVER, since=visible, until=end),
        occasion="its registration confirmed at the failover system after home was visible",
        window=(window.low, window.high),
    )


@clause("FB-MANUAL-REBOOT")
def test_a_phone_that_is_rebooted_goes_home(manual_failback: Recording, inventory: Inventory) -> None:
    name = manual.rebooted(inventory)
    if name is None:
        cannot_judge("no phone that stays hangs on an outlet of this bench")
    phone = inventory.phones[name]
    powered = manual_failback.powered_on(phone, after=manual_failback.visible)
    judge_goes_home(manual_failback, phone, powered, bounds.back_after_power(phone), "power")


@clause("FB-MANUAL-LOGOUT")
def test_a_phone_that_is_logged_out_goes_home(manual_failback: Recording, inventory: Inventory) -> None:
    name = manual.logged_out(inventory)
    if name is None:
        cannot_judge("this bench states no command that logs a phone out, or has but one phone that stays")
    phone = inventory.phones[name]
    done = manual_failback.timeline.stimulus("log_out", name)
    if done is None:
        not_judged("the phone was not at the failover system any more when it was to be logged out")
    judge_goes_home(manual_failback, phone, done.bracket, bounds.back_after_logout(phone), "logged out")


def judge_goes_home(recording: Recording, phone: Phone, done: Interval, within: float, label: str) -> None:
    """The next acceptance anywhere is at home, and in time."""
    need_moved(recording, phone)
    own = recording.registrations(phone)
    accepted, role = next_acceptance(own, since=done)
    marks = [(done, label), (accepted, f"let in by {role}" if role else "never let in")]
    window = (done.low, done.high + within)
    judge(accepted - done, at_most(within), marks=marks, window=window)
    elsewhere = [role] if role is not HOME else []
    # Where it was let in next is known from then on: what comes after that was not asked for.
    known = (done.low, accepted.high) if isinstance(accepted, Interval) else window
    judge_none(elsewhere, occasions=[accepted], occasion="an acceptance anywhere", marks=marks, window=known)


def need_moved(recording: Recording, phone: Phone) -> None:
    """Only a phone whose last acceptance before home became visible is at the failover system can stay there."""
    last = last_acceptance(recording.registrations(phone), until=recording.visible)
    if last is None or last.role is not FAILOVER:
        not_judged(f"{phone.extension} had not moved when home became visible")


def touched(recording: Recording, inventory: Inventory, window: Interval) -> bool:
    """Whether one of the phones was re-powered or logged out within a window."""
    verbs = ("power_off", "power_on", "log_out", "cut")
    done = (each for each in recording.timeline.stimuli if each.verb in verbs and each.target in inventory.phones)
    return any(window.low <= each.bracket.high and each.bracket.low <= window.high for each in done)


def who_returned(recording: Recording, inventory: Inventory, visible: Interval) -> list[Phone]:
    """The phones beside that move and return by themselves, where every one of them has; else nobody."""
    beside = inventory.phones.values()
    alone = [phone for phone in beside if not (stays_put(inventory, phone) or stays_away(inventory, phone))]
    back = [admission_at(HOME, recording.registrations(phone), since=visible).accepted for phone in alone]
    return alone if all(isinstance(each, Interval) for each in back) else []
