"""Messages as the steps of a ladder: what stands on the arrow and beside it, and which answer belongs to what."""

import math
import re
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
from harness.capture.sip import expiry, user_of, withdraws
from harness.capture.tally import start_of
from harness.capture.topology import Topology
from harness.report.ladder import Tone

_MEDIA = re.compile(r"^m=(\w+)", re.MULTILINE)
_FROM_SERVER = (DhcpKind.OFFER, DhcpKind.ACK, DhcpKind.NAK)
_RAS_TONES = {"Q": Tone.ASKS, "F": Tone.GRANTS, "J": Tone.REFUSES}
"""By the last letter: request, confirm, reject."""
_CHALLENGES = (401, 407)
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


def text_of(message: Message) -> str:
    """What stands on the arrow: method, kind or status."""
    if isinstance(message, SipMessage) and message.status is not None:
        return str(message.status)
    if isinstance(message, DnsMessage):
        return f"DNS {start_of(message)}"
    return start_of(message)


def detail_of(message: Message) -> str:
    """What stands beside it."""
    if isinstance(message, SipMessage):
        return _sip_detail(message)
    if isinstance(message, RasMessage):
        granted = f"for {message.time_to_live} s" if message.time_to_live is not None else ""
        light = "keep-alive" if message.keep_alive else ""
        return ", ".join(filter(None, (message.digits, light, granted, message.reason)))
    if isinstance(message, CallMessage):
        return f"{message.caller} → {message.called}" if message.caller or message.called else ""
    if isinstance(message, DhcpMessage):
        return message.offered or message.client
    if isinstance(message, DnsMessage):
        return f"{message.name}: {', '.join(message.answers) or 'none'}" if message.answer else message.name
    return message.uri if isinstance(message, HttpMessage) else ""


def tone_of(message: Message) -> Tone:
    """What it does."""
    if isinstance(message, SipMessage | HttpMessage):
        return _status_tone(message.status)
    if isinstance(message, RasMessage):
        return _RAS_TONES[message.kind[-1]]
    if isinstance(message, CallMessage):
        return {"Connect": Tone.GRANTS, "Alerting": Tone.PROCEEDS}.get(message.kind, Tone.ASKS)
    if isinstance(message, DhcpMessage):
        refused, served = message.kind is DhcpKind.NAK, message.kind in _FROM_SERVER
        return Tone.REFUSES if refused else Tone.GRANTS if served else Tone.ASKS
    if isinstance(message, DnsMessage):
        return Tone.ASKS if not message.answer else Tone.GRANTS if message.answers else Tone.REFUSES
    return Tone.REFUSES


def is_from_server(message: DhcpMessage) -> bool:
    """Whether a server says it."""
    return message.kind in _FROM_SERVER


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


def _sip_detail(message: SipMessage) -> str:
    extension = user_of(message.header("to"))
    media = " and ".join(dict.fromkeys(_MEDIA.findall(message.body)))
    if message.status is not None:
        reason = message.start.removeprefix(f"SIP/2.0 {message.status}").strip()
        answered = reason if message.method == "REGISTER" else f"{reason} ({message.method})"
        return ", ".join(filter(None, (answered, _bound(message), media)))
    if message.method == "REGISTER":
        known = "with digest" if message.header("authorization") else ""
        wanted = "withdraws" if withdraws(message) else _bound(message)
        return ", ".join(filter(None, (extension, wanted, known)))
    return ", ".join(filter(None, (f"{user_of(message.header('from'))} → {extension}".strip(" →"), media)))


def _bound(message: SipMessage) -> str:
    """For how long a registration is asked for or granted."""
    if message.method != "REGISTER" or (message.status is not None and message.status >= 300):
        return ""
    seconds = [expiry(message, contact) for contact in message.headers.get("contact", ())]
    return next((f"for {each} s" for each in seconds if each is not None), "")


def _status_tone(status: int | None) -> Tone:
    if status is None:
        return Tone.ASKS
    if status < 200 or status in _CHALLENGES:
        return Tone.PROCEEDS
    return Tone.GRANTS if status < 400 else Tone.REFUSES
