"""Criteria that several clauses share: moving, not too early, or not at all; returning, not too early."""

from typing import NoReturn

from fixtures.judging import at_least, at_most, cannot_judge, judge, judge_none, more_than, not_judged, note
from harness.base.interval import Interval, Measured, Never
from harness.capture.events import Outcome
from harness.episodes import bounds
from harness.episodes.recording import Recording
from harness.inventory import Inventory, Phone, Protocol, Role
from harness.timeline import (
    Attempt,
    Registrations,
    acceptances,
    admission_at,
    confirmations,
    departures,
    last_acceptance,
    not_due_to_move,
    occasions_before,
    seen_at_own_port,
    tries,
    vouched,
)
from tests.resilience.due import need_stated_to_move, need_stated_to_return

HOME, FAILOVER = Role.HOME, Role.FAILOVER


def judge_delay(recording: Recording, own: Registrations, tried_by: Registrations) -> None:
    """It was let in no earlier than 3 minutes after the loss, while it or its protocol's probe kept trying."""
    lost = recording.line.last_sight_of(HOME)
    accepted = admission_at(FAILOVER, own, since=lost).accepted
    judge(
        accepted - lost,
        at_least(bounds.FAILOVER_DELAY),
        tried=occasions_before(FAILOVER, tried_by, lost, bounds.FAILOVER_DELAY),
        occasion="a refusal in each third of the 3 minutes and in their last 15 s, the requester being let in later",
        marks=[(lost, "lost"), (accepted, "let in")],
        window=(lost.low, lost.high + bounds.FAILOVER_DELAY),
    )


def judge_delay_of(recording: Recording, phone: Phone) -> None:
    """The same for a phone."""
    need_stated_to_move(recording.inventory, phone)
    own = recording.registrations(phone)
    if phone.base:
        only_report(admission_at(FAILOVER, own, since=recording.line.last_sight_of(HOME)).accepted)
    judge_delay(recording, own, tried_by=recording.registrations(phone, phone.protocol))


def judge_move(recording: Recording, phone: Phone, inventory: Inventory, stays_until: Interval | None = None) -> None:
    """The phone moved in time, and its registration neither lapsed nor was withdrawn until home was visible.

    `stays_until`: or until then, where something was done to the phone.
    """
    need_stated_to_move(recording.inventory, phone)
    lost, visible = recording.line.last_sight_of(HOME), recording.visible
    own = recording.registrations(phone)
    if reason := not_due_to_move(recording.timeline, own, lost):
        not_judged(f"the phone was not due to move: {reason}")
    accepted = admission_at(FAILOVER, own, since=lost).accepted
    since, latest = last_moment_to_move(recording, phone, inventory)
    judge(
        accepted - since,
        at_most(latest),
        marks=[(lost, "lost"), (accepted, f"{phone.extension} moved")],
        window=(lost.low, since.high + latest),
    )
    until = stays_until or visible
    judge_none(
        departures(recording.turns(phone), FAILOVER, since=accepted, until=until),
        occasions=confirmations(own, FAILOVER, since=accepted, until=until),
        occasion="its registration confirmed at the failover system while home was away and it was left in peace",
        window=(lost.low, until.high),
    )


def judge_stays(recording: Recording, phone: Phone, inventory: Inventory) -> None:
    """The failover system does not let the phone in, although it tried when others were let in."""
    lost, visible = recording.line.last_sight_of(HOME), recording.visible
    own = recording.registrations(phone)
    tried = tries(FAILOVER, own, Interval(lost.low, visible.high))
    judge_none(
        acceptances(tried),
        occasions=tried_in_vain(recording, phone, inventory, open_to(recording, *inventory.phones.values())),
        occasion="a try of the phone when the failover system let others in, the phone being known at home",
        marks=[(lost, "lost"), (visible, "visible"), *((each.decided, str(each.outcome)) for each in tried)],
        window=(lost.low, visible.high),
    )


