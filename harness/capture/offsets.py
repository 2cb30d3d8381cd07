"""By how much the clock of a capture point differs from the harness's, from packets that were seen at both.

A packet is seen first near its sender and later near its receiver. One from A to B bounds the difference of
their clocks from one side, one from B to A from the other; the truth lies between, whatever the way took.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from harness.base.interval import Interval
from harness.base.units import EpochSeconds
from harness.capture.events import Finding, Sighting
from harness.capture.messages import LineMessage, Message, SipMessage
from harness.capture.topology import Topology

M = TypeVar("M", bound=Message)

SPAN = 60.0
"""Real seconds for which a difference is estimated anew: quartz clocks drift by up to 0.1 ms in a second."""


@dataclass
class ClockOffset:
    """The difference of one point's clock from the harness's; `at` gives it at an instant, real seconds.

    `widest`: half of the widest interval that was used.
    """

    lows: list[tuple[float, float]] = field(default_factory=list)
    highs: list[tuple[float, float]] = field(default_factory=list)
    _known: dict[int, Interval | None] = field(default_factory=dict)

    def at(self, instant: float) -> Interval | None:
        """The interval around `instant` (epoch seconds, by the point's clock); None where packets contradict."""
        number = int(instant // SPAN)
        if number not in self._known:
            self._known[number] = self._estimate(number)
        return self._known[number]

    @property
    def widest(self) -> float:
        """Half the widest interval of all that were asked for."""
        return max((found.width / 2 for found in self._known.values() if found is not None), default=0.0)

    @property
    def known(self) -> bool:
        """Whether packets were seen at both points in both directions."""
        return bool(self.lows and self.highs)

    def _estimate(self, number: int) -> Interval | None:
        for reach in (1, 0):
            low = max(self._near(self.lows, number, reach))
            high = min(self._near(self.highs, number, reach))
            if low <= high:
                return Interval.between(low, high, "clock offset")
        return None

    def _near(self, bounds: Sequence[tuple[float, float]], number: int, reach: int) -> list[float]:
        """The bounds from spans around `number`, as near as there are any."""
        furthest = max(abs(int(at // SPAN) - number) for at, _ in bounds)
        while reach <= furthest:
            found = [value for at, value in bounds if abs(int(at // SPAN) - number) <= reach]
            if found:
                return found
            reach += 1
        return [value for _, value in bounds]


def estimate(messages: Mapping[str, Sequence[Message]], own_clocks: Iterable[str], topology: Topology) -> dict[
    str, ClockOffset
]:  # fmt: skip
    """Capture point with a clock of its own → how that differs. `messages`: point → what was seen there."""
    strange = set(own_clocks)
    first_seen = {point: _first_seen(found) for point, found in messages.items()}
    offsets = {point: ClockOffset() for point in strange}
    for point, offset in offsets.items():
        for other in messages:
            if other not in strange:
                _bound(offset, (point, first_seen[point]), (other, first_seen[other]), topology)
    return offsets


def corrected(message: M, offset: ClockOffset) -> M:
    """The message as the harness's clock would have stamped it; as it is where nobody knows the difference."""
    found = offset.at(message.at) if offset.known else None
    if found is None:
        return message
    moved = tuple(Sighting(seen.point, seen.frame, EpochSeconds(seen.at - found.middle)) for seen in message.sightings)
    return replace(message, at=EpochSeconds(message.at - found.middle), sightings=moved)


def doubts(offsets: Mapping[str, ClockOffset], messages: Mapping[str, Sequence[Message]]) -> list[Finding]:
    """What is to be said of clocks that are not known."""
    found = []
    for point, offset in offsets.items():
        seen = messages[point]
        if seen and not offset.known:
            text = "its clock cannot be compared: no packet in either direction was seen here and at another point"
            found.append(Finding(point, 0, seen[0].at, text))
        elif offset.known:
            unsure = next((message for message in seen if offset.at(message.at) is None), None)
            if unsure is not None:
                found.append(Finding(point, 0, unsure.at, "its clock was stepped or runs away from the harness's"))
    return found


def _first_seen(messages: Iterable[Message]) -> dict[Hashable, Message]:
    """Those that are numbered so that no other is taken for them, at their first sighting."""
    found: dict[Hashable, Message] = {}
    for message in messages:
        if isinstance(message, SipMessage | LineMessage):
            found.setdefault(message.identity, message)
    return found


def _bound(
    offset: ClockOffset,
    own: tuple[str, Mapping[Hashable, Message]],
    other: tuple[str, Mapping[Hashable, Message]],
    topology: Topology,
) -> None:
    for identity, here in own[1].items():
        there = other[1].get(identity)
        if there is None:
            continue
        first = _first_point(here, own[0], other[0], topology)
        if first == own[0]:
            offset.lows.append((here.at, here.at - there.at))
        elif first == other[0]:
            offset.highs.append((here.at, here.at - there.at))


def _first_point(message: Message, one: str, other: str, topology: Topology) -> str | None:
    """At which of two points it must have been seen first: at that of its sender, not at that of its receiver."""
    sender = topology.deciding_of(message.source.address)
    receiver = topology.deciding_of(message.destination.address)
    for point, another in ((one, other), (other, one)):
        if sender == point or (receiver == another and sender != another):
            return point
    return None
