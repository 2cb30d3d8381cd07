"""Bench seconds and real seconds, as types of their own, so that nobody adds one to the other.

Real seconds are what clocks and packets show. Bench seconds are real seconds times the bench's
`time_scale`: on the virtual bench every timer is divided by it, so that 180 bench seconds pass
in 6 real ones at a scale of 30. A real lab has the scale 1.
"""

from dataclasses import dataclass
from typing import NewType

BenchSeconds = NewType("BenchSeconds", float)
RealSeconds = NewType("RealSeconds", float)
EpochSeconds = NewType("EpochSeconds", float)
"""An instant on the harness clock (CLOCK_REALTIME): real seconds since 1970."""


@dataclass(frozen=True)
class TimeScale:
    """How many bench seconds pass in one real second."""

    factor: float = 1.0

    def to_bench(self, seconds: float) -> BenchSeconds:
        """Real seconds as bench seconds."""
        return BenchSeconds(seconds * self.factor)

    def to_real(self, seconds: float) -> RealSeconds:
        """Bench seconds as real seconds."""
        return RealSeconds(seconds / self.factor)
