"""By how much the clock of a capture point differs from the harness's, from packets that were seen at both.

A packet is seen first near its sender and later near its receiver. One from A to B bounds the difference of
their clocks from one side, one from B to A from the other; the truth lies between, whatever the way took.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.base.interval import Interval
from harness.base.units import EpochSeconds
from harness.capture.events import Finding, Sighting
from harness.capture.messages import LineMessage, Message, SipMessage
from harness.capture.topology import Topology

M = TypeVar("M", bound=Message)

RATE = 2e-4
"""Seconds by which two clocks may drift apart in a second: quartz is wrong by up to 1e-4."""
REACH = 60.0
"""Real seconds within which packets bound a difference; the nearest ones where there are none so near."""
STAMP = 0.0005
"""Real seconds by which a stamp may be wrong."""
ECHO = 0.005
"""Real seconds in which a packet that comes again is a copy by the mirror, and was not sent again."""


@dataclass
class ClockOffset:
    """The difference of one point's clock from the harness's; `at` gives it at an instant, real seconds.

    `lows` and `highs`: what single packets say that it is at least or at most, by the instant of each. Make
    all of them before asking. `widest`: half of the widest interval that was asked for.
    """

    lows: list[tuple[float, float]] = field(default_factory=list)
    highs: list[tuple[float, float]] = field(default_factory=list)
    _known: dict[int, Interval | None] = field(default_factory=dict)

    def at(self, instant: float) -> Interval | None:
        """The interval around `instant` (epoch seconds, by the point's clock); None where packets contradict."""
        second = int(instant)
        if second not in self._known:
            self._known[second] = self._estimate(second + 0.5)
        return self._known[second]

    @property
    def widest(self) -> float:
        """Half the widest interval of all that were asked for."""
        return max((found.width / 2 for found in self._known.values() if found is not None), default=0.0)

    @property
    def known(self) -> bool:
        """Whether packets were seen at both points in both directions."""
        return bool(self.lows and self.highs)

    def _estimate(self, middle: float) -> Interval | None:
        slack = STAMP + RATE / 2
        low = self._low_bounds.least(middle) - slack
        high = -self._high_bounds.least(middle) + slack
        return Interval.between(low, high, "clock offset") if low <= high else None

    @cached_property
    def _low_bounds(self) -> "_Bounds":
        return _Bounds.of(self.lows)

    @cached_property
    def _high_bounds(self) -> "_Bounds":
        return _Bounds.of([(at, -value) for at, value in self.highs])


@dataclass(frozen=True)
class _Bounds:
    """What is at least so much at these instants, in order of time."""

    at: NDArray[np.float64]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, bounds: Sequence[tuple[float, float]]) -> "_Bounds":
        table = np.array(sorted(bounds), np.float64)
        return cls(table[:, 0], table[:, 1])

    def least(self, instant: float) -> float:
        """What it is at least at an instant, given how fast it may change."""
        first = int(np.searchsorted(self.at, instant - REACH))
        after = int(np.searchsorted(self.at, instant + REACH, "right"))
        if first == after:
            first, after = max(0, first - 1), after + 1
        near = slice(first, after)
        return float(np.max(self.value[near] - RATE * np.abs(self.at[near] - instant)))


def estimate(
    messages: Mapping[str, Sequence[Message]], own_clocks: Iterable[str], topology: Topology
) -> dict[str, ClockOffset]:
    """Capture point with a clock of its own → how that differs. `messages`: point → what was seen there."""
    strange = set(own_clocks)
    seen = {point: _seen(found) for point, found in messages.items()}
    offsets = {point: ClockOffset() for point in strange}
    for point, offset in offsets.items():
        for other in messages:
            if other not in strange:
                _bound(offset, (point, seen[point]), (other, seen[other]), topology)
    return offsets


def corrected(message: M, offset: ClockOffset) -> M:
    """The message as the harness's clock would have stamped it; as it is where nobody knows the difference."""
    found = offset.at(message.at) if offset.known else None
    return moved(message, -found.middle) if found is not None else message


def earliest(stamp: EpochSeconds, offset: ClockOffset | None) -> EpochSeconds:
    """When a packet was there at the earliest by the harness's clock; its stamp where nobody knows."""
    found = offset.at(stamp) if offset is not None and offset.known else None
    return EpochSeconds(stamp - found.high) if found is not None else stamp


def moved(message: M, by: float) -> M:
    """The message with its stamps put forward by so many real seconds."""
    if not by:
        return message
    sightings = tuple(Sighting(seen.point, seen.frame, EpochSeconds(seen.at + by)) for seen in message.sightings)
    return replace(message, at=EpochSeconds(message.at + by), sightings=sightings)


def doubts(offsets: Mapping[str, ClockOffset], messages: Mapping[str, Sequence[Message]]) -> list[Finding]:
    """What is to be said of clocks that are not known."""
    found = []
    for point, offset in offsets.items():
        seen = messages[point]
        if seen and not offset.known:
            which = "both directions" if not offset.lows and not offset.highs else "one of the two directions"
            text = f"its clock cannot be compared: of {which} no packet was seen both here and at another point"
            found.append(Finding(point, 0, seen[0].at, text))
        elif offset.known:
            unsure = next((message for message in seen if offset.at(message.at) is None), None)
            if unsure is not None:
                found.append(Finding(point, 0, unsure.at, "its clock was stepped or runs away from the harness's"))
    return found


@dataclass(slots=True)
class _Seen:
    """One message at one point: its first sighting, and how often it was sent."""

    first: Message
    last: float
    times: int = 1


def _seen(messages: Iterable[Message]) -> dict[Hashable, _Seen]:
    """Those that are numbered so that no other is taken for them."""
    found: dict[Hashable, _Seen] = {}
    for message in messages:
        if not isinstance(message, SipMessage | LineMessage):
            continue
        seen = found.setdefault(message.identity, _Seen(message, message.at))
        if message.at - seen.last > ECHO:
            seen.times += 1
        seen.last = message.at
    return found


def _bound(
    offset: ClockOffset,
    own: tuple[str, Mapping[Hashable, _Seen]],
    other: tuple[str, Mapping[Hashable, _Seen]],
    topology: Topology,
) -> None:
    for identity, here in own[1].items():
        there = other[1].get(identity)
        if there is None or here.times != there.times:  # of copies that were lost nobody knows which is which
            continue
        first = _first_point(here.first, own[0], other[0], topology)
        bound = (here.first.at, here.first.at - there.first.at)
        if first == own[0]:
            offset.lows.append(bound)
        elif first == other[0]:
            offset.highs.append(bound)


def _first_point(message: Message, one: str, other: str, topology: Topology) -> str | None:
    """At which of two points it must have been seen first: at that of its sender, not at that of its receiver."""
    sender = topology.deciding_of(message.source.address)
    receiver = topology.deciding_of(message.destination.address)
    for point, another in ((one, other), (other, one)):
        if sender == point or (receiver == another and sender != another):
            return point
    return None
