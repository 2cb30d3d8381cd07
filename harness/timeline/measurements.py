"""What the clauses measure, as functions of timelines. All instants and windows are bench seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.base.interval import Interval, Measured, Never
from harness.capture.events import Outcome
from harness.inventory import Role
from harness.timeline.presence import Change, Presence, Turn
from harness.timeline.registrations import Attempt, Registrations
from harness.timeline.timeline import Timeline

JUST_BEFORE = 15.0
"""An occasion for FO-DELAY lies within this many seconds before its limit (clauses.md, *Occasions*)."""


@dataclass(frozen=True)
class Admission:
    """How one system let a requester in: its last refusal before, when it did, and all tries until then."""

    last_refusal: Attempt | None
    accepted: Measured
    attempts: tuple[Attempt, ...]


def admission_at(role: Role, registrations: Registrations, since: Interval) -> Admission:
    """The first acceptance at `role` that may be after `since`, and what came before it."""
    later = [each for each in registrations.at(role) if each.decided.high >= since.low and not each.event.withdrawing]
    first = next((number for number, each in enumerate(later) if each.outcome is Outcome.ACCEPTED), None)
    before = tuple(later if first is None else later[:first])
    refusals = [each for each in before if each.is_refusal]
    accepted = Never(registrations.until) if first is None else later[first].decided
    tried = before if first is None else (*before, later[first])
    return Admission(refusals[-1] if refusals else None, accepted, tried)


def registered_at(role: Role, registrations: Registrations, since: Interval) -> Measured:
    """The first acceptance or confirmation at `role` after `since` for certain."""
    found = (each.decided for each in registrations.at(role) if each.is_success and each.decided.low > since.high)
    return next(found, Never(registrations.until))


def next_acceptance(registrations: Registrations, since: Interval) -> tuple[Measured, Role | None]:
    """The first acceptance anywhere that may be after `since`, and where; (never, None) if there is none."""
    for each in registrations:
        if each.outcome is Outcome.ACCEPTED and each.decided.high >= since.low:
            return each.decided, each.role
    return Never(registrations.until), None


def last_acceptance(registrations: Registrations, until: Interval) -> Attempt | None:
    """The last acceptance anywhere before `until`: whether a phone is due to return, and from where."""
    found = [each for each in registrations if each.outcome is Outcome.ACCEPTED and each.decided.low < until.high]
    return found[-1] if found else None


def tries(role: Role, registrations: Registrations, window: Interval) -> Registrations:
    """Attempts at `role` in `window` that the system decided on: let in, refused or deliberately unanswered.

    A withdrawal, an attempt that ended in a challenge and one that nobody heard are no occasions.
    """
    inside = registrations.at(role).between(window)
    decided = (each for each in inside if each.outcome is Outcome.ACCEPTED or each.is_refusal)
    return Registrations(decided, registrations.until)


def acceptances(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Those that were let in."""
    return tuple(each for each in attempts if each.outcome is Outcome.ACCEPTED)


def controlled(attempts: Iterable[Attempt], registrations: Registrations) -> tuple[Attempt, ...]:
    """Refusals whose requester was let in at the same system later in the recording (control)."""
    let_in = [each for each in registrations if each.outcome is Outcome.ACCEPTED]
    return tuple(
        each
        for each in attempts
        if each.is_refusal
        and any(
            (later.role, later.protocol, later.extension) == (each.role, each.protocol, each.extension)
            and later.decided.low > each.decided.high
            for later in let_in
        )
    )


def vouched(attempts: Iterable[Attempt], registrations: Registrations) -> tuple[Attempt, ...]:
    """Refusals whose requester some system let in within the recording: its credentials are good (control).

    For clauses by which nobody is ever let in at the system that refuses.
    """
    known = {(each.protocol, each.extension) for each in registrations if each.is_success}
    return tuple(each for each in attempts if each.is_refusal and (each.protocol, each.extension) in known)


