"""Verdicts by interval arithmetic: an interval that straddles a limit is never rounded to either side."""

from collections.abc import Sized
from dataclasses import dataclass

from harness.base.interval import Interval, Measured, Never
from harness.spec.limits import Limit, Relation
from harness.spec.outcomes import Outcome


@dataclass(frozen=True)
class Verdict:
    """PASS, FAIL, INCONCLUSIVE or NOT JUDGED, with the reason in one sentence.

    `measured` is in bench seconds, or the count of forbidden events for a limit `none`.
    """

    outcome: Outcome
    reason: str
    measured: Measured | None = None
    limit: Limit | None = None


def verdict(measured: Measured, limit: Limit) -> Verdict:
    """How `measured` (bench seconds) stands to `limit`."""
    if limit.relation is Relation.NONE:
        raise ValueError("a limit 'none' is judged by `none_seen`")
    if isinstance(measured, Never):
        return _never(measured, limit)
    outcome = _hold(measured, limit)
    words = {
        Outcome.PASS: "holds",
        Outcome.FAIL: "does not hold",
        Outcome.INCONCLUSIVE: "straddles the limit",
    }
    return Verdict(outcome, f"{measured} s {words[outcome]}: {limit}", measured, limit)


def none_seen(forbidden: Sized, limit: Limit) -> Verdict:
    """FAIL if anything forbidden was seen. Whether there was occasion is the caller's to ask first."""
    count = len(forbidden)
    if count:
        return Verdict(Outcome.FAIL, f"{count} seen where there must be none", Interval.at(count), limit)
    return Verdict(Outcome.PASS, "none seen, although there was occasion", Interval.at(0), limit)


def not_judged(reason: str, limit: Limit | None = None) -> Verdict:
    """No occasion arose, or a presupposed clause failed."""
    return Verdict(Outcome.NOT_JUDGED, reason, limit=limit)


def _never(measured: Never, limit: Limit) -> Verdict:
    if limit.relation is not Relation.AT_MOST:
        return Verdict(Outcome.NOT_JUDGED, f"it never happened (watched for {measured.until:.1f} s)", measured, limit)
    if measured.until >= limit.value:
        return Verdict(Outcome.FAIL, f"it never happened within {limit.value:g} s", measured, limit)
    reason = f"it had not happened when the recording ended, after {measured.until:.1f} s"
    return Verdict(Outcome.INCONCLUSIVE, reason, measured, limit)


def _hold(measured: Interval, limit: Limit) -> Outcome:
    low, high, value = measured.low, measured.high, limit.value
    if limit.relation is Relation.AT_MOST:
        certain, impossible = high <= value, low > value
    elif limit.relation is Relation.AT_LEAST:
        certain, impossible = low >= value, high < value
    else:
        certain, impossible = low > value, high <= value
    if certain:
        return Outcome.PASS
    return Outcome.FAIL if impossible else Outcome.INCONCLUSIVE
