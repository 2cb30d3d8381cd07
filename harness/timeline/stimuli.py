"""Stimuli in bench seconds, and what they say of power."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from harness.base.interval import Interval, Measured, Never
from harness.base.stimulus import LICENCES_USED, Stimulus
from harness.inventory import Role
from harness.timeline.instants import BenchClock
from harness.timeline.lanes import Lane, lane_of

CUTS = ("cut", "power_off", "reboot")
"""Verbs after which a system is not seen any more."""
LINE = "line"
"""What a stimulus calls the line between the systems."""
RESTARTS = ("reboot", "power_off", "power_on")
"""Verbs after which a device remembers no registration."""


@dataclass(frozen=True)
class TimedStimulus:
    """A stimulus; `bracket` in bench seconds since the recording's beginning."""

    verb: str
    target: str
    bracket: Interval
    note: str = ""


@dataclass(frozen=True)
class LicenceCount:
    """How many licences a system said are in use, and when."""

    at: Interval
    used: int


class Power(StrEnum):
    """Whether a device has power, as far as the harness switched it."""

    UNKNOWN = "unknown"
    ON = "on"
    OFF = "off"


_POWER = {"power_on": Power.ON, "power_off": Power.OFF}


def timed(stimuli: Iterable[Stimulus], clock: BenchClock) -> tuple[TimedStimulus, ...]:
    """Stimuli on the recording's clock, in order of time."""
    found = [TimedStimulus(each.verb, each.target, clock.bracket(each.bracket), each.note) for each in stimuli]
    return tuple(sorted(found, key=lambda stimulus: stimulus.bracket.low))


def licence_counts(stimuli: Iterable[TimedStimulus], system: str, window: Interval) -> tuple[LicenceCount, ...]:
    """What a system said of its licences, all within `window`."""
    counts = (each for each in stimuli if (each.verb, each.target) == (LICENCES_USED, system))
    return tuple(
        LicenceCount(each.bracket, int(each.note))
        for each in counts
        if window.low <= each.bracket.low and each.bracket.high <= window.high
    )


def power_lane(stimuli: Iterable[TimedStimulus], target: str, end: float) -> Lane[Power]:
    """The power of `target` until `end` (bench seconds)."""
    changes = [(each.bracket, _POWER[each.verb]) for each in stimuli if each.target == target and each.verb in _POWER]
    return lane_of(Power.UNKNOWN, changes, end)


@dataclass(frozen=True)
class Block:
    """The path between a phone and the network of a system was blocked: from when and until when, bench seconds."""

    phone: str
    role: Role
    closed: Interval
    opened: Measured

    @property
    def surely(self) -> Interval:
        """While it was blocked for certain."""
        end = self.opened.low if isinstance(self.opened, Interval) else self.opened.until
        return Interval(self.closed.high, max(self.closed.high, end))


_BETWEEN = " - "


def path_name(phone: str, role: Role) -> str:
    """What a stimulus calls the path between a phone and the network of a system."""
    return f"{phone}{_BETWEEN}{role}"


def blocks(stimuli: Iterable[TimedStimulus], end: float) -> tuple[Block, ...]:
    """Every path that was blocked, in order of time; `end` is that of the recording."""
    found: list[Block] = []
    stimuli = list(stimuli)
    for number, each in enumerate(stimuli):
        if each.verb == "block":
            phone, _, role = each.target.rpartition(_BETWEEN)
            later = (one for one in stimuli[number:] if (one.verb, one.target) == ("unblock", each.target))
            opened = next((one.bracket for one in later), Never(end))
            found.append(Block(phone, Role(role), each.bracket, opened))
    return tuple(found)
