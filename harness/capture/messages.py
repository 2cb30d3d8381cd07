"""Messages: what one packet says, before it is known what it means for a registration."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.base.units import EpochSeconds
from harness.capture.events import DHCP_ANSWERS, DhcpKind, Sighting, Sign
from harness.inventory import Role


class Endpoint(NamedTuple):
    """An address and a port."""

    address: str
    port: int


@dataclass(frozen=True)
class Message:
    """Common to all: from where to where, and where it was seen. `at` is the deciding instant.

    `identity` is equal for sightings and retransmissions of the same message, from protocol identifiers. It
    is made at once, while tshark works on the packets behind.
    """

    at: EpochSeconds
    sightings: tuple[Sighting, ...]
    source: Endpoint
    destination: Endpoint
    identity: Hashable = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", self._identity())

    def _identity(self) -> Hashable:
        raise NotImplementedError


@dataclass(frozen=True)
class SipMessage(Message):
    """One SIP message. `start` is its first line, `headers` long lower-case name → values in order.

    `status`: the code of a response, None of a request. `method`: of a request its own, of a response that
    of the request it answers. `sequence`: the number in CSeq.
    """

    start: str
    headers: Mapping[str, tuple[str, ...]] = field(repr=False)
    body: str = field(repr=False)
    status: int | None = field(init=False, repr=False)
    method: str = field(init=False, repr=False)
    call_id: str = field(init=False, repr=False)
    sequence: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        own, cseq = self.start.split(" ", 2), self.header("cseq").split()
        response = self.start.startswith("SIP/2.0 ")
        status = int(own[1]) if response and own[1].isascii() and own[1].isdigit() else None
        # What is derived is set here once; the class is frozen for everybody else.
        put = object.__setattr__
        put(self, "status", status)
        put(self, "method", (cseq or [""])[-1] if response else own[0])
        put(self, "call_id", self.header("call-id"))
        put(self, "sequence", (cseq or [""])[0])
        super().__post_init__()

    def _identity(self) -> Hashable:
        """Transaction and start line (RFC 3261, 17.1.3: branch and CSeq name a transaction)."""
        header = self.header
        return (self.start, self.call_id, header("cseq"), header("via"), header("authorization"))

    def header(self, name: str) -> str:
        """The first value of a header, "" where there is none."""
        values = self.headers.get(name)
        return values[0] if values else ""


@dataclass(frozen=True)
class RasMessage(Message):
    """One RAS message of H.225.0; `kind` by its usual abbreviation (GRQ, RCF …), "" for those not needed."""

    kind: str
    sequence: int
    digits: str
    endpoint: str
    keep_alive: bool
    time_to_live: int | None
    reason: str

    def _identity(self) -> Hashable:
        """Sequence numbers begin again when a phone restarts, so this holds for a short time only."""
        return ("ras", self.kind, self.sequence, self.source, self.destination)


@dataclass(frozen=True)
class DhcpMessage(Message):
    """One DHCP message; fields as in `DhcpEvent`."""

    kind: DhcpKind
    client: str
    transaction: int
    offered: str
    relay: str
    server: str
    options: Mapping[int, bytes] = field(repr=False)

    def _identity(self) -> Hashable:
        """The same before and after a relay; a server may answer the same question by its relay and without one."""
        answered_by_relay = self.relay if self.kind in DHCP_ANSWERS else ""
        return ("dhcp", self.kind, self.client, self.transaction, self.server, answered_by_relay)


@dataclass(frozen=True)
class CallMessage(Message):
    """One H.225 call signalling message; `kind` by its name in Q.931."""

    kind: str
    call: str
    caller: str
    called: str

    def _identity(self) -> Hashable:
        """A call has each message once in each direction."""
        return ("call", self.kind, self.call, self.source, self.destination)


@dataclass(frozen=True)
class DnsMessage(Message):
    """One DNS question or answer about one name."""

    number: int
    name: str
    answer: bool
    answers: tuple[str, ...]

    def _identity(self) -> Hashable:
        """By its number, for as long as it is in transit."""
        return ("dns", self.number, self.answer, self.name, self.source, self.destination)


@dataclass(frozen=True)
class HttpMessage(Message):
    """One HTTP request (`method`, `uri`) or answer (`status`)."""

    method: str
    uri: str
    status: int | None

    def _identity(self) -> Hashable:
        """Nothing numbers these."""
        return ("http", self.method, self.uri, self.status, self.source, self.destination)


@dataclass(frozen=True)
class LineMessage(Message):
    """A packet with payload on the line between the systems."""

    sender: Role
    size: int
    sequence: int
    again: bool
    """tshark knows it for a retransmission or a TCP keepalive."""
    alert: bool

    def _identity(self) -> Hashable:
        """Its place in the stream of bytes."""
        return ("line", self.source, self.destination, self.sequence, self.size)


@dataclass(frozen=True)
class Rejection(Message):
    """A refusal by transport: of a system's registration port (`source`) to a requester (`destination`).

    Or of the requester itself, by a TLS alert: of the system's certificate.
    """

    sign: Sign
    frame: int

    def _identity(self) -> Hashable:
        """Nothing numbers these; the same sign between the same ends within a moment is the same."""
        return ("rejection", self.sign, self.source, self.destination)
