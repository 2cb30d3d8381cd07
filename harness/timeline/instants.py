"""Epoch seconds of packets and stimuli to bench seconds since the recording's beginning."""

from dataclasses import dataclass

from harness.base.interval import Interval
from harness.base.units import EpochSeconds, TimeScale


@dataclass(frozen=True)
class BenchClock:
    """The recording's own clock: 0 at `began`; a stamp may be wrong by `uncertainty` real seconds."""

    began: EpochSeconds
    scale: TimeScale
    uncertainty: float

    def at(self, stamp: EpochSeconds) -> Interval:
        """The bench seconds in which a packet with this stamp was on the wire."""
        within = self.scale.to_bench(self.uncertainty)
        return Interval.at(self.scale.to_bench(stamp - self.began), within)

    def bracket(self, epoch: Interval) -> Interval:
        """An interval of epoch seconds, which is certain as it is."""
        return Interval(self.scale.to_bench(epoch.low - self.began), self.scale.to_bench(epoch.high - self.began))
