"""What a capture says, as lines: JSON to keep, rows to print. All instants are epoch seconds."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from harness.capture.decoder import Decoded
from harness.capture.events import (
    CallEvent,
    DhcpEvent,
    DhcpKind,
    Event,
    FetchEvent,
    Finding,
    LineEvent,
    LookupEvent,
    RegistrationAttempt,
    SystemNotice,
)
from harness.capture.media import MediaStream

KINDS: dict[type, str] = {
    RegistrationAttempt: "registration",
    SystemNotice: "notice",
    LineEvent: "line",
    DhcpEvent: "dhcp",
    CallEvent: "call",
    LookupEvent: "lookup",
    FetchEvent: "fetch",
    MediaStream: "media",
    Finding: "finding",
}


_SERVED = (DhcpKind.OFFER, DhcpKind.ACK, DhcpKind.NAK)
"""What a server says to a client."""

Entry = Event | MediaStream | Finding


@dataclass(frozen=True)
class Selection:
    """What of a capture is asked for: some of `KINDS` (none: all), and from when to when, epoch seconds."""

    kinds: frozenset[str] = frozenset()
    since: float = -math.inf
    until: float = math.inf

    def __contains__(self, entry: Entry) -> bool:
        begin, end = (entry.first, entry.last) if isinstance(entry, MediaStream) else (entry.at, entry.at)
        wanted = not self.kinds or KINDS[type(entry)] in self.kinds
        return wanted and begin <= self.until and end >= self.since


ALL = Selection()


@dataclass(frozen=True)
class Line:
    """One thing for a person to read: when, of what kind, who with whom, what; where it was seen first."""

    at: float
    kind: str
    source: str
    destination: str
    text: str
    seen: str


def json_lines(decoded: Decoded, selection: Selection = ALL) -> Iterator[str]:
    """Everything that was decoded and selected, one JSON object a line, in order of time."""
    for entry in _in_order(decoded, selection):
        yield json.dumps(_plain(entry), ensure_ascii=False)


def lines(decoded: Decoded, selection: Selection = ALL) -> Iterator[Line]:
    """The same for people."""
    for entry in _in_order(decoded, selection):
        yield Line(_instant(entry), KINDS[type(entry)], *_told(entry), _seen(entry))


def _in_order(decoded: Decoded, selection: Selection) -> list[Entry]:
    everything: list[Entry] = [*decoded.events, *decoded.media, *decoded.findings, *decoded.clock_doubts]
    return sorted((entry for entry in everything if entry in selection), key=_instant)


def _instant(entry: Entry) -> float:
    return entry.first if isinstance(entry, MediaStream) else entry.at


def _plain(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {"what": KINDS[type(entry)], "at": _instant(entry)}
    for one in fields(entry):
        value = getattr(entry, one.name)
        if one.name == "sightings":
            value = [[seen.point, seen.frame, seen.at] for seen in value]
        elif one.name == "options":
            value = {str(number): data.hex() for number, data in value.items()}
        elif one.name == "gaps":
            value = [asdict(gap) for gap in value]
        found[one.name] = value
    return found


def _seen(entry: Entry) -> str:
    if isinstance(entry, Finding):
        return f"{entry.point} {entry.frame}"
    if isinstance(entry, MediaStream):
        return entry.point
    return f"{entry.sightings[0].point} {entry.sightings[0].frame}" if entry.sightings else ""


def _told(entry: Entry) -> tuple[str, str, str]:
    """Source, destination and what there is to say."""
    if isinstance(entry, RegistrationAttempt):
        return entry.source, entry.role, _attempt(entry)
    if isinstance(entry, SystemNotice):
        return entry.role, entry.address, f"{entry.extension} is no longer registered: {entry.reason}"
    if isinstance(entry, LineEvent):
        return entry.sender, "the other system", f"{entry.kind}, {entry.size} bytes{'' if entry.reached else ', lost'}"
    if isinstance(entry, DhcpEvent):
        via = f" by relay {entry.relay}" if entry.relay else ""
        ends = (entry.source, entry.client) if entry.kind in _SERVED else (entry.client, entry.server or "any server")
        return *ends, f"{entry.kind.upper()} {entry.offered}{via}".rstrip()
    if isinstance(entry, CallEvent):
        numbers = f"{entry.caller} → {entry.called}: " if entry.caller or entry.called else ""
        return entry.source, entry.destination, f"{numbers}{entry.step} ({entry.reason})"
    if isinstance(entry, LookupEvent):
        return entry.client, entry.server, f"{entry.name}: {', '.join(entry.answers) or 'no answer'}"
    if isinstance(entry, FetchEvent):
        return entry.client, entry.server, f"{entry.method} {entry.uri}: {entry.status}"
    if isinstance(entry, MediaStream):
        return _end(entry.source), _end(entry.destination), _stream(entry)
    if isinstance(entry, Finding):
        return "", "", entry.text
    raise TypeError(f"nobody knows how to tell a {type(entry).__name__}")


def _attempt(entry: RegistrationAttempt) -> str:
    answer = f" ({entry.reason})" if entry.reason else ""
    granted = f", for {entry.expires:g} s" if entry.expires is not None else ""
    return f"{entry.protocol} {entry.extension}: {entry.outcome}{answer}{granted}"


def _stream(entry: MediaStream) -> str:
    kinds = ", ".join(map(str, entry.payload_types))
    worst = max((gap.seconds for gap in entry.gaps), default=0.0)
    count = len(entry.gaps) + entry.gaps_left_out
    gaps = f", {count} gap{'' if count == 1 else 's'}, longest {worst:.2f} s" if count else ""
    lasted = entry.last - entry.first
    return f"RTP type {kinds}: {entry.packets} packets in {lasted:.2f} s, {entry.lost} lost{gaps}"


def _end(end: tuple[str, int]) -> str:
    return f"{end[0]}:{end[1]}"
