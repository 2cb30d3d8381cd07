"""Events: typed, stamped facts read from the wire. One packet seen at several capture points is one event.

All instants are epoch seconds on the harness clock; expiries are bench seconds, as they stand on the wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.base.units import BenchSeconds, EpochSeconds
from harness.inventory import Protocol, Role


@dataclass(frozen=True)
class Sighting:
    """A packet as one capture point has it: `frame` is its number in that point's file, from 1."""

    point: str
    frame: int
    at: EpochSeconds


@dataclass(frozen=True)
class Event:
    """Common to all. `at` is the instant at the deciding port: that of the answering system.

    Where that port shows nothing (a request to a system whose link is cut) it is the first sighting anywhere.
    """

    at: EpochSeconds
    sightings: tuple[Sighting, ...]


class Outcome(StrEnum):
    """How a registration attempt ended (clauses.md, *Facts from packets*)."""

    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    CHALLENGED = "challenged"
    UNANSWERED = "unanswered"
    """No final answer in time from a system that got the request and answered something else meanwhile."""
    UNHEARD = "unheard"
    """No final answer, and no reason to think that the system refused it: it, or the path to it, was dead."""
    WITHDRAWN = "withdrawn"
    """The phone took its registration back, and the system confirmed that."""


class Sign(StrEnum):
    """How a transport says no."""

    CONNECTION_REFUSED = "connection refused"
    RESET = "connection reset"
    UNREACHABLE = "ICMP unreachable"
    ALERT = "TLS alert"


@dataclass(frozen=True)
class RegistrationAttempt(Event):
    """The whole exchange of one requester at one system, the authenticated retry included.

    `at` is the time of the answer, or of the first request where there was none. `source` is the
    requester's address, `role` the system: of a bench its role, else its address. `reason`: status line,
    reject reason or what the transport did. `expires`: what was granted. `withdrawing`: the phone asked to
    be unregistered. `requests`: how many different requests it took, retransmissions not counted.
    """

    protocol: Protocol
    extension: str
    source: str
    role: str
    asked_at: EpochSeconds
    answered_at: EpochSeconds | None
    outcome: Outcome
    reason: str = ""
    expires: BenchSeconds | None = None
    withdrawing: bool = False
    requests: int = 1

    @property
    def by_transport(self) -> bool:
        """Whether it was the transport that refused it: nothing that the system's registrar decided."""
        return self.outcome is Outcome.REFUSED and self.reason in set(Sign)


@dataclass(frozen=True)
class SystemNotice(Event):
    """The system itself told a phone that it is no longer registered: NOTIFY of event reg, or URQ."""

    protocol: Protocol
    extension: str
    address: str
    role: str
    reason: str


class LineKind(StrEnum):
    """What a packet of the line between the systems is, judged without decryption."""

    KEEPALIVE = "keepalive"
    PAYLOAD = "payload"


@dataclass(frozen=True)
class LineEvent(Event):
    """A packet with payload from `sender`; `at` the receiving system's port if it `reached` that."""

    sender: Role
    kind: LineKind
    size: int
    reached: bool


class DhcpKind(StrEnum):
    """DHCP message types (RFC 2132, option 53)."""

    DISCOVER = "discover"
    OFFER = "offer"
    REQUEST = "request"
    DECLINE = "decline"
    ACK = "ack"
    NAK = "nak"
    RELEASE = "release"
    INFORM = "inform"


DHCP_ANSWERS = (DhcpKind.OFFER, DhcpKind.ACK, DhcpKind.NAK)
"""What a server says."""


@dataclass(frozen=True)
class DhcpEvent(Event):
    """One DHCP message, with or without its way through a relay.

    `client` is the hardware address (chaddr), `source` the sender's address at the first sighting (that
    of a server where its port is captured), `relay` the giaddr or "", `offered` the yiaddr or "",
    `server` the server identifier (option 54) or "", `options` number → raw value. `at` is the first
    sighting; which ports saw it tell the sightings.
    """

    kind: DhcpKind
    client: str
    source: str
    transaction: int
    offered: str
    relay: str
    server: str
    options: Mapping[int, bytes]


class CallStep(StrEnum):
    """What a call signalling message does to a call."""

    SETUP = "setup"
    RINGING = "ringing"
    ANSWERED = "answered"
    CHANGED = "changed"
    """Its media, within the call."""
    REFUSED = "refused"
    CANCELLED = "cancelled"
    RELEASED = "released"


@dataclass(frozen=True)
class CallEvent(Event):
    """One step of one call on one leg. `call`: Call-ID, or H.225 call identifier; `caller` and `called`: numbers.

    `source` and `destination`: addresses of the message; `reason`: status line or message, as it stands there.
    """

    protocol: Protocol
    call: str
    step: CallStep
    caller: str
    called: str
    source: str
    destination: str
    reason: str


@dataclass(frozen=True)
class LookupEvent(Event):
    """A DNS answer: `client` asked `server` for `name` and was told `answers`; none where there is no such name."""

    client: str
    server: str
    name: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class FetchEvent(Event):
    """An HTTP answer: `client` fetched `uri` from `server`; `status` is the code of the answer."""

    client: str
    server: str
    method: str
    uri: str
    status: int


@dataclass(frozen=True)
class Finding:
    """Something in a file that is no event but must not be passed over: a malformed or cut packet."""

    point: str
    frame: int
    at: EpochSeconds
    text: str
