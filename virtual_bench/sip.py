"""SIP messages as the emulators write and read them (RFC 3261, 3581, 6665), on the parser `sipmessage`."""

import secrets
from collections.abc import Mapping

from sipmessage import URI, Address, CSeq, Message, Parameters, Request, Response, Via

PORT, TLS_PORT = 5060, 5061
BRANCH_COOKIE = "z9hG4bK"
PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    481: "Subscription Does Not Exist",
    489: "Bad Event",
    503: "Service Unavailable",
}
Peer = tuple[str, int]


def in_uri(host: str) -> str:
    """A host as it stands in a URI or a Via: an IPv6 address in brackets (RFC 3261, 25.1)."""
    return f"[{host}]" if ":" in host else host


class Framing:
    """Cuts a stream into messages by their Content-Length (RFC 3261, 18.3)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete with `data`. Raises ValueError where the stream makes no sense."""
        self._rest += data
        messages = []
        while message := self._take():
            messages.append(message)
        return messages

    def _take(self) -> bytes:
        self._rest = self._rest.lstrip(b"\r\n")  # keep-alives between messages (RFC 5626, 3.5.1)
        head, separator, _ = self._rest.partition(b"\r\n\r\n")
        if not separator:
            return b""
        end = len(head) + len(separator) + _content_length(head)
        if len(self._rest) < end:
            return b""
        message, self._rest = self._rest[:end], self._rest[end:]
        return message


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"content-length", b"l"):
            return int(value)
    raise ValueError("a SIP message in a stream without Content-Length")


def parse(data: bytes) -> Request | Response:
    """The message in `data`. Raises ValueError where it lacks what every message needs."""
    message = Message.parse(data)
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        if message.headers.get(name) is None:
            raise ValueError(f"a SIP message without {name}")
    return message


def new_request(
    method: str,
    target: URI,
    local: Address,
    remote: Address,
    call_id: str,
    number: int,
    via: tuple[str, Peer],
) -> Request:
    """A request with a Via of its own; `via` is its transport ("UDP", "TCP") and the sender's address."""
    transport, (host, port) = via
    request = Request(method, target)
    request.via = [Via(transport, in_uri(host), port, Parameters(branch=new_branch(), rport=None))]
    request.headers.set("Max-Forwards", "70")
    request.from_address, request.to_address = local, remote
    request.call_id, request.cseq = call_id, CSeq(number, method)
    request.headers.set("Content-Length", "0")
    return request


def answer(request: Request, code: int, headers: Mapping[str, str] | None = None) -> Response:
    """The final response to `request`, with a To tag and the given further headers."""
    response = Response(code, PHRASES[code])
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        response.headers.setlist(name, list(request.headers.getlist(name)))
    to = request.to_address
    if "tag" not in to.parameters:
        response.to_address = Address(to.uri, to.name, to.parameters.replace(tag=new_tag()))
    for name, value in (headers or {}).items():
        response.headers.set(name, value)
    response.headers.set("Content-Length", "0")
    return response


def stamp_received(request: Request, peer: Peer) -> None:
    """Write into the topmost Via where the request came from (RFC 3581, 4)."""
    top, *others = request.via
    parameters = top.parameters
    if "rport" in parameters:
        parameters = parameters.replace(rport=str(peer[1]))
    # Of IPv6 only where it differs from what is said: the parser's way to write it there is nobody else's.
    if top.host != in_uri(peer[0]) or ("rport" in parameters and ":" not in peer[0]):
        parameters = parameters.replace(received=peer[0])
    request.via = [Via(top.transport, top.host, top.port, parameters), *others]


def set_body(message: Request, content_type: str, body: str) -> None:
    """Give `message` a body with its headers."""
    message.body = body.encode()
    message.headers.set("Content-Type", content_type)
    message.headers.set("Content-Length", str(len(message.body)))


def branch_of(message: Request | Response) -> str:
    """The branch of the topmost Via, which names the transaction; "" where there is none."""
    return message.via[0].parameters.get("branch") or ""


def uri_transport(transport: str) -> str:
    """The parameter of a URI for a transport of Via: `ws` is that of any WebSocket (RFC 7118, 5.2)."""
    return "ws" if transport == "WSS" else transport.lower()


def asked_expiry(request: Request, default: int) -> int:
    """Seconds that a REGISTER or SUBSCRIBE asks for: of its Contact, else its Expires, else `default`.

    Raises ValueError for what is no number.
    """
    contact = request.headers.get("Contact")
    if contact and contact.strip() != "*":
        expires = request.contact[0].parameters.get("expires")
        if expires is not None:
            return int(expires)
    return default if request.expires is None else request.expires


def new_branch() -> str:
    """A branch that no other transaction has."""
    return BRANCH_COOKIE + secrets.token_hex(8)


def new_tag() -> str:
    """A tag for From or To."""
    return secrets.token_hex(5)
