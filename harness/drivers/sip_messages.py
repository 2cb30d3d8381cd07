"""SIP of the probe: REGISTER as text, answers by the `sipmessage` parser, timers of a transaction."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from sipmessage import Address, Message, Response

T1 = 0.5
T2 = 4.0
TIMER_F = 64 * T1
"""Bench seconds: first wait, longest wait and end of a SIP transaction (RFC 3261, 17.1.2.2)."""
ALL_CONTACTS = "*"
"""The contact that stands for all of an extension; only for withdrawing (RFC 3261, 10.2.2)."""


@dataclass
class Registration:
    """One registration at one system: what stays the same over its requests (RFC 3261, 10.2), and a link.

    Another Call-ID or contact would be a second telephone with this extension, and put the first one out.
    """

    extension: str
    domain: str
    transport: str
    call_id: str
    contact: str
    link: socket.socket
    sequence: int = 0


def register_request(
    registration: Registration, user_agent: str, branch: str, expires: int, authorization: str | None
) -> str:
    """A REGISTER; `authorization` is a whole header line, `expires` bench seconds."""
    host, port = registration.link.getsockname()[:2]
    who = f"<sip:{registration.extension}@{registration.domain}>"
    lines = [
        f"REGISTER sip:{registration.domain} SIP/2.0",
        f"Via: SIP/2.0/{registration.transport.upper()} {host}:{port};branch={branch};rport",
        "Max-Forwards: 70",
        f"From: {who};tag={branch[-8:]}",
        f"To: {who}",
        f"Call-ID: {registration.call_id}",
        f"CSeq: {registration.sequence} REGISTER",
        f"Contact: {registration.contact}",
        f"Expires: {expires}",
        f"User-Agent: {user_agent}",
    ]
    if authorization is not None:
        lines.append(authorization)
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])


def retransmissions(within: float = TIMER_F) -> Iterator[float]:
    """Waits of a transaction over UDP in bench seconds: T1, doubled up to T2, `within` in all."""
    wait, left = T1, within
    while left > 0:
        yield min(wait, left)
        left -= wait
        wait = min(2 * wait, T2)


def granted_expiry(response: Response, contact: str, asked: int) -> int:
    """Bench seconds for which a 200 leaves `contact` bound; 0 where it leaves no such binding."""
    if contact == ALL_CONTACTS:
        return 0
    try:
        bound = {_place(address): address for address in response.contact}
        ours = bound.get(_place(Address.parse(contact)))
        default = response.headers.get("Expires") or asked
        return 0 if ours is None else int(ours.parameters.get("expires") or default)
    except ValueError:
        return 0


def _place(contact: Address) -> tuple[str | None, str, int | None]:
    return contact.uri.user, contact.uri.host, contact.uri.port


def final_answer(data: bytes, branch: str) -> Response | None:
    """The final response to the request of `branch` among the whole messages in `data`, if it is there."""
    while b"\r\n\r\n" in data:
        try:
            message = Message.parse(data)
            length = int(message.headers.get("Content-Length") or 0)
        except ValueError:
            return None
        if len(message.body) < length:
            return None
        data = message.body[length:]
        if isinstance(message, Response) and message.code >= 200 and _branch_of(message) == branch:
            return message
    return None


def _branch_of(message: Response) -> str | None:
    try:
        return message.via[0].parameters.get("branch")
    except (ValueError, IndexError):
        return None


def is_stale(response: Response) -> bool:
    """Whether a challenge says that the password was right, but its nonce too old."""
    challenges = response.headers.getlist("WWW-Authenticate") + response.headers.getlist("Proxy-Authenticate")
    return response.code in (401, 407) and any("stale=true" in header.lower() for header in challenges)
