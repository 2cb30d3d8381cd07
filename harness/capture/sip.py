"""SIP messages out of a row. Over TCP one packet may end several messages, and one may span several packets.

tshark prints, for each message, its headers *and all that follows in the reassembled bytes*; so the
first value holds every later message, and each later value is a suffix of the one before. Messages that
came in records or frames of their own (TLS, WebSocket) are printed each by itself.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise

from harness.capture.events import Sighting
from harness.capture.fields import Row, unescaped
from harness.capture.messages import Endpoint, SipMessage

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type", "o": "event", "e": "content-encoding", "s": "subject", "k": "supported",
    "u": "allow-events",
}  # fmt: skip
"""Compact header names: RFC 3261 7.3.3 and RFC 6665."""
NEEDED = frozenset({
    "via", "from", "to", "call-id", "cseq", "contact", "expires", "event", "subscription-state", "retry-after",
    "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "user-agent", "server",
    "content-type",
})  # fmt: skip
"""The headers that somebody here asks for."""
_STARTS = ("sip.Request-Line", "sip.Status-Line")
_ANSWER = "SIP/2.0 "
_FOLD = re.compile(r"\r?\n[ \t]+")
_COMMA_SEPARATED = ("via", "contact")
_COMMA = re.compile(r',(?=(?:[^"<]|"(?:\\.|[^"\\])*"|<[^>]*>)*$)')
_DISPLAYED = re.compile(r'^\s*"(?:\\.|[^"\\])*"')
"""The quoted name before a URI, in which anything may stand."""
_URI = re.compile(r"<([^>]*)>")
_USER = re.compile(r"sips?:([^@]+)@")
_REMEMBERED = 4096
"""Lines that are remembered with their meaning: phones say the same ones over and over."""
_EXPIRES = re.compile(r";\s*expires\s*=\s*\"?(\d+)", re.IGNORECASE)
_STATE = re.compile(r"\bstate\s*=\s*[\"'](\w+)[\"']")


def sip_messages(row: Row, point: str, frame: int) -> Iterator[SipMessage]:
    """Every SIP message that this packet completes, in their order.

    Raises ValueError where the packet's start lines and headers do not fit each other.
    """
    tails = [unescaped(text) for text in row.all("sip.msg_hdr")]
    if not tails:
        return
    starts = [unescaped(text).strip() for name in _STARTS for text in row.all(name)]
    if len(starts) != len(tails):
        raise ValueError("SIP start lines and headers that do not fit each other")
    sightings = (Sighting(point, frame, row.at),)
    (source, destination), (source_port, destination_port) = row.addresses, row.ports
    ends = Endpoint(source, source_port), Endpoint(destination, destination_port)
    for start, text in _parted(starts, tails):
        head, body = _halves(text)
        yield SipMessage(row.at, sightings, *ends, start, headers_of(head), body)


def _halves(text: str) -> tuple[str, str]:
    """Headers and body. The first empty line parts them, also where it is the first line: then there is no header.

    Like tshark this takes each of CR LF, LF and CR for a line's end.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("\n"):
        return "", text[1:]
    head, _, body = text.partition("\n\n")
    return head, body


def _parted(starts: list[str], tails: list[str]) -> list[tuple[str, str]]:
    """(start line, headers and body) of each message of a packet."""
    if len(tails) == 1:
        return [(starts[0], tails[0])]
    if not all(tail.endswith(later) for tail, later in pairwise(tails)):
        return _matched(starts, tails)
    pieces = _pieces(tails)
    first = list((Counter(starts) - Counter(start for start, _ in pieces[1:])).elements())
    if len(first) != 1:
        raise ValueError("SIP start lines and headers that do not fit each other")
    return [(first[0], pieces[0][1]), *pieces[1:]]


def _matched(starts: list[str], tails: list[str]) -> list[tuple[str, str]]:
    """The same where each is printed by itself. Both lists of starts are in order; what is a request tells its method.

    Raises ValueError where a packet has a request, and an answer to one of that method.
    """
    asked = [start for start in starts if not start.startswith(_ANSWER)]
    requests, answers = iter(asked), iter([start for start in starts if start.startswith(_ANSWER)])
    asking, methods = [start.partition(" ")[0] for start in asked], [_method_of(tail) for tail in tails]
    if any(asking.count(method) != methods.count(method) for method in asking):
        raise ValueError("SIP messages of one packet that cannot be told apart")
    return [
        (next(requests if method in asking else answers), tail) for method, tail in zip(methods, tails, strict=True)
    ]


