"""How often each kind of message was said, by protocol and start: method or kind, or status and what it answers."""

from collections import Counter
from dataclasses import dataclass, field

from harness.capture.messages import (
    CallMessage,
    DhcpMessage,
    DnsMessage,
    HttpMessage,
    LineMessage,
    Message,
    RasMessage,
    Rejection,
    SipMessage,
)

Said = tuple[str, str]
"""Protocol and start: ("SIP", "REGISTER"), ("SIP", "401 to REGISTER"), ("RAS", "RRQ")."""


@dataclass
class Tally:
    """`different`: messages, each once however often it was seen; `seen`: with every copy at every capture point."""

    different: Counter[Said] = field(default_factory=Counter)
    seen: Counter[Said] = field(default_factory=Counter)

    def count(self, message: Message) -> None:
        """Take in a message with all its sightings."""
        said = protocol_of(message), start_of(message)
        self.different[said] += 1
        self.seen[said] += len(message.sightings)


def protocol_of(message: Message) -> str:
    """By its usual name."""
    return _PROTOCOLS[type(message)]


def start_of(message: Message) -> str:
    """What kind of message it is, in the words of its protocol."""
    if isinstance(message, SipMessage):
        return message.method if message.status is None else f"{message.status} to {message.method}"
    if isinstance(message, RasMessage | CallMessage):
        return message.kind
    if isinstance(message, DhcpMessage):
        return message.kind.upper()
    if isinstance(message, DnsMessage):
        return "answer" if message.answer else "question"
    if isinstance(message, HttpMessage):
        return message.method if message.status is None else str(message.status)
    return str(message.sign) if isinstance(message, Rejection) else "data"


_PROTOCOLS: dict[type[Message], str] = {
    SipMessage: "SIP",
    RasMessage: "RAS",
    CallMessage: "H.225",
    DhcpMessage: "DHCP",
    DnsMessage: "DNS",
    HttpMessage: "HTTP",
    LineMessage: "line",
    Rejection: "transport",
}
