"""Sight of a system on the line between the two: when it was lost and when it was there again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.base.errors import HarnessFault
from harness.base.interval import Interval, Measured, Never
from harness.capture.events import LineEvent, LineKind
from harness.inventory import Role
from harness.timeline.instants import BenchClock

BETWEEN = "between keepalive and payload"
SILENT_PERIODS = 2.0
"""Keepalive periods without payload after which the line counts as down: one may be missed by a hair."""


@dataclass(frozen=True)
class Sight:
    """One packet with payload that reached the other system's port, bench seconds."""

    at: Interval
    keepalive: bool


@dataclass(frozen=True)
class Outage:
    """*Lost* and *visible* of clauses.md (reference points), bench seconds."""

    lost: Interval
    visible: Measured


@dataclass(frozen=True)
class LineTimeline:
    """The line's sights by sender. `period`: of its keepalives; `end`: until when it was watched; bench seconds.

    `stand_in`: role → bracket of the first stimulus that took it away, where the wire shows nothing.
    """

    sights: dict[Role, tuple[Sight, ...]]
    period: float
    end: float
    stand_in: dict[Role, Interval]

    def outages(self, role: Role) -> tuple[Outage, ...]:
        """Every silence of more than two keepalive periods after a first sight."""
        seen = self.sights.get(role, ())
        longest = SILENT_PERIODS * self.period
        found = []
        for number, sight in enumerate(seen):
            after = seen[number + 1 :]
            silent_until = after[0].at.low if after else self.end
            if silent_until - sight.at.high > longest:
                found.append(Outage(_lost(seen[: number + 1]), _visible(after, self.end)))
        return tuple(found)

    def last_sight_of(self, role: Role, before: Interval | None = None) -> Interval:
        """*Lost*: last recognised keepalive to last packet with payload from `role` at the other's port.

        Of the first outage, or of what was seen until `before` (bench seconds). Where the line shows
        no outage the stimulus stands in; raises HarnessFault where there is none either.
        """
        if before is not None:
            seen = [sight for sight in self.sights.get(role, ()) if sight.at.high <= before.high]
            if seen:
                return _lost(seen)
        outages = self.outages(role)
        if outages and before is None:
            return outages[0].lost
        if role in self.stand_in:
            return self.stand_in[role]
        raise HarnessFault(
            f"neither the line nor a stimulus shows that {role} was lost.",
            next_step="look at the capture of the failover system's port for the line's TCP port.",
        )

    def first_sight_of(self, role: Role, after: Interval | None = None) -> Measured:
        """*Visible*: first payload to first recognised keepalive from `role` after the outage.

        Of the first outage that ended, or what was seen after `after` (bench seconds).
        """
        if after is not None:
            return _visible([s for s in self.sights.get(role, ()) if s.at.low > after.high], self.end)
        ended = [outage.visible for outage in self.outages(role) if isinstance(outage.visible, Interval)]
        return ended[0] if ended else Never(self.end)

    def up_since(self, role: Role, until: Interval) -> Interval | None:
        """From when to `until` the line was up without a break; from 0 if its first sight is early enough."""
        seen = [sight for sight in self.sights.get(role, ()) if sight.at.low <= until.high]
        if not seen:
            return None
        begin = seen[-1].at.high
        for earlier, later in zip(reversed(seen[:-1]), reversed(seen), strict=False):
            if later.at.low - earlier.at.high > SILENT_PERIODS * self.period:
                break
            begin = earlier.at.high
        else:
            begin = 0.0 if begin <= SILENT_PERIODS * self.period else begin
        return Interval(min(begin, until.low), until.low)


def line_timeline(
    events: Iterable[LineEvent], clock: BenchClock, period: float, end: float, stand_in: dict[Role, Interval]
) -> LineTimeline:
    """Of the events that reached the other system's port."""
    reached = sorted((event for event in events if event.reached), key=lambda event: event.at)
    sights = {
        role: tuple(
            Sight(clock.of(event), event.kind is LineKind.KEEPALIVE) for event in reached if event.sender is role
        )
        for role in Role
    }
    return LineTimeline(sights, period, end, stand_in)


def _lost(seen: Sequence[Sight]) -> Interval:
    """Without a recognised keepalive the packets with payload stand alone."""
    last = seen[-1].at
    keepalives = [sight.at for sight in seen if sight.keepalive]
    return keepalives[-1].hull(last, BETWEEN) if keepalives else last


def _visible(seen: Sequence[Sight], end: float) -> Measured:
    if not seen:
        return Never(end)
    keepalives = [sight.at for sight in seen if sight.keepalive]
    return seen[0].at.hull(keepalives[0], BETWEEN) if keepalives else seen[0].at
