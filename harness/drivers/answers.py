"""What a system made of an attempt of the probe, and how many attempts a run may make."""

import threading
from dataclasses import dataclass
from enum import StrEnum

from harness.base.errors import HarnessFault
from harness.base.interval import Interval
from harness.base.units import BenchSeconds, EpochSeconds
from harness.inventory import Protocol, Role

ATTEMPTS_PER_RUN = 120
"""A bound of our own: a probe run wild would be taken for an attack and be ignored (facts.md, Timing)."""


class Answer(StrEnum):
    """How one attempt ended, in the words of clauses.md, *Facts from packets*."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    CHALLENGED = "challenged"
    UNANSWERED = "unanswered"


@dataclass(frozen=True)
class ProbeAnswer:
    """One attempt of the probe: what came of it, and when.

    `sent_at` is when its first packet was sent, `answered_at` when its final answer was read (None: there
    was none), epoch seconds. `reason` is the system's own ("403 Forbidden", "securityDenial", "port
    unreachable"). `expires` is the time granted, only where ACCEPTED; `handle` is what the system knows the
    registration by, where its protocol has such a thing.
    """

    answer: Answer
    protocol: Protocol
    extension: str
    role: Role
    sent_at: EpochSeconds
    answered_at: EpochSeconds | None = None
    reason: str = ""
    expires: BenchSeconds | None = None
    handle: str = ""

    @property
    def bracket(self) -> Interval | None:
        """Between its first packet and its answer, epoch seconds; None without an answer."""
        return None if self.answered_at is None else Interval(self.sent_at, self.answered_at)


class Allowance:
    """The attempts that all probes of a run have between them."""

    def __init__(self, attempts: int = ATTEMPTS_PER_RUN) -> None:
        self._limit, self._used = attempts, 0
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        """Attempts not yet made."""
        return self._limit - self._used

    def take(self, device: str) -> None:
        """Use one attempt up; HarnessFault when there is none left."""
        with self._lock:
            if self._used >= self._limit:
                raise HarnessFault(
                    f"the probe has made its {self._limit} attempts of this run.",
                    device=device,
                    next_step="probe less often, or allow more attempts where the probe is made.",
                )
            self._used += 1
