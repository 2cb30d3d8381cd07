"""The grace of phones that cannot reach home at failback. All instants and windows are bench seconds."""

from collections.abc import Iterable, Sequence

from harness.base.interval import Interval, Measured, Never
from harness.inventory import Role
from harness.timeline.measurements import admission_at
from harness.timeline.presence import Change, Turn
from harness.timeline.registrations import Attempt, Registrations

GRACE_AFTER = 600.0
"""No grace begins earlier after home is visible."""
_WITHDRAWALS = (Change.WITHDRAWN, Change.NOTIFIED)


def grace_start(
    visible: Interval, everybody: Sequence[Registrations], own: Registrations, turns: Iterable[Turn] = ()
) -> Measured:
    """When the grace of one phone began, from when home was visible (clauses.md, *Start*).

    With the first return of any phone, or with its own first try at home or its withdrawal (one of its `turns`) if that
    is later. Never: none returned, or there was neither.
    """
    first = [admission_at(Role.HOME, each, since=visible).accepted for each in everybody]
    returns = [each.high for each in first if isinstance(each, Interval)]
    going = [each.asked for each in own.at(Role.HOME)]
    going += [turn.at for turn in turns if turn.role is Role.FAILOVER and turn.change in _WITHDRAWALS]
    later = [at.high for at in going if at.low > visible.high]
    if not returns or not later:
        return Never(own.until)
    earliest = visible.low + GRACE_AFTER
    return Interval(earliest, max(min(returns), min(later), earliest))


def latest_grace_start(visible: Interval, everybody: Sequence[Registrations]) -> Measured:
    """When the grace of the last of several phones began. Never: none returned, or one did not even try."""
    starts = [grace_start(visible, everybody, each) for each in everybody]
    known = [each for each in starts if isinstance(each, Interval)]
    if not known or len(known) < len(starts):
        return Never(everybody[0].until if everybody else visible.high)
    return max(known, key=lambda each: each.high)


def in_last_fifth(attempts: Iterable[Attempt], window: Interval) -> tuple[Attempt, ...]:
    """All attempts if one was decided in the last fifth of `window`, else none (clauses.md, HP-GRACE)."""
    attempts = tuple(attempts)
    begin = window.high - window.width / 5
    return attempts if any(begin <= each.decided.middle <= window.high for each in attempts) else ()
