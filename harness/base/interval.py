"""Intervals: what is known of an instant or a duration, and *never* as a value of its own.

An `Interval` holds the true value for certain; its arithmetic widens and never narrows. The unit
is the caller's: bench seconds in everything that judges.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A closed interval [low, high]; low == high for what is known exactly."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval needs low <= high, got [{self.low}, {self.high}]")

    @classmethod
    def at(cls, value: float, within: float = 0.0) -> "Interval":
        """`value` plus or minus `within`."""
        return cls(value - within, value + within)

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low

    @property
    def middle(self) -> float:
        """The point half way."""
        return (self.low + self.high) / 2

    def __add__(self, other: "Interval | float") -> "Interval":
        other = _interval(other)
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: "Interval | float") -> "Interval":
        other = _interval(other)
        return Interval(self.low - other.high, self.high - other.low)

    def widened(self, by: float) -> "Interval":
        """The same with `by` more on either side."""
        return Interval(self.low - by, self.high + by)

    def hull(self, other: "Interval") -> "Interval":
        """The least interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.2f} … {self.high:.2f}]"


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
