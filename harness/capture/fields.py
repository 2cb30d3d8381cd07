"""The one tshark per file: which fields it prints and how a line of them is read."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.base.units import EpochSeconds
from harness.capture.topology import CALL_SIGNALLING, Topology

SEPARATOR, AGGREGATOR = "\t", "\x1f"
"""Between fields, and between several values of one field; neither is ever printed within a value."""

FIELDS = (
    "frame.number", "frame.time_epoch", "frame.interface_name", "_ws.malformed", "_ws.short",
    "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport", "tcp.srcport", "tcp.dstport",
    "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code",
    "tcp.len", "tcp.seq_raw", "tcp.flags.reset", "tcp.flags.ack",
    "tcp.analysis.retransmission", "tcp.analysis.keep_alive",
    "tls.record.content_type", "tls.record.length",
    "sip.Request-Line", "sip.Status-Line", "sip.msg_hdr",
    "h225.RasMessage", "h225.requestSeqNum", "h225.dialledDigits", "h225.h323_ID", "h225.endpointIdentifier",
    "h225.keepAlive", "h225.timeToLive", "h225.rejectReason", "h225.reason",
    "h225.guid", "q931.message_type", "q931.call_ref", "q931.calling_party_number.digits",
    "q931.called_party_number.digits",
    "dhcp.type", "udp.payload",
    "dns.id", "dns.flags.response", "dns.flags.rcode", "dns.qry.name", "dns.a", "dns.aaaa",
    "http.request.method", "http.request.uri", "http.host", "http.response.code",
)  # fmt: skip

_PLACE = {name: place for place, name in enumerate(FIELDS)}


class Row:
    """One packet as tshark prints it; a field that is not there has no values.

    `at`: when it was captured, 0 where the file does not tell. `addresses` and `ports`: source and destination,
    those of the outer IP header; "" without IP, 0 without transport.
    """

    __slots__ = ("_parts", "addresses", "at", "ports")

    def __init__(self, parts: list[str]) -> None:
        self._parts = parts
        first = self.first
        self.at = EpochSeconds(float(first("frame.time_epoch") or 0))
        self.addresses = (first("ip.src") or first("ipv6.src"), first("ip.dst") or first("ipv6.dst"))
        kind = "udp" if first("udp.srcport") else "tcp"
        self.ports = (self.number(f"{kind}.srcport"), self.number(f"{kind}.dstport"))

    def all(self, name: str) -> list[str]:
        """Every value of a field, in the order of the packet, still escaped."""
        text = self._parts[_PLACE[name]]
        return text.split(AGGREGATOR) if text else []

    def first(self, name: str) -> str:
        """The first value, "" where there is none."""
        text = self._parts[_PLACE[name]]
        return text.partition(AGGREGATOR)[0] if AGGREGATOR in text else text

    def number(self, name: str) -> int:
        """The first value as a number; 0 where there is none."""
        text = self.first(name)
        return int(text, 0) if text else 0

    def has(self, name: str) -> bool:
        """Whether the packet has that field; a boolean field must also be set."""
        return self.first(name) not in ("", "0", "False")

    @property
    def frame(self) -> int:
        """Its number in what tshark was given."""
        return self.number("frame.number")


def command(topology: Topology, keys: Path | None = None, *, live: bool = False) -> list[str]:
    """A tshark that reads capture data on its standard input and prints one line per packet; `live`: each at once.

    `keys`: a TLS key log, with which it decrypts.
    """
    decode_as = [f"tcp.port=={topology.line_port},tls"] if topology.line_port is not None else []
    decode_as += [f"{kind}.port=={port},sip" for port in sorted(topology.sip_ports - {5061}) for kind in ("udp", "tcp")]
    for port in sorted(topology.portal_ports):
        decode_as += [f"tcp.port=={port},tls", f"tls.port=={port},http"]
    decode_as += [f"udp.port=={port},h225" for port in sorted(topology.ras_ports)]
    decode_as += [f"tcp.port=={port},tpkt" for port in sorted(topology.call_ports - {CALL_SIGNALLING})]
    words = ["tshark", "-n", *(["-l"] if live else []), "-r", "-", "-o", "tcp.reassemble_out_of_order:TRUE"]
    words += ["-o", f"tls.keylog_file:{keys}"] if keys is not None else []
    words += ["-T", "fields", "-E", "separator=/t", "-E", f"aggregator={AGGREGATOR}"]
    words += ["-E", "occurrence=a", "-E", "quote=n"]
    words += [word for rule in decode_as for word in ("-d", rule)]
    return words + [word for name in FIELDS for word in ("-e", name)]


def rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """What tshark printed, packet by packet. Raises ValueError for a line that is not of this layout."""
    for line in lines:
        parts = line.decode("utf-8", "replace").rstrip("\n").split(SEPARATOR)
        if len(parts) != len(FIELDS):
            raise ValueError(f"tshark printed {len(parts)} fields where {len(FIELDS)} were asked for")
        yield Row(parts)


def unescaped(text: str) -> str:
    """A value with tshark's escapes of control characters undone.

    tshark 4.0 leaves a backslash as it is, so what follows one is kept unless it names a line's end or a tab.
    """
    if "\\" not in text:
        return text
    return text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t")
