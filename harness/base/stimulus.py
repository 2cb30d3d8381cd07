"""Stimuli: what was done to the bench, and between which two instants it took effect."""

from dataclasses import dataclass

from harness.base.interval import Interval
from harness.base.units import EpochSeconds


@dataclass(frozen=True)
class Stimulus:
    """One thing done to a bench.

    `verb` is what was done ("cut", "restore", "power_off", "power_on", "reboot", "probe"),
    `target` the inventory name it was done to. The effect lies between `not_before` (the command
    was about to be sent) and `not_after` (its effect was read back), epoch seconds.
    """

    verb: str
    target: str
    not_before: EpochSeconds
    not_after: EpochSeconds
    note: str = ""

    @property
    def bracket(self) -> Interval:
        """[not_before, not_after] as an interval of epoch seconds."""
        return Interval(self.not_before, self.not_after)
