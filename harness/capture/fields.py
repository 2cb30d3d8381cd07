"""The one tshark per file: which fields it prints and how a line of them is read."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.base.units import EpochSeconds
from harness.capture.topology import Topology

SEPARATOR, AGGREGATOR = "\t", "\x1f"
"""Between fields, and between several values of one field; neither is ever printed within a value."""

FIELDS = (
    "frame.number", "frame.time_epoch", "frame.interface_name", "_ws.malformed", "_ws.short",
    "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport", "tcp.srcport", "tcp.dstport",
    "icmp.type", "icmp.code", "tcp.len", "tcp.seq_raw", "tcp.flags.reset", "tcp.flags.ack",
    "tcp.analysis.retransmission", "tcp.analysis.keep_alive",
    "tls.record.content_type", "tls.record.length",
    "sip.Request-Line", "sip.Status-Line", "sip.msg_hdr",
    "h225.RasMessage", "h225.requestSeqNum", "h225.dialledDigits", "h225.h323_ID", "h225.endpointIdentifier",
    "h225.keepAlive", "h225.timeToLive", "h225.rejectReason", "h225.reason",
    "dhcp.type", "udp.payload",
)  # fmt: skip

_ESCAPE = re.compile(r"\\([rnt])")
_ESCAPED = {"r": "\r", "n": "\n", "t": "\t"}


@dataclass(frozen=True)
class Row:
    """One packet as tshark prints it; a field that is not there has no values."""

    values: dict[str, list[str]]

    def all(self, name: str) -> list[str]:
        """Every value of a field, in the order of the packet, still escaped."""
        return self.values.get(name, [])

    def first(self, name: str) -> str:
        """The first value, "" where there is none."""
        return next(iter(self.values.get(name, ())), "")

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

    @property
    def at(self) -> EpochSeconds:
        """When it was captured."""
        return EpochSeconds(float(self.first("frame.time_epoch")))

    @property
    def addresses(self) -> tuple[str, str]:
        """Source and destination of the outer IP header, "" without IP."""
        return (
            self.first("ip.src") or self.first("ipv6.src"),
            self.first("ip.dst") or self.first("ipv6.dst"),
        )

    @property
    def ports(self) -> tuple[int, int]:
        """Source and destination port, 0 without transport."""
        kind = "udp" if self.first("udp.srcport") else "tcp"
        return self.number(f"{kind}.srcport"), self.number(f"{kind}.dstport")


def command(topology: Topology) -> list[str]:
    """A tshark that reads capture data on its standard input and prints one line per packet, at once."""
    decode_as = [f"tcp.port=={topology.inventory.line.port},tls"]
    decode_as += [f"{kind}.port=={port},sip" for port in sorted(topology.sip_ports - {5061}) for kind in ("udp", "tcp")]
    decode_as += [f"udp.port=={port},h225" for port in sorted(topology.ras_ports)]
    words = ["tshark", "-n", "-l", "-r", "-", "-o", "tcp.reassemble_out_of_order:TRUE", "-T", "fields"]
    words += ["-E", "separator=/t", "-E", f"aggregator={AGGREGATOR}", "-E", "occurrence=a", "-E", "quote=n"]
    words += [word for rule in decode_as for word in ("-d", rule)]
    return words + [word for name in FIELDS for word in ("-e", name)]


def rows(lines: Iterable[str]) -> Iterator[Row]:
    """What tshark printed, packet by packet. Raises ValueError for a line that is not of this layout."""
    for line in lines:
        parts = line.rstrip("\n").split(SEPARATOR)
        if len(parts) != len(FIELDS):
            raise ValueError(f"tshark printed {len(parts)} fields where {len(FIELDS)} were asked for")
        yield Row({name: part.split(AGGREGATOR) for name, part in zip(FIELDS, parts, strict=True) if part})


def unescaped(text: str) -> str:
    """A value with tshark's escapes of control characters undone.

    tshark 4.0 leaves a backslash as it is, so what follows one is kept unless it names a line's end or a tab.
    """
    return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text)
