"""What phones ask for to find their settings: names by DNS, files by HTTP."""

from collections.abc import Iterator

from harness.capture.events import Event, FetchEvent, LookupEvent, Sighting
from harness.capture.fields import Row
from harness.capture.messages import DnsMessage, Endpoint, HttpMessage


def dns_messages(row: Row, point: str, frame: int) -> Iterator[DnsMessage]:
    """The DNS message of this packet, if it is one about a name."""
    if row.first("dns.qry.name"):
        yield DnsMessage(
            row.at,
            (Sighting(point, frame, row.at),),
            *_ends(row),
            row.number("dns.id"),
            row.first("dns.qry.name"),
            row.has("dns.flags.response"),
            tuple(row.all("dns.a") + row.all("dns.aaaa")),
        )


def http_messages(row: Row, point: str, frame: int) -> Iterator[HttpMessage]:
    """The HTTP message that this packet completes."""
    method, code = row.first("http.request.method"), row.first("http.response.code")
    if method or code:
        uri = f"http://{row.first('http.host')}{row.first('http.request.uri')}" if method else ""
        sighting = Sighting(point, frame, row.at)
        yield HttpMessage(row.at, (sighting,), *_ends(row), method, uri, int(code) if code else None)


def lookup(message: DnsMessage) -> Iterator[Event]:
    """The look-up that an answer ends."""
    if message.answer:
        client, server = message.destination.address, message.source.address
        yield LookupEvent(message.at, message.sightings, client, server, message.name, message.answers)


class Fetches:
    """Feed it HTTP messages in order of time; an answer belongs to the last request on its connection."""

    def __init__(self) -> None:
        self._asked: dict[tuple[Endpoint, Endpoint], HttpMessage] = {}

    def feed(self, message: HttpMessage) -> Iterator[Event]:
        """The fetch that an answer ends."""
        if message.status is None:
            self._asked[message.source, message.destination] = message
            return
        request = self._asked.pop((message.destination, message.source), None)
        if request is not None:
            ends = request.source.address, request.destination.address
            sightings = (*request.sightings, *message.sightings)
            yield FetchEvent(message.at, sightings, *ends, request.method, request.uri, message.status)


def _ends(row: Row) -> tuple[Endpoint, Endpoint]:
    (source, destination), (source_port, destination_port) = row.addresses, row.ports
    return Endpoint(source, source_port), Endpoint(destination, destination_port)
