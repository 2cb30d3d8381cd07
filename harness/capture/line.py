"""The line between the systems, judged without decryption: by port, direction and size alone."""

from collections.abc import Iterable, Iterator

from harness.capture.events import LineEvent, LineKind, Sighting
from harness.capture.fields import Row
from harness.capture.messages import Endpoint, LineMessage
from harness.capture.topology import Topology
from harness.inventory import Role

_TLS_ALERT, _TLS_APPLICATION = "21", "23"
_ALERT_RECORD = 19
"""In TLS 1.3 an alert looks like 19 bytes of application data: alert 2, type 1, tag 16 (RFC 8446, 5.2)."""
_TRANSIT = 0.1
"""Real seconds that a packet takes at most from one capture point to another. One that takes longer was
sent again by a kernel (whose shortest time-out is 0.2 s) and is no sight of the system."""


def line_messages(row: Row, point: str, frame: int, topology: Topology) -> Iterator[LineMessage]:
    """The packet with payload of the line, if it is one."""
    if topology.line_port is None:
        return
    source, destination = row.addresses
    sender = topology.roles.get(source)
    if sender is None or topology.roles.get(destination) in (None, sender) or not row.number("tcp.len"):
        return
    if topology.line_port not in row.ports:
        return
    yield LineMessage(
        row.at,
        (Sighting(point, frame, row.at),),
        Endpoint(source, row.ports[0]),
        Endpoint(destination, row.ports[1]),
        sender=Role(sender),
        size=row.number("tcp.len"),
        sequence=row.number("tcp.seq_raw"),
        again=row.has("tcp.analysis.retransmission") or row.has("tcp.analysis.keep_alive"),
        alert=_is_alert(row, topology),
    )


def _is_alert(row: Row, topology: Topology) -> bool:
    kinds = set(row.all("tls.record.content_type"))
    if kinds == {_TLS_ALERT}:
        return True
    hidden = kinds == {_TLS_APPLICATION} and row.all("tls.record.length") == [str(_ALERT_RECORD)]
    return hidden and row.number("tcp.len") not in topology.keepalive_sizes


def line_events(messages: Iterable[LineMessage], topology: Topology) -> Iterator[LineEvent]:
    """Events of merged messages; what is a retransmission, a TCP keepalive or an alert is none.

    Whether a message is a retransmission is decided by tshark at its first sighting: at another
    point the first copy that got through looks new, and is told by how late it is.
    """
    sizes = topology.keepalive_sizes
    for message in messages:
        first = message.sightings[0]
        receiver = Role.FAILOVER if message.sender is Role.HOME else Role.HOME
        arrived = [seen for seen in message.sightings if seen.point == topology.deciding.get(receiver)]
        in_time = bool(arrived) and arrived[0].at - first.at <= _TRANSIT
        if message.again or message.alert or (arrived and not in_time):
            continue
        kind = LineKind.KEEPALIVE if message.size in sizes else LineKind.PAYLOAD
        at = arrived[0].at if arrived else first.at
        yield LineEvent(at, message.sightings, message.sender, kind, message.size, reached=bool(arrived))
