"""Messages: what one packet says, before it is known what it means for a registration."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from harness.base.units import EpochSeconds
from harness.capture.events import DhcpKind, Sighting, Sign
from harness.inventory import Role


@dataclass(frozen=True)
class Endpoint:
    """An address and a port."""

    address: str
    port: int


@dataclass(frozen=True)
class Message:
    """Common to all: from where to where, and where it was seen. `at` is the deciding instant."""

    at: EpochSeconds
    sightings: tuple[Sighting, ...]
    source: Endpoint
    destination: Endpoint

    @property
    def identity(self) -> Hashable:
        """Equal for sightings and retransmissions of the same message, from protocol identifiers."""
        raise NotImplementedError


@dataclass(frozen=True)
class SipMessage(Message):
    """One SIP message. `start` is its first line, `headers` long lower-case name → values in order."""

    start: str
    headers: Mapping[str, tuple[str, ...]] = field(repr=False)
    body: str = field(repr=False)

    @property
    def identity(self) -> Hashable:
        """Transaction and start line (RFC 3261, 17.1.3: branch and CSeq name a transaction)."""
        return (
            "sip",
            self.call_id,
            self.header("cseq"),
            self.header("via"),
            self.start,
            self.header("authorization"),
        )

    def header(self, name: str) -> str:
        """The first value of a header, "" where there is none."""
        return next(iter(self.headers.get(name, ())), "")

    @property
    def call_id(self) -> str:
        """Its Call-ID."""
        return self.header("call-id")

    @property
    def status(self) -> int | None:
        """The code of a response, None of a request."""
        if not self.start.startswith("SIP/2.0 "):
            return None
        code = self.start.split()[1]
        return int(code) if code.isascii() and code.isdigit() else None

    @property
    def method(self) -> str:
        """Of a request its own, of a response that of the request it answers."""
        if self.start.startswith("SIP/2.0 "):
            return (self.header("cseq").split() or [""])[-1]
        return self.start.split(" ", 1)[0]

    @property
    def sequence(self) -> str:
        """The number in CSeq."""
        return (self.header("cseq").split() or [""])[0]


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

    @property
    def identity(self) -> Hashable:
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

    @property
    def identity(self) -> Hashable:
        """The same before and after a relay."""
        return ("dhcp", self.kind, self.client, self.transaction, self.server)


@dataclass(frozen=True)
class LineMessage(Message):
    """A packet with payload on the line between the systems."""

    sender: Role
    size: int
    sequence: int
    again: bool
    """tshark knows it for a retransmission or a TCP keepalive."""
    alert: bool

    @property
    def identity(self) -> Hashable:
        """Its place in the stream of bytes."""
        return ("line", self.source, self.destination, self.sequence, self.size)


@dataclass(frozen=True)
class Rejection(Message):
    """A refusal by transport, from a system's registration port (`source`) to a requester."""

    sign: Sign
    frame: int

    @property
    def identity(self) -> Hashable:
        """Nothing numbers these; the same sign between the same ends within a moment is the same."""
        return ("rejection", self.sign, self.source, self.destination)
