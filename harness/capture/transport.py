"""Refusals by transport: reset or ICMP unreachable from a system's registration port, TLS alert from either side."""

from collections.abc import Iterator

from harness.capture.events import Sighting, Sign
from harness.capture.fields import Row
from harness.capture.messages import Endpoint, Rejection
from harness.capture.topology import Topology

_PORT_UNREACHABLE = (("icmp", ("3", "3")), ("icmpv6", ("1", "4")))
"""Type and code (RFC 792, RFC 4443)."""
_TLS_ALERT, _UNENCRYPTED = "21", "2"
"""Content type of an alert, and its length before there are keys: once there are, it may be a connection's good end."""


def rejections(row: Row, point: str, frame: int, topology: Topology) -> Iterator[Rejection]:
    """The refusal that this packet is, if it is one.

    An ICMP unreachable counts only from the system itself: a router's says that the way is cut. By an alert in the
    handshake a phone refuses the system's certificate.
    """
    source, destination = row.addresses
    if source not in topology.roles and destination in topology.roles and _refuses_certificate(row, topology):
        requester_port, system_port = row.ports
        ends = Endpoint(destination, system_port), Endpoint(source, requester_port)
        yield Rejection(row.at, (Sighting(point, frame, row.at),), *ends, Sign.ALERT, frame)
    if source not in topology.roles or destination in topology.roles:
        return
    found = _icmp(row, topology) if row.first("icmp.type") or row.first("icmpv6.type") else _tcp(row, topology)
    if found is None:
        return
    sign, system_port, requester_port = found
    ends = Endpoint(source, system_port), Endpoint(destination, requester_port)
    yield Rejection(row.at, (Sighting(point, frame, row.at),), *ends, sign, frame)


def _icmp(row: Row, topology: Topology) -> tuple[Sign, int, int] | None:
    """The ports are those of the quoted datagram, which went the other way."""
    if all((row.first(f"{kind}.type"), row.first(f"{kind}.code")) != told for kind, told in _PORT_UNREACHABLE):
        return None
    requester, system = row.number("udp.srcport"), row.number("udp.dstport")
    if system not in topology.sip_ports | topology.ras_ports:
        return None
    return Sign.UNREACHABLE, system, requester


def _tcp(row: Row, topology: Topology) -> tuple[Sign, int, int] | None:
    system, requester = row.ports
    if not row.first("tcp.srcport") or system not in topology.sip_ports | topology.portal_ports:
        return None
    if row.has("tcp.flags.reset"):
        # Without a listener a SYN is answered by RST and ACK with sequence number 0 (RFC 9293, 3.10.7.1).
        refused = row.has("tcp.flags.ack") and row.number("tcp.seq_raw") == 0
        return (Sign.CONNECTION_REFUSED if refused else Sign.RESET), system, requester
    if system in topology.tls_ports and _is_handshake_alert(row):
        return Sign.ALERT, system, requester
    return None


def _refuses_certificate(row: Row, topology: Topology) -> bool:
    return bool(row.first("tcp.srcport")) and row.ports[1] in topology.tls_ports and _is_handshake_alert(row)


def _is_handshake_alert(row: Row) -> bool:
    records = zip(row.all("tls.record.content_type"), row.all("tls.record.length"), strict=False)
    return (_TLS_ALERT, _UNENCRYPTED) in records
