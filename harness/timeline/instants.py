"""Epoch seconds of packets and stimuli to bench seconds since the recording's beginning."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.base.interval import Interval
from harness.base.units import EpochSeconds, TimeScale
from harness.capture.events import Event

STAMP, OFFSET, STIMULUS = "capture stamp", "clock offset", "stimulus bracket"
"""Where the uncertainty of an instant comes from."""


@dataclass(frozen=True)
class BenchClock:
    """The recording's own clock: 0 at `began`; a stamp may be wrong by `uncertainty` real seconds.

    `offsets`: capture point with a clock of its own → by how many real seconds more.
    """

    began: EpochSeconds
    scale: TimeScale
    uncertainty: float
    offsets: Mapping[str, float] = field(default_factory=dict)

    def at(self, stamp: EpochSeconds, point: str = "") -> Interval:
        """The bench seconds in which a packet with this stamp, taken at `point`, was on the wire."""
        found = Interval.at(self.scale.to_bench(stamp - self.began), self.scale.to_bench(self.uncertainty), STAMP)
        return found.widened(self.scale.to_bench(self.offsets.get(point, 0.0)), OFFSET)

    def of(self, event: Event) -> Interval:
        """The bench seconds of an event's deciding instant."""
        return self.at(event.at, next((seen.point for seen in event.sightings if seen.at == event.at), ""))

    def bracket(self, epoch: Interval) -> Interval:
        """An interval of epoch seconds, which is certain as it is."""
        low, high = (self.scale.to_bench(EpochSeconds(end) - self.began) for end in (epoch.low, epoch.high))
        return Interval.between(low, high, STIMULUS)

    def epoch(self, bench: float) -> EpochSeconds:
        """A bench second as an epoch second."""
        return EpochSeconds(self.began + self.scale.to_real(bench))
