"""Where a phone is registered, as a lane: states with explicit transitions, derived from events alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from harness.base.interval import Interval
from harness.capture.events import Outcome, SystemNotice
from harness.inventory import Role
from harness.timeline.instants import BenchClock
from harness.timeline.lanes import Lane, lane_of
from harness.timeline.registrations import Registrations

LAPSE_MARGIN = 1.0
"""Bench seconds by which a refresh may be later than the granted expiry: its own way through the network."""


class Presence(StrEnum):
    """Where a phone is registered. A phone that two systems hold is where it was let in last."""

    UNKNOWN = "unknown"
    HOME = "home"
    FAILOVER = "failover"
    NONE = "none"


class Change(StrEnum):
    """What happened to a registration at one system."""

    GAINED = "gained"
    """Accepted or confirmed."""
    WITHDRAWN = "withdrawn"
    """By the phone."""
    NOTIFIED = "withdrawn by the system"
    LAPSED = "lapsed"


_AT = {Role.HOME: Presence.HOME, Role.FAILOVER: Presence.FAILOVER}
_TRANSITIONS: dict[tuple[Presence, bool, Role], Presence] = {
    **{(state, True, role): _AT[role] for state in Presence for role in Role},
    (Presence.HOME, False, Role.HOME): Presence.NONE,
    (Presence.FAILOVER, False, Role.FAILOVER): Presence.NONE,
    # A system that takes its leave of a phone which is elsewhere by then changes nothing.
    (Presence.HOME, False, Role.FAILOVER): Presence.HOME,
    (Presence.FAILOVER, False, Role.HOME): Presence.FAILOVER,
    (Presence.NONE, False, Role.HOME): Presence.NONE,
    (Presence.NONE, False, Role.FAILOVER): Presence.NONE,
    # It may still be registered at the other one.
    (Presence.UNKNOWN, False, Role.HOME): Presence.UNKNOWN,
    (Presence.UNKNOWN, False, Role.FAILOVER): Presence.UNKNOWN,
}
"""(state, whether a registration was gained, at which system) → state."""


@dataclass(frozen=True)
class Turn:
    """One change of a registration, bench seconds."""

    at: Interval
    role: Role
    change: Change
    why: str = ""


def turns_of(registrations: Registrations, notices: Iterable[SystemNotice], clock: BenchClock) -> tuple[Turn, ...]:
    """Every change of one phone's registrations, lapses included, in order of time."""
    turns = [
        Turn(each.decided, each.role, Change.GAINED if each.is_success else Change.WITHDRAWN, each.reason)
        for each in registrations
        if each.is_success or each.outcome is Outcome.WITHDRAWN
    ]
    turns += [Turn(clock.of(notice), Role(notice.role), Change.NOTIFIED, notice.reason) for notice in notices]
    turns += _lapses(registrations, turns)
    return tuple(sorted(turns, key=lambda turn: turn.at.low))


def _lapses(registrations: Registrations, turns: list[Turn]) -> Iterator[Turn]:
    """Where a granted expiry ran out before the registration was renewed or ended otherwise."""
    for attempt in registrations:
        if not attempt.is_success or attempt.expires is None:
            continue
        due = attempt.decided + attempt.expires
        later = [turn.at for turn in turns if turn.role is attempt.role and turn.at.low > attempt.decided.low]
        if due.high + LAPSE_MARGIN < registrations.until and not any(at.low <= due.high + LAPSE_MARGIN for at in later):
            yield Turn(due, attempt.role, Change.LAPSED, f"no refresh within {attempt.expires:g} s")


def presence_lane(turns: Iterable[Turn], end: float) -> Lane[Presence]:
    """Where the phone was, until `end` (bench seconds)."""
    state = Presence.UNKNOWN
    changes = []
    for turn in turns:
        state = _TRANSITIONS[(state, turn.change is Change.GAINED, turn.role)]
        changes.append((turn.at, state))
    return lane_of(Presence.UNKNOWN, changes, end)
