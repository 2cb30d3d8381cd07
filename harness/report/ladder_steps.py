"""Messages as the steps of a ladder: each once for each way it went, and which answer belongs to what."""

import math
from collections import Counter
from collections.abc import Container, Hashable, Iterable
from dataclasses import dataclass, field

from harness.capture.correlate import repeats_for
from harness.capture.events import DhcpKind, Sighting
from harness.capture.messages import (
    CallMessage,
    DhcpMessage,
    DnsMessage,
    HttpMessage,
    LineMessage,
    Message,
    RasMessage,
    SipMessage,
)
from harness.capture.topology import Topology
from harness.report.ladder import Tone
from harness.report.ladder_words import tone_of

DOUBLE = 0.005
"""Real seconds in which a second sighting at one point is the same packet, mirrored going in and coming out."""


@dataclass
class Step:
    """One message on one way: all sightings of it from the same sender to the same receiver."""

    message: Message
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def at(self) -> float:
        """When it was seen first, epoch seconds."""
        return self.message.at

    @property
    def last(self) -> float:
        """When its last copy was seen, epoch seconds."""
        return max(seen.at for seen in self.sightings)

    @property
    def copies(self) -> int:
        """How often it was sent: as often as the point saw it that saw it most often, mirrored doubles left out."""
        times: Counter[str] = Counter()
        last: dict[str, float] = {}
        for seen in sorted(self.sightings, key=lambda seen: seen.at):
            times[seen.point] += seen.at - last.get(seen.point, -math.inf) > DOUBLE
            last[seen.point] = seen.at
        return max(times.values())

    def arrived(self, topology: Topology, points: Container[str | None]) -> bool:
        """False where it is for a system whose port was captured, and was not seen there."""
        point = topology.deciding_of(self.message.destination.address)
        return point not in points or any(seen.point == point for seen in self.sightings)


def steps_of(messages: Iterable[Message], topology: Topology) -> list[Step]:
    """Every message once for each way it went, in order of its first sighting; the line's data is left out.

    Unlike for events, a message that is forwarded unchanged (by a relay, or with its address translated) is
    a step of its own each time.
    """
    begun: dict[Hashable, Step] = {}
    found = []
    for message in messages:
        if isinstance(message, LineMessage):
            continue
        way = (message.identity, message.source.address, message.destination.address)
        step = begun.get(way)
        if step is None or message.at > step.at + repeats_for(message, topology):
            begun[way] = step = Step(message)
            found.append(step)
        step.sightings.extend(message.sightings)
    return sorted(found, key=lambda step: step.at)


def awaits_answer(message: Message) -> bool:
    """Whether it is a request that somebody has to answer."""
    if isinstance(message, DhcpMessage):
        return message.kind in (DhcpKind.DISCOVER, DhcpKind.REQUEST, DhcpKind.INFORM)
    if isinstance(message, CallMessage) or tone_of(message) is not Tone.ASKS:
        return False
    return not isinstance(message, SipMessage) or message.method != "ACK"


def exchange_of(message: Message) -> Hashable:
    """What a request and its answers have in common; None where nothing is answered."""
    ends = frozenset((message.source, message.destination))
    if isinstance(message, SipMessage):
        return (ends, message.call_id, message.sequence, message.method)
    if isinstance(message, RasMessage):
        return (ends, message.kind[0], message.sequence)
    if isinstance(message, DhcpMessage):
        return ("dhcp", message.client, message.transaction)
    if isinstance(message, DnsMessage):
        return (ends, message.number, message.name)
    return (ends, "http") if isinstance(message, HttpMessage) else None
