"""Stimuli: what was done to the bench, and between which two instants it took effect."""

from dataclasses import dataclass
from enum import StrEnum

from harness.base.interval import Interval
from harness.base.units import EpochSeconds


class Guise(StrEnum):
    """As whom the harness's own registration client tries; the value is the verb of its stimulus."""

    OWN = "probe"
    STRANGER = "probe_as_stranger"
    """With an extension that never registered at home."""
    WRONG_PASSWORD = "probe_with_wrong_password"
    """With its own extension."""


PROBES: frozenset[str] = frozenset(Guise)
"""The verbs of stimuli of which there are many, and which change nothing."""


LICENCES_USED = "licences_used"
"""The verb of a reading of how many licences a system says are in use; its note is the number."""


def probe_target(protocol: str, system: str) -> str:
    """What a stimulus of the probe names as its target."""
    return f"{protocol} at {system}"


@dataclass(frozen=True)
class Stimulus:
    """One thing done to a bench.

    `verb` is what was done ("cut", "restore", "block", "power_off", "reboot" …, those of `Guise`, a reading),
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
