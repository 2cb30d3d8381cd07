"""Capture files to events: all but the media through tshark once, then messages, then their meaning."""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from harness.base.units import EpochSeconds
from harness.capture.correlate import Merger, merged
from harness.capture.dhcp import dhcp_messages
from harness.capture.dissecting import Dissection
from harness.capture.events import DhcpEvent, Event, Finding, RegistrationAttempt
from harness.capture.exchange import Voices
from harness.capture.fields import Row
from harness.capture.h225_calls import call_event, call_messages
from harness.capture.line import line_events, line_messages
from harness.capture.media import MediaStream
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
from harness.capture.offsets import ClockOffset, corrected, earliest, estimate
from harness.capture.offsets import doubts as clock_doubts
from harness.capture.ras import ras_messages
from harness.capture.ras_attempts import RasAttempts
from harness.capture.settings_traffic import Fetches, dns_messages, http_messages, lookup
from harness.capture.sights import Sights
from harness.capture.sip import sip_messages
from harness.capture.sip_attempts import SipAttempts
from harness.capture.sip_calls import call_events
from harness.capture.tally import Tally
from harness.capture.topology import Topology
from harness.capture.transport import rejections
from harness.inventory import Protocol


@dataclass(frozen=True)
class Decoded:
    """What the files of one recording say.

    `events` in order of time; `packets`: capture point → how many; `media`: RTP streams by point, source and
    destination; `sights`: capture point → device whose port it sees → when that sent anything. Of capture
    points with a clock of their own: `offsets`, real seconds by which its corrected stamps may still be wrong,
    and `clock_doubts`, why some cannot be corrected. `last_seen`: capture
    point → stamp of its last packet. `tally`: how often each kind of message was said.
    """

    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    packets: Mapping[str, int]
    media: tuple[MediaStream, ...] = ()
    sights: Mapping[str, Mapping[str, Sights]] = field(default_factory=dict)
    offsets: Mapping[str, float] = field(default_factory=dict)
    clock_doubts: tuple[Finding, ...] = ()
    last_seen: Mapping[str, EpochSeconds] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)


class PointReader:
    """What the files of one capture point say, before points are compared.

    Iterate `messages`; `dissection` and `findings` are complete afterwards.
    """

    def __init__(self, files: Sequence[Path], point: str, topology: Topology, keys: Path | None = None) -> None:
        self.dissection = Dissection(files, topology, point, keys)
        self.findings: list[Finding] = []
        self._point, self._topology = point, topology

    def messages(self) -> Iterator[Message]:
        """The messages in the order of the files. Raises as `Dissection.rows`."""
        last = EpochSeconds(0.0)
        for frame, row in self.dissection.rows():
            last = row.at
            found, finding = read_packet(row, self._point, frame, self._topology)
            if finding:
                self.findings.append(Finding(self._point, frame, last, finding))
            for message in found:
                if asks_for_registration(message):
                    self._topology.learn(message.destination.address)
                yield message
        for file in self.dissection.cut_short:
            text = f"{file.name} ends within a packet"
            self.findings.append(Finding(self._point, self.dissection.packets, last, text))


def decode(
    files: Mapping[str, Sequence[Path]],
    topology: Topology,
    ended: EpochSeconds,
    own_clocks: Collection[str] = (),
    keys: Mapping[str, Path] = MappingProxyType({}),
) -> Decoded:
    """The events of a recording that lasted until `ended`; `files`: capture point → its files in order.

    Every point's files go through a tshark of their own, side by side, and are read in order of time.
    `own_clocks`: points whose stamps are not by the harness's clock; `keys`: point → TLS key log.
    Raises HarnessFault for a file that cannot be read, ConfigurationFault without tshark.
    """
    points = {point: PointReader(paths, point, topology, keys.get(point)) for point, paths in files.items()}
    messages, offsets, doubts = together(points, topology, own_clocks)
    tally = Tally()
    events = tuple(events_of(messages, topology, ended, tally))
    findings = sorted((found for point in points.values() for found in point.findings), key=lambda found: found.at)
    dissections = {name: point.dissection for name, point in points.items()}
    return Decoded(
        events,
        tuple(findings),
        {name: found.packets for name, found in dissections.items()},
        tuple(stream for found in dissections.values() for stream in found.media),
        {name: found.sights for name, found in dissections.items()},
        {name: offset.widest for name, offset in offsets.items()},
        tuple(doubts),
        {name: earliest(found.last_seen, offsets.get(name)) for name, found in dissections.items()},
        tally,
    )


def together(
    points: Mapping[str, PointReader], topology: Topology, own_clocks: Collection[str] = ()
) -> tuple[Iterator[Message], Mapping[str, ClockOffset], list[Finding]]:
    """The messages of all points by one clock and about in order of time; what is known of other clocks, and doubts.

    `own_clocks` as for `decode`. Raises as `Dissection.rows`, in part only while the messages are taken.
    """
    streams: Iterable[Iterable[Message]] = [point.messages() for point in points.values()]
    offsets: dict[str, ClockOffset] = {}
    doubts: list[Finding] = []
    if own_clocks:
        whole = {name: list(found) for name, found in zip(points, streams, strict=True)}
        offsets = estimate(whole, own_clocks, topology)
        streams = [
            [corrected(message, offsets[name]) for message in found] if name in offsets else found
            for name, found in whole.items()
        ]
        doubts = clock_doubts(offsets, whole)
    return heapq.merge(*streams, key=lambda message: message.at), offsets, doubts


