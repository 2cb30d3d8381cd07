"""Defects: deliberate departures from the specification, to show that a test can fail.

A defect changes the failover system's `Timing` and nothing else, so that the policy has no branch for any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.base.errors import ConfigurationFault


@dataclass(frozen=True)
class Timing:
    """What the failover policy goes by, bench seconds (IP Office Resilience 12.2: 3, 10 and 5 minutes).

    `opens_after` the last sight of home phones are let in, `None`: never; `returns_after` home became visible
    again they are sent back; for `grace` after that they may still be at the failover system.
    """

    opens_after: float | None = 180.0
    # "More than 10 minutes": the first whole second after them.
    returns_after: float = 601.0
    grace: float = 300.0


class Change(Protocol):
    """What a defect does to the timing."""

    def __call__(self, timing: Timing) -> Timing:
        """The timing with the defect."""
        ...


@dataclass(frozen=True)
class Defect:
    """One defect: a sentence on it, the clauses it violates, and the `unit` (a role) that plays it."""

    name: str
    sentence: str
    clauses: tuple[str, ...]
    change: Change
    unit: str = "failover"


DEFECTS = {
    defect.name: defect
    for defect in (
        Defect(
            "early-admission",
            "The failover system lets phones in 30 s early, 150 s after it lost sight of home.",
            ("FO-DELAY",),
            lambda timing: replace(timing, opens_after=150.0),
        ),
        Defect(
            "early-failback",
            "The failover system sends phones back after 8 minutes instead of more than 10.",
            ("FB-DELAY",),
            lambda timing: replace(timing, returns_after=480.0),
        ),
        Defect(
            "no-admission",
            "The failover system never lets phones of home in.",
            ("FO-ALLOW",),
            lambda timing: replace(timing, opens_after=None),
        ),
    )
}


def apply_defects(timing: Timing, names: Sequence[str]) -> Timing:
    """`timing` as the named defects make it. Raises ConfigurationFault for a name that is none."""
    for name in names:
        if name not in DEFECTS:
            raise ConfigurationFault(
                f"there is no defect '{name}'.", next_step=f"name one of: {', '.join(sorted(DEFECTS))}."
            )
        timing = DEFECTS[name].change(timing)
    return timing
