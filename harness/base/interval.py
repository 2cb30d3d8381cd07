"""Intervals: what is known of an instant or a duration, and *never* as a value of its own.

An `Interval` holds the true value for certain; its arithmetic widens and never narrows. The unit
is the caller's: bench seconds in everything that judges. It carries its *budget*: what its width
comes from, source by source (in the manner of the GUM, JCGM 100:2008).
"""

import math
from dataclasses import dataclass, field

Budget = tuple[tuple[str, float], ...]
"""(source, width): how much of an interval's width comes from each source; not more than the width in all."""


@dataclass(frozen=True)
class Interval:
    """A closed interval [low, high]; low == high for what is known exactly. `budget` says why it is not."""

    low: float
    high: float
    budget: Budget = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval needs low <= high, got [{self.low}, {self.high}]")

    @classmethod
    def at(cls, value: float, within: float = 0.0, source: str = "") -> "Interval":
        """`value` plus or minus `within`, which comes from `source`."""
        return cls(value - within, value + within, _from(source, 2 * within))

    @classmethod
    def between(cls, low: float, high: float, source: str) -> "Interval":
        """Anything from `low` to `high`, for a reason that has a name."""
        return cls(low, high, _from(source, high - low))

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low

    @property
    def middle(self) -> float:
        """The point half way."""
        return (self.low + self.high) / 2

    @property
    def standard_uncertainty(self) -> float:
        """Of its sources together: each a rectangle of that width (GUM 4.3.7), none depending on another (5.1.2)."""
        told = sum(width for _, width in self.budget)
        squares = [width**2 / 12 for _, width in self.budget] + [max(0.0, self.width - told) ** 2 / 12]
        return math.sqrt(sum(squares))

    def __add__(self, other: "Interval | float") -> "Interval":
        other = _interval(other)
        return Interval(self.low + other.low, self.high + other.high, _sum(self.budget, other.budget))

    def __sub__(self, other: "Interval | float") -> "Interval":
        other = _interval(other)
        return Interval(self.low - other.high, self.high - other.low, _sum(self.budget, other.budget))

    def widened(self, by: float, source: str = "") -> "Interval":
        """The same with `by` more on either side, which comes from `source`."""
        return Interval(self.low - by, self.high + by, _sum(self.budget, _from(source, 2 * by)))

    def hull(self, other: "Interval", source: str = "") -> "Interval":
        """The least interval that holds both; what it is wider than the wider of them comes from `source`."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        wider = max(self, other, key=lambda each: each.width)
        return Interval(low, high, _sum(wider.budget, _from(source, high - low - wider.width)))

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.2f} … {self.high:.2f}]"


def _from(source: str, width: float) -> Budget:
    return ((source, width),) if source and width > 0 else ()


def _sum(one: Budget, other: Budget) -> Budget:
    if not one or not other:
        return one or other
    total = dict(one)
    for source, width in other:
        total[source] = total.get(source, 0.0) + width
    return tuple(total.items())


def _interval(value: "Interval | float") -> Interval:
    return value if isinstance(value, Interval) else Interval(value, value)


@dataclass(frozen=True)
class Never:
    """It was watched for and had not happened by `until`: neither zero nor an error."""

    until: float

    def __sub__(self, other: Interval | float) -> "Never":
        return Never(self.until - _interval(other).low)

    def __str__(self) -> str:
        return f"never (until {self.until:.2f})"


Measured = Interval | Never
"""What a measurement can be."""