def asks_for_registration(message: Message) -> bool:
    """Whether it is sent to what registers phones."""
    if isinstance(message, SipMessage):
        return message.status is None and message.method == "REGISTER"
    return isinstance(message, RasMessage) and message.kind in ("GRQ", "RRQ")


def read_packet(row: Row, point: str, frame: int, topology: Topology) -> tuple[list[Message], str]:
    """The messages of one packet, and what is wrong with it ("" if nothing).

    Sight of the line needs no more than sound TCP, so it is read even where what TCP carries is odd.
    """
    if not row.at:
        return [], "a packet without a time stamp"
    messages: list[Message] = list(line_messages(row, point, frame, topology))
    if row.first("_ws.malformed"):
        return messages, next((text for text in row.all("_ws.malformed") if " " in text), "a malformed packet").strip(
            "[]"
        )
    if row.first("_ws.short"):
        return messages, "a packet that was cut at capture"
    try:
        return messages + list(_signalling(row, point, frame, topology)), ""
    except ValueError as error:
        return messages, str(error)


def _signalling(row: Row, point: str, frame: int, topology: Topology) -> Iterator[Message]:
    yield from rejections(row, point, frame, topology)
    if row.first("icmp.type") or row.first("icmpv6.type"):
        return  # what it quotes was said by somebody else, earlier
    for field_name, reader in _READERS:
        if row.first(field_name):
            yield from reader(row, point, frame)


_READERS: tuple[tuple[str, Callable[[Row, str, int], Iterator[Message]]], ...] = (
    ("sip.msg_hdr", sip_messages),
    ("h225.RasMessage", ras_messages),
    ("q931.message_type", call_messages),
    ("dhcp.type", dhcp_messages),
    ("dns.qry.name", dns_messages),
    ("http.request.method", http_messages),
    ("http.response.code", http_messages),
)
"""What makes a packet one of a protocol, and who reads it then."""


def events_of(messages: Iterable[Message], topology: Topology, ended: EpochSeconds, tally: Tally) -> list[Event]:
    """What messages of all points, about in order of time, together mean; in order of time. `tally` counts them."""
    line: list[LineMessage] = []
    merger: Merger[Message] = Merger(topology)
    meaning = Meaning(topology)
    events: list[Event] = []

    def understand(complete: Iterable[Message]) -> None:
        for whole in complete:
            tally.count(whole)
            events.extend(meaning.feed(whole))

    for message in messages:
        if isinstance(message, LineMessage):
            line.append(message)
        else:
            understand(merger.add(message))
    understand(merger.rest())
    events += meaning.finish(ended)
    carried = merged(line, topology)
    for whole in carried:
        tally.count(whole)
    events += line_events(carried, topology)
    return sorted(_named(events), key=lambda event: event.at)


class Meaning:
    """Messages in, events out: the two kinds of registration, refusals by transport, calls, DHCP, settings."""

    def __init__(self, topology: Topology) -> None:
        self._voices = Voices(topology)
        self._sip = SipAttempts(topology, self._voices)
        self._ras = RasAttempts(topology, self._voices)
        self._fetches = Fetches()

    def feed(self, message: Message) -> Iterator[Event]:
        """What this message decides; messages come in order of time."""
        if isinstance(message, SipMessage):
            self._voices.heard(message)
            yield from self._sip.feed(message)
            yield from call_events(message)
        elif isinstance(message, RasMessage):
            self._voices.heard(message)
            yield from self._ras.feed(message)
        elif isinstance(message, Rejection):
            yield from self._sip.reject(message)
            yield from self._ras.reject(message)
        elif isinstance(message, DhcpMessage):
            yield _dhcp_event(message)
        elif isinstance(message, CallMessage):
            yield call_event(message)
        elif isinstance(message, DnsMessage):
            yield from lookup(message)
        elif isinstance(message, HttpMessage):
            yield from self._fetches.feed(message)

    def finish(self, ended: EpochSeconds) -> Iterator[Event]:
        """What was still open when the recording ended."""
        yield from self._sip.finish(ended)
        yield from self._ras.finish(ended)


def _dhcp_event(message: DhcpMessage) -> DhcpEvent:
    return DhcpEvent(
        message.sightings[0].at,
        message.sightings,
        message.kind,
        message.client,
        message.source.address,
        message.transaction,
        message.offered,
        message.relay,
        message.server,
        message.options,
    )


def _named(events: list[Event]) -> list[Event]:
    """Attempts that name no extension get that of the nearest attempt from the same address."""
    known: dict[tuple[str, Protocol], list[RegistrationAttempt]] = {}
    for event in events:
        if isinstance(event, RegistrationAttempt) and event.extension:
            known.setdefault((event.source, event.protocol), []).append(event)

    def name(event: Event) -> Event:
        if not isinstance(event, RegistrationAttempt) or event.extension:
            return event
        same = known.get((event.source, event.protocol), [])
        nearest = min(same, key=lambda other: abs(other.at - event.at), default=None)
        return replace(event, extension=nearest.extension) if nearest else event

    return [name(event) for event in events]