def turned_down(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Those that a registrar itself kept out, knowing their credentials: refused, or challenged once more.

    For clauses by which nobody with such credentials is ever let in: some systems answer a wrong password by 401.
    """
    return tuple(
        each
        for each in attempts
        if each.is_answered and (each.is_refusal or (each.outcome is Outcome.CHALLENGED and each.event.requests > 1))
    )


def first_acceptance(role: Role, everybody: Sequence[Registrations], since: Interval) -> Measured:
    """When the first of several phones was let in at `role` after `since`; never if none was."""
    found = [admission_at(role, each, since).accepted for each in everybody]
    return min(
        (each for each in found if isinstance(each, Interval)),
        key=lambda each: each.high,
        default=Never(everybody[0].until if everybody else since.high),
    )


def strays(timeline: Timeline, phones: Registrations) -> tuple[Attempt, ...]:
    """Acceptances at the failover system of phones that were registered at home, while the line was up."""
    lost = timeline.line.last_sight_of(Role.HOME)
    up = timeline.line.up_since(Role.HOME, lost)
    if up is None:
        return ()
    at_home = {each.extension: each.decided for each in reversed(phones.at(Role.HOME)) if each.is_success}
    return tuple(
        each
        for each in acceptances(phones.at(Role.FAILOVER))
        if up.low <= each.decided.low
        and each.decided.high < lost.low
        and each.extension in at_home
        and at_home[each.extension].high < each.decided.low
    )


def not_due_to_move(timeline: Timeline, phone: Registrations, lost: Interval) -> str:
    """Why a phone could not be expected to move, from what was seen of it; "" where it could.

    It was at home, it was alive after home was lost, and the way to the failover system was open.
    """
    before = [each for each in phone if each.is_success and each.decided.low < lost.high]
    if not before or before[-1].role is not Role.HOME:
        return "it was not registered at home when home was lost"
    after = [each for each in phone if each.asked.high >= lost.low]
    if not after:
        return "nothing was seen of it after home was lost"
    there = [each for each in after if each.role is Role.FAILOVER]
    if there and not any(arrived(timeline, each) for each in there):
        return "none of its attempts reached the failover system's port"
    return ""


def arrived(timeline: Timeline, attempt: Attempt) -> bool:
    """Whether the system was seen to get it: it answered, or its port saw the request."""
    points = [name for name, capture in timeline.inventory.captures.items() if attempt.role.value in capture.sees]
    return attempt.outcome is not Outcome.UNHEARD or any(seen.point in points for seen in attempt.event.sightings)


def thirds(attempts: Iterable[Attempt], window: Interval) -> tuple[tuple[Attempt, ...], ...]:
    """The attempts of each third of `window`, by when they were decided."""
    attempts = list(attempts)
    third = window.width / 3
    edges = [window.low, window.low + third, window.low + 2 * third, window.high]
    last = edges[3]

    def inside(at: float, low: float, high: float) -> bool:
        return low <= at < high or at == high == last

    return tuple(
        tuple(each for each in attempts if inside(each.decided.middle, low, high)) for low, high in pairwise(edges)
    )


def in_each_third(attempts: Iterable[Attempt], window: Interval) -> tuple[Attempt, ...]:
    """All attempts of `window` if every third of it has one, else none (clauses.md, *Occasions*)."""
    parts = thirds(attempts, window)
    return tuple(each for part in parts for each in part) if all(parts) else ()


def just_before(attempts: Iterable[Attempt], limit: float, within: float = JUST_BEFORE) -> tuple[Attempt, ...]:
    """Attempts decided at most `within` before `limit`."""
    return tuple(each for each in attempts if limit - within <= each.decided.middle <= limit)


def occasions_before(role: Role, registrations: Registrations, lost: Interval, delay: float) -> tuple[Attempt, ...]:
    """The occasions of FO-DELAY: controlled refusals in each third of the delay, one just before its end.

    All of them if that is so, none if something is missing. Where somebody was let in earlier the
    measurement itself judges it.
    """
    window = Interval(lost.high, lost.high + delay)
    found = tries(role, registrations, window)
    refused = controlled(found, registrations)
    if in_each_third(refused, window) and just_before(refused, window.high):
        return refused
    return ()


def departures(turns: Iterable[Turn], role: Role, since: Measured, until: Measured) -> tuple[Turn, ...]:
    """Withdrawals, notices and lapses of a registration at `role` between two instants.

    None where `since` never came; until the end of the recording where `until` never came.
    """
    if isinstance(since, Never):
        return ()
    end = until.low if isinstance(until, Interval) else until.until
    lost = (turn for turn in turns if turn.change is not Change.GAINED and turn.role is role)
    return tuple(turn for turn in lost if since.high < turn.at.low and turn.at.high < end)


def new_at(role: Role, turns: Iterable[Turn], until: Interval) -> Interval | None:
    """When a phone registered at `role` after its registration there had lapsed, last before `until`; None: never."""
    found, lapsed = None, False
    for turn in turns:
        if turn.role is not role or turn.at.high >= until.low:
            continue
        if turn.change is Change.GAINED and lapsed:
            found = turn.at
        lapsed = turn.change is Change.LAPSED
    return found


def confirmations(registrations: Registrations, role: Role, since: Measured, until: Measured) -> tuple[Attempt, ...]:
    """Refreshes granted at `role` between two instants; none where `since` never came."""
    if isinstance(since, Never):
        return ()
    end = until.low if isinstance(until, Interval) else until.until
    return tuple(
        each
        for each in registrations.at(role)
        if each.is_success and since.high < each.decided.low and each.decided.high < end
    )


def normal_operation(timeline: Timeline) -> Interval | None:
    """The window before home's first loss in which the line was up and none of its phones had moved."""
    lost = timeline.line.last_sight_of(Role.HOME)
    up = timeline.line.up_since(Role.HOME, lost)
    if up is None:
        return None
    away = [
        span.end.high
        for name in timeline.inventory.phones
        for span in timeline.phone_lane(name).spans
        if span.state is Presence.FAILOVER and span.begin.low < lost.low
    ]
    begin = max([up.low, *away])
    return Interval(begin, lost.low) if begin < lost.low else None


def last_at(role: Role, everybody: Sequence[Registrations], since: Interval) -> Measured:
    """When the last of several phones was registered at `role` again; never if one was not."""
    found = [registered_at(role, each, since) for each in everybody]
    never = [each for each in found if isinstance(each, Never)]
    if never or not found:
        return never[0] if never else Never(since.high)
    return max((each for each in found if isinstance(each, Interval)), key=lambda each: each.high)


def first_answer_after_silence(role: Role, everybody: Registrations, since: Interval, silent: float) -> Measured:
    """When the registrar of `role` answered anybody first after it had been silent for `silent` seconds, after `since`.

    For a system that restarts: until it goes down it still answers.
    """
    last = since.high
    for each in everybody.at(role):
        if not each.is_answered or each.decided.high < since.low:
            continue
        if each.decided.low - last >= silent:
            return each.decided
        last = max(last, each.decided.high)
    return Never(everybody.until)