def _method_of(tail: str) -> str:
    return "".join(headers_of(_halves(tail)[0]).get("cseq", ())).rpartition(" ")[2]


def _pieces(tails: list[str]) -> list[tuple[str, str]]:
    """(start line, headers and body) of each message; the first one's start line is not in the text."""
    pieces, start = [], ""
    for tail, later in zip(tails, [*tails[1:], ""], strict=True):
        own = tail.removesuffix(later)
        if later:
            own, _, last_line = own.removesuffix("\r\n").rpartition("\r\n")
            pieces.append((start, own))
            start = _start_line(last_line)
        else:
            pieces.append((start, own))
    return pieces


def _start_line(text: str) -> str:
    """The start line at the end of `text`: a body without a line's end runs into it."""
    found = re.search(r"(SIP/2\.0 \d{3} .*|[A-Z]+ \S+ SIP/2\.0)$", text)
    if found is None:
        raise ValueError("a SIP message without a start line")
    return found[0].strip()


def headers_of(text: str) -> Mapping[str, tuple[str, ...]]:
    """The headers of `NEEDED` by long lower-case name; folded lines joined, compact names written out, lists split."""
    found: dict[str, tuple[str, ...]] = {}
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    for line in text.split("\n"):
        name, values = _header(line)
        if values:
            found[name] = found[name] + values if name in found else values
    return found


@lru_cache(_REMEMBERED)
def _header(line: str) -> tuple[str, tuple[str, ...]]:
    """Its long lower-case name and its values; none of a header that nobody asks for."""
    name, _, value = line.partition(":")
    name = name.strip().lower()
    name = _COMPACT.get(name, name)
    if name not in NEEDED:
        return name, ()
    if name in _COMMA_SEPARATED and "," in value:
        return name, tuple(part.strip() for part in _COMMA.split(value))
    return name, (value.strip(),)


@lru_cache(_REMEMBERED)
def user_of(header: str) -> str:
    """The user part of the URI in a From, To or Contact without parameters of its own, "" where there is none."""
    found = _USER.match(uri_of(header))
    return (found[1].partition(";")[0] or found[1]) if found else ""


@lru_cache(_REMEMBERED)
def uri_of(contact: str) -> str:
    """The URI of a Contact without its parameters: what names a binding."""
    text = _DISPLAYED.sub("", contact) if '"' in contact else contact
    found = _URI.search(text)
    if found is None:
        return text.strip().partition(";")[0]
    user, at, host = found[1].strip().partition("@")  # a user part may have semicolons of its own
    return f"{user}@{host.partition(';')[0]}" if at else user.partition(";")[0]


def expiry(message: SipMessage, contact: str) -> int | None:
    """What `message` says of how long `contact` is bound, seconds as on the wire; None if nothing."""
    found = _EXPIRES.search(contact.rpartition(">")[2] or contact)
    text = found[1] if found else message.header("expires")
    return int(text) if text.isascii() and text.isdigit() else None


def granted(request: SipMessage, answer: SipMessage) -> int:
    """For how long a 200 leaves the requester bound, seconds as on the wire; 0 if not at all.

    Contacts of the answer that are not the requester's own count only if its own is not among them:
    a registrar behind address translation may have rewritten it.
    """
    own = {uri_of(contact) for contact in request.headers.get("contact", ())}
    bound = answer.headers.get("contact", ())
    chosen = [contact for contact in bound if uri_of(contact) in own] or list(bound)
    asked = max((expiry(request, contact) or 0 for contact in request.headers.get("contact", ())), default=0)
    if not chosen:
        stated = expiry(answer, "")
        return asked if stated is None else stated
    return max(_or(expiry(answer, contact), asked) for contact in chosen)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def withdraws(request: SipMessage) -> bool:
    """Whether a REGISTER asks to be unbound: every contact with expiry 0, or `*`."""
    contacts = request.headers.get("contact", ())
    return bool(contacts) and all(expiry(request, contact) == 0 for contact in contacts)


def is_registration_withdrawn(notify: SipMessage) -> bool:
    """Whether this is a NOTIFY of event *reg* that says the registration is over (RFC 3680)."""
    if notify.status is not None or notify.method != "NOTIFY":
        return False
    if notify.header("event").partition(";")[0].strip().lower() != "reg":
        return False
    element = re.search(r"<(?:\w+:)?registration\b[^>]*>", notify.body)
    if element is not None:
        state = _STATE.search(element[0])
        return state is not None and state[1] == "terminated"
    return not notify.body.strip() and notify.header("subscription-state").lower().startswith("terminated")
