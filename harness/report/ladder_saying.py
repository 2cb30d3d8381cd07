"""What was said in captures, between names: everything that a ladder may show, before anything is chosen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.base.interval import Interval
from harness.base.stimulus import PROBES
from harness.capture.decoder import PointReader, together
from harness.capture.media import MediaStream
from harness.capture.messages import DhcpMessage, Message
from harness.capture.topology import Topology
from harness.inventory import Role
from harness.report.captures import Captures
from harness.report.ladder import Arrow, Kind, Note, Tone
from harness.report.ladder_names import BROADCAST, Names
from harness.report.ladder_steps import Step, awaits_answer, exchange_of, steps_of
from harness.report.ladder_words import FROM_SERVER, detail_of, text_of, tone_of


@dataclass(frozen=True)
class Said:
    """An arrow between two names, and what it needs to be paired with its answer."""

    source: str
    destination: str
    arrow: Arrow
    exchange: object = None
    awaits: bool = False


def said_in(captures: Captures) -> tuple[list[Said], Names, Mapping[str, str]]:
    """Messages and media streams, in no order; who is who; and of the systems name → role. Raises as `decode`."""
    topology = captures.topology()
    readers = {
        point: PointReader(files, point, topology, captures.keys.get(point)) for point, files in captures.files.items()
    }
    messages = list(together(readers, topology, captures.own_clocks)[0])
    names = Names(captures.inventory)
    for message in messages:
        names.learn(message)
    streams = [stream for reader in readers.values() for stream in reader.dissection.media]
    seeing = {point for point, reader in readers.items() if reader.dissection.packets}
    said = [_said(step, captures, topology, names, seeing) for step in steps_of(messages, topology)]
    said += [_heard(stream, captures, names) for stream in _each_once(streams)]
    systems = {names.of(address, 0): role for address, role in topology.roles.items()}
    return said, names, systems


def _said(step: Step, captures: Captures, topology: Topology, names: Names, points: set[str]) -> Said:
    message = step.message
    source, destination = _ends(message, names)
    first = step.sightings[0]
    arrow = Arrow(
        captures.shown(step.at), 0, 0, text_of(message), detail_of(message), tone_of(message), step.copies,
        captures.shown(step.last), step.arrived(topology, points), f"{first.point} {first.frame}",
    )  # fmt: skip
    exchange = exchange_of(message)
    if isinstance(message, DhcpMessage):  # a relay's way of it is an exchange of its own
        exchange = (exchange, names.client(message.client, message.at) in (source, destination))
    return Said(source, destination, arrow, exchange, awaits_answer(message))


def _ends(message: Message, names: Names) -> tuple[str, str]:
    """Who says it to whom. A client that has no address yet is known by its hardware."""
    source = names.of(message.source.address, message.at)
    destination = names.of(message.destination.address, message.at)
    if isinstance(message, DhcpMessage):
        client = names.client(message.client, message.at)
        if message.source.address == "0.0.0.0":
            source = client
        if message.kind in FROM_SERVER and destination == BROADCAST:
            destination = client
    return source, destination


def _heard(stream: MediaStream, captures: Captures, names: Names) -> Said:
    kinds = ", ".join(map(str, stream.payload_types))
    lost = f", {stream.lost} lost" if stream.lost else ""
    detail = f"type {kinds}: {stream.packets} packets in {stream.last - stream.first:.2f} s{lost}"
    at, until = captures.shown(stream.first), captures.shown(stream.last)
    arrow = Arrow(at, 0, 0, "RTP", detail, Tone.MEDIA, until=until, seen=stream.point)
    return Said(names.of(stream.source[0], stream.first), names.of(stream.destination[0], stream.first), arrow)


def _each_once(streams: Iterable[MediaStream]) -> list[MediaStream]:
    """Of one stream at several capture points the sighting with the most packets."""
    best: dict[object, MediaStream] = {}
    for stream in streams:
        key = (stream.source, stream.destination, stream.ssrc)
        if key not in best or best[key].packets < stream.packets:
            best[key] = stream
    return list(best.values())


def notes_of(captures: Captures) -> list[Note]:
    """Of a recording what was done to the bench, and when the line was lost and there again."""
    if captures.recording is None:
        return []
    timeline = captures.recording.timeline
    notes = [
        Note(each.bracket.high, Kind.STIMULUS, f"{each.verb} {each.target}")
        for each in timeline.stimuli
        if each.verb not in PROBES
    ]
    for outage in timeline.line.outages(Role.HOME):
        notes.append(Note(outage.lost.high, Kind.LINE, "line: the last packet from home"))
        if isinstance(outage.visible, Interval):
            notes.append(Note(outage.visible.low, Kind.LINE, "line: home is there again"))
    return notes
