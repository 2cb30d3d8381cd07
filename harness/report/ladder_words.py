"""What a ladder says of a message: on the arrow, beside it, and in which colour."""

import re

from harness.capture.events import DhcpKind
from harness.capture.messages import (
    CallMessage,
    DhcpMessage,
    DnsMessage,
    HttpMessage,
    Message,
    RasMessage,
    SipMessage,
)
from harness.capture.sip import expiry, user_of, withdraws
from harness.capture.tally import start_of
from harness.report.ladder import Tone

FROM_SERVER = (DhcpKind.OFFER, DhcpKind.ACK, DhcpKind.NAK)
"""What a DHCP server says."""
_MEDIA = re.compile(r"^m=(\w+)", re.MULTILINE)
_RAS_TONES = {"Q": Tone.ASKS, "F": Tone.GRANTS, "J": Tone.REFUSES}
"""By the last letter: request, confirm, reject."""
_CHALLENGES = (401, 407)


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
        refused, served = message.kind is DhcpKind.NAK, message.kind in FROM_SERVER
        return Tone.REFUSES if refused else Tone.GRANTS if served else Tone.ASKS
    if isinstance(message, DnsMessage):
        return Tone.ASKS if not message.answer else Tone.GRANTS if message.answers else Tone.REFUSES
    return Tone.REFUSES


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
