"""H.225 call signalling messages out of a row, and what they do to a call. Q.931 message types: table 4-2."""

from collections.abc import Iterator

from harness.capture.events import CallEvent, CallStep, Sighting
from harness.capture.fields import Row
from harness.capture.messages import CallMessage, Endpoint
from harness.inventory import Protocol

_KINDS = {
    0x05: ("Setup", CallStep.SETUP),
    0x01: ("Alerting", CallStep.RINGING),
    0x07: ("Connect", CallStep.ANSWERED),
    0x5A: ("Release Complete", CallStep.RELEASED),
}
_STEPS = dict(_KINDS.values())


def call_messages(row: Row, point: str, frame: int) -> Iterator[CallMessage]:
    """The call signalling message of this packet, if it is one that decides something about a call."""
    kind, _ = _KINDS.get(row.number("q931.message_type"), ("", None))
    if not kind:
        return
    (source, destination), (source_port, destination_port) = row.addresses, row.ports
    yield CallMessage(
        row.at,
        (Sighting(point, frame, row.at),),
        Endpoint(source, source_port),
        Endpoint(destination, destination_port),
        kind,
        row.first("h225.guid") or row.first("q931.call_ref"),
        row.first("q931.calling_party_number.digits"),
        row.first("q931.called_party_number.digits"),
    )


def call_event(message: CallMessage) -> CallEvent:
    """What it does to its call."""
    return CallEvent(
        message.at,
        message.sightings,
        Protocol.H323,
        message.call,
        _STEPS[message.kind],
        message.caller,
        message.called,
        message.source.address,
        message.destination.address,
        message.kind,
    )