def open_to(recording: Recording, *who: Phone | Protocol) -> Interval:
    """While the failover system was seen to let any of these in: from the first one on, until home was visible."""
    lost, visible = recording.line.last_sight_of(HOME), recording.visible
    first = admission_at(FAILOVER, recording.registrations(*who), since=lost).accepted
    if not isinstance(first, Interval) or first.high >= visible.low:
        not_judged("the failover system let nobody in")
    return Interval(first.high, visible.low)


def tried_in_vain(recording: Recording, phone: Phone, inventory: Inventory, window: Interval) -> tuple[Attempt, ...]:
    """Its tries at the failover system; one that can know no address of that is seen to try at home, which is gone."""
    own = recording.registrations(phone)
    if phone.ip == 4 or inventory.systems[FAILOVER].ipv6 is not None:
        return vouched(tries(FAILOVER, own, window), own)
    known = any(each.is_success for each in own)
    asked = [each for each in own.at(HOME).between(window) if each.outcome is Outcome.UNHEARD]
    return seen_at_own_port(recording.timeline, inventory.name_of(phone), asked) if known else ()


def last_moment_to_move(recording: Recording, phone: Phone, inventory: Inventory) -> tuple[Interval, float]:
    """Since when, and within how many seconds: a softphone has until it can have followed the first physical phone."""
    lost, latest = recording.line.last_sight_of(HOME), bounds.moves_by(inventory, phone)
    if not phone.soft:
        return lost, latest
    first = first_physical_move(recording, inventory)
    if isinstance(first, Never):
        not_judged("no physical phone moved, so no softphone was due to")
    follows = bounds.follows_by(phone)
    return (first, follows) if first.high + follows > lost.high + latest else (lost, latest)


def first_physical_move(recording: Recording, inventory: Inventory) -> Measured:
    """When the failover system let a physical phone of home in first after home was lost."""
    physical = [phone for phone in inventory.phones.values() if phone.physical]
    lost = recording.line.last_sight_of(HOME)
    return admission_at(FAILOVER, recording.registrations(*physical), since=lost).accepted


def judge_no_early_return(recording: Recording, phone: Phone) -> None:
    """The phone was accepted at home only once that had been visible for more than 10 minutes."""
    visible = recording.visible
    need_due_to_return(recording, phone, visible)
    accepted = returned(recording, phone, visible)
    if phone.base:
        only_report(accepted)
    judge(
        accepted - visible,
        more_than(bounds.FAILBACK_DELAY),
        marks=[(visible, "visible"), (accepted, "returned")],
        window=(visible.low, visible.high + bounds.FAILBACK_DELAY),
    )


def judge_return(recording: Recording, phone: Phone, inventory: Inventory) -> None:
    """The phone is accepted at home in time after home became visible."""
    visible = recording.visible
    need_due_to_return(recording, phone, visible)
    accepted = returned(recording, phone, visible)
    latest = bounds.returns_by(inventory, phone)
    judge(
        accepted - visible,
        at_most(latest),
        marks=[(visible, "visible"), (accepted, f"{phone.extension} returned")],
        window=(visible.low, visible.high + latest),
    )


def returned(recording: Recording, phone: Phone, visible: Interval) -> Measured:
    """When home accepted the phone first after it became visible."""
    return admission_at(HOME, recording.registrations(phone), since=visible).accepted


def need_due_to_return(recording: Recording, phone: Phone, visible: Interval) -> None:
    """Only a phone whose last acceptance before home became visible is at the failover system can be judged."""
    need_stated_to_return(recording.inventory, phone)
    last = last_acceptance(recording.registrations(phone), until=visible)
    if last is None or last.role is not FAILOVER:
        not_judged(f"the phone was not due to return: {phone.extension} had not moved when home became visible")


def only_report(accepted: Measured) -> NoReturn:
    """A base decides by what its host answers it and by a time of its own: its delays are no word about the systems."""
    note(f"accepted at {accepted} s of the recording")
    cannot_judge("the delays of a base of handsets are reported only")
