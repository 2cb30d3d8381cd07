"""What SIP messages do to calls (RFC 3261, 12 to 15)."""

from collections.abc import Iterator

from harness.capture.events import CallEvent, CallStep
from harness.capture.messages import SipMessage
from harness.capture.sip import user_of
from harness.inventory import Protocol


def call_events(message: SipMessage) -> Iterator[CallEvent]:
    """The step of a call that this message is, if it is one."""
    step = _step(message)
    if step is not None:
        yield CallEvent(
            message.at,
            message.sightings,
            Protocol.SIP,
            message.call_id,
            step,
            user_of(message.header("from")),
            user_of(message.header("to")),
            message.source.address,
            message.destination.address,
            message.start.removeprefix("SIP/2.0 ") if message.status is not None else message.method,
        )


def _step(message: SipMessage) -> CallStep | None:
    within = ";tag=" in message.header("to").replace(" ", "")
    if message.status is None:
        if message.method == "INVITE":
            return CallStep.CHANGED if within else CallStep.SETUP
        return {"CANCEL": CallStep.CANCELLED, "BYE": CallStep.RELEASED}.get(message.method)
    if message.method != "INVITE" or message.status in (100, 401, 407):
        return None
    if message.status < 200:
        return CallStep.RINGING
    return CallStep.ANSWERED if message.status < 300 else CallStep.REFUSED
