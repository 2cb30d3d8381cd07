"""The exchange behind a registration attempt, SIP and RAS alike, and how it ends when no answer comes."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

from harness.base.units import BenchSeconds, EpochSeconds
from harness.capture.events import Outcome, RegistrationAttempt, Sighting
from harness.capture.messages import Message
from harness.capture.topology import Topology
from harness.inventory import Protocol

SIP_TIMEOUT, RAS_TIMEOUT = 32.0, 15.0
"""Bench seconds: timer F (64 times T1, RFC 3261 17.1.2.2); three tries of a RAS request, 5 s apart."""
RETRY_WITHIN = 32.0
"""Bench seconds after a challenge in which the next request continues the same attempt."""
ANSWERED_ELSE = 30.0
"""Bench seconds around an unanswered request in which the system must have answered something else."""


@dataclass
class Exchange:
    """An attempt while it goes on."""

    protocol: Protocol
    extension: str
    source: str
    role: str
    asked_at: EpochSeconds
    withdrawing: bool
    sightings: list[Sighting] = field(default_factory=list)
    requests: int = 0
    last_at: EpochSeconds = field(default=EpochSeconds(0.0))
    challenge: str = ""
    rejected: str = ""
    """How the transport refused it, while no answer has come."""
    rejected_at: EpochSeconds | None = None

    def asked(self, request: Message) -> None:
        """A further request of this attempt was sent."""
        self.requests += 1
        self.last_at = request.at
        self.sightings.extend(request.sightings)

    def answered(self, answer: Message) -> None:
        """An answer came, final or not for the attempt."""
        self.last_at = answer.at
        self.sightings.extend(answer.sightings)

    def ended(
        self,
        outcome: Outcome,
        answered_at: EpochSeconds | None,
        reason: str = "",
        expires: float | None = None,
    ) -> RegistrationAttempt:
        """The attempt as an event."""
        return RegistrationAttempt(
            self.asked_at if answered_at is None else answered_at,
            tuple(sorted(self.sightings, key=lambda seen: seen.at)),
            self.protocol,
            self.extension,
            self.source,
            self.role,
            self.asked_at,
            answered_at,
            outcome,
            reason,
            None if expires is None else BenchSeconds(expires),
            self.withdrawing,
            self.requests,
        )


class Voices:
    """When each system said anything to anyone, to tell its silence from a dead cable."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._spoke: defaultdict[str, list[float]] = defaultdict(list)

    def heard(self, message: Message) -> None:
        """Keep when a message of a system was sent; messages come in order of time."""
        role = self._topology.roles.get(message.source.address)
        if role is not None:
            self._spoke[role].append(message.at)

    def spoke_near(self, role: str, at: float) -> bool:
        """Whether that system said anything within 30 bench s of `at`."""
        near = self._topology.scale.to_real(ANSWERED_ELSE)
        times = sorted(self._spoke[role])
        found = bisect_left(times, at - near)
        return found < len(times) and times[found] <= at + near


def without_answer(exchange: Exchange, topology: Topology, voices: Voices, ended: EpochSeconds) -> RegistrationAttempt:
    """How an attempt ended whose last request got no answer until the recording's end."""
    if exchange.rejected:
        return exchange.ended(Outcome.REFUSED, exchange.rejected_at, exchange.rejected)
    timeout = SIP_TIMEOUT if exchange.protocol is Protocol.SIP else RAS_TIMEOUT
    if exchange.last_at + topology.scale.to_real(timeout) > ended:
        return exchange.ended(Outcome.UNHEARD, None, "the recording ended before an answer was due")
    point = topology.deciding.get(exchange.role)
    if point is not None and all(seen.point != point for seen in exchange.sightings):
        return exchange.ended(Outcome.UNHEARD, None, "it did not reach the system's port")
    if not voices.spoke_near(exchange.role, exchange.last_at):
        return exchange.ended(Outcome.UNHEARD, None, "the system answered nobody")
    return exchange.ended(Outcome.UNANSWERED, None, "no final answer")
