"""Capture files to events: all but the media through tshark once, then messages, then their meaning."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.base.units import EpochSeconds
from harness.capture.correlate import merged
from harness.capture.dhcp import dhcp_messages
from harness.capture.dissecting import Dissection
from harness.capture.events import DhcpEvent, Event, Finding, RegistrationAttempt
from harness.capture.exchange import Voices
from harness.capture.fields import Row
from harness.capture.line import line_events, line_messages
from harness.capture.messages import DhcpMessage, LineMessage, Message, RasMessage, Rejection, SipMessage
from harness.capture.ras import ras_messages
from harness.capture.ras_attempts import RasAttempts
from harness.capture.sip import sip_messages
from harness.capture.sip_attempts import SipAttempts
from harness.capture.topology import Topology
from harness.capture.transport import rejections
from harness.inventory import Inventory

AT_ONCE = 2
"""Files decoded side by side."""


@dataclass(frozen=True)
class Decoded:
    """What the files of one recording say. `events` in order of time; `packets`: capture point → how many."""

    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    packets: Mapping[str, int]


@dataclass
class FileContent:
    """What one file says, before files are compared."""

    messages: list[Message] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    packets: int = 0


def decode(files: Mapping[str, Path], inventory: Inventory, ended: EpochSeconds) -> Decoded:
    """The events of a recording that lasted until `ended`; `files`: capture point → its file.

    Raises HarnessFault for a file that cannot be read, ConfigurationFault without tshark.
    """
    topology = Topology(inventory)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        contents = list(pool.map(lambda point: decode_file(files[point], point, topology), files))
    messages = [message for content in contents for message in content.messages]
    findings = sorted((found for content in contents for found in content.findings), key=lambda found: found.at)
    packets = {point: content.packets for point, content in zip(files, contents, strict=True)}
    return Decoded(tuple(events_of(messages, topology, ended)), tuple(findings), packets)


def decode_file(file: Path, point: str, topology: Topology) -> FileContent:
    """The messages and findings of one file, captured at `point`."""
    content = FileContent()
    dissection = Dissection(file, topology)
    last = EpochSeconds(0.0)
    for frame, row in dissection.rows():
        last = row.at
        found, finding = read_packet(row, point, frame, topology)
        content.messages.extend(found)
        if finding:
            content.findings.append(Finding(point, frame, row.at, finding))
    content.packets = dissection.packets
    if dissection.cut_short:
        content.findings.append(Finding(point, content.packets, last, "the file ends within a packet"))
    return content


def read_packet(row: Row, point: str, frame: int, topology: Topology) -> tuple[list[Message], str]:
    """The messages of one packet, and what is wrong with it ("" if nothing).

    Sight of the line needs no more than sound TCP, so it is read even where what TCP carries is odd.
    """
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
    if row.first("icmp.type"):
        return  # what it quotes was said by somebody else, earlier
    yield from sip_messages(row, point, frame)
    yield from ras_messages(row, point, frame)
    yield from dhcp_messages(row, point, frame)


def events_of(messages: list[Message], topology: Topology, ended: EpochSeconds) -> list[Event]:
    """What messages of all files together mean, in order of time."""
    line = [message for message in messages if isinstance(message, LineMessage)]
    signalling = merged([message for message in messages if not isinstance(message, LineMessage)], topology)
    meaning = Meaning(topology)
    events: list[Event] = [event for message in signalling for event in meaning.feed(message)]
    events += meaning.finish(ended)
    events += line_events(merged(line, topology), topology)
    return sorted(_named(events), key=lambda event: event.at)


class Meaning:
    """Messages in, events out: the two kinds of registration, refusals by transport, DHCP."""

    def __init__(self, topology: Topology) -> None:
        self._voices = Voices(topology)
        self._sip = SipAttempts(topology, self._voices)
        self._ras = RasAttempts(topology, self._voices)

    def feed(self, message: Message) -> Iterator[Event]:
        """What this message decides; messages come in order of time."""
        if isinstance(message, SipMessage):
            self._voices.heard(message)
            yield from self._sip.feed(message)
        elif isinstance(message, RasMessage):
            self._voices.heard(message)
            yield from self._ras.feed(message)
        elif isinstance(message, Rejection):
            yield from self._sip.reject(message)
            yield from self._ras.reject(message)
        elif isinstance(message, DhcpMessage):
            yield _dhcp_event(message)

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
    known = [event for event in events if isinstance(event, RegistrationAttempt) and event.extension]

    def name(event: Event) -> Event:
        if not isinstance(event, RegistrationAttempt) or event.extension:
            return event
        same = [other for other in known if (other.source, other.protocol) == (event.source, event.protocol)]
        nearest = min(same, key=lambda other: abs(other.at - event.at), default=None)
        return replace(event, extension=nearest.extension) if nearest else event

    return [name(event) for event in events]
