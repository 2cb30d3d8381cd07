"""What tshark understands of captures: each kind of message that there is, and what it objects to."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.inventory import Inventory, Protocol, Role

_FIELDS = (
    "sip.Method", "sip.Status-Code", "sip.User-Agent", "h225.RasMessage", "h225.rejectReason", "h225.productId",
    "frame.protocols", "frame.number", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message",
)  # fmt: skip
_AGGREGATOR = "\x1f"
_ERROR = str(0x00800000)
"""PI_ERROR of Wireshark's expert information."""
_RAS = ("GRQ", "GCF", "GRJ", "RRQ", "RCF", "RRJ", "URQ", "UCF", "URJ")
"""H.225.0's RasMessage, in its order."""
_REFUSALS = {
    "securityDenial": "GRJ 4",
    "resourceUnavailable": "GRJ 0",
    "undefinedReason": "RRJ 6",
    "invalidAlias": "RRJ 10",
}
"""By the numbers that GatekeeperRejectReason and RegistrationRejectReason have in H.225.0."""
_CARRIERS = {"udp": "udp", "tcp": "tcp", "tls": "tls", "wss": "websocket"}
_UNKNOWN_TO_TSHARK = "Unknown Avaya IP Telephone parameter MCPORT="
"""Avaya documents it for the site-specific option; tshark has a list of such names, without this one."""

Row = dict[str, list[str]]


@dataclass
class Understood:
    """Of some captures: the kinds of messages, what SIP was carried by, who spoke, and tshark's objections."""

    kinds: set[str] = field(default_factory=set)
    carriers: set[str] = field(default_factory=set)
    products: set[str] = field(default_factory=set)
    objections: list[str] = field(default_factory=list)

    def add(self, file: Path, keys: Path | None = None, portals: Iterable[int] = ()) -> None:
        """One more capture file. `portals`: ports at which SIP is spoken by WebSocket over TLS."""
        for row in _rows(file, keys, portals):
            self.kinds.update(row["sip.Method"], row["sip.Status-Code"], _ras(row))
            self.products.update(row["sip.User-Agent"], row["h225.productId"])
            layers = row["frame.protocols"][0].split(":")
            if "sip" in layers:
                self.carriers.add(layers[layers.index("sip") - 1])
            self.objections += [f"{file.name}, packet {row['frame.number'][0]}: {what}" for what in _objections(row)]


def _ras(row: Row) -> list[str]:
    kinds = [_RAS[int(number)] for number in row["h225.RasMessage"]]
    return [*kinds, *(f"{kind} {reason}" for kind, reason in zip(kinds, row["h225.rejectReason"], strict=False))]


def _objections(row: Row) -> list[str]:
    judged = zip(row["_ws.expert.severity"], row["_ws.expert.message"], strict=True)
    errors = [message for severity, message in judged if severity == _ERROR and _UNKNOWN_TO_TSHARK not in message]
    return [*errors, *row["_ws.malformed"]]


def _rows(file: Path, keys: Path | None, portals: Iterable[int]) -> Iterator[Row]:
    words = ["tshark", "-n", "-r", str(file), "-o", "tcp.reassemble_out_of_order:TRUE"]
    words += ["-o", f"tls.keylog_file:{keys}"] if keys else []
    for port in portals:
        words += ["-d", f"tcp.port=={port},tls", "-d", f"tls.port=={port},http"]
    words += ["-Y", f"sip || h225 || _ws.malformed || _ws.expert.severity == {_ERROR}"]
    words += ["-T", "fields", "-E", f"aggregator={_AGGREGATOR}", *(word for name in _FIELDS for word in ("-e", name))]
    for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines():
        values = [text.split(_AGGREGATOR) if text else [] for text in line.split("\t")]
        yield dict(zip(_FIELDS, values, strict=True))


def portals_of(inventory: Inventory) -> list[int]:
    return [system.portal.port for system in inventory.systems.values() if system.portal]


def products_of(inventory: Inventory) -> set[str]:
    """How the telephones of a bench call themselves."""
    return {phone.catalogued.user_agent for phone in inventory.telephones.values()}


def carriers_of(inventory: Inventory) -> set[str]:
    """What the SIP telephones of a bench register by."""
    phones = [phone for phone in inventory.phones.values() if phone.protocol is Protocol.SIP]
    return {_CARRIERS[phone.transport] for phone in phones}


def kinds_of(inventory: Inventory) -> set[str]:
    """The messages of an outage of home in which telephones move and return."""
    failover, virtual = inventory.systems[Role.FAILOVER], inventory.virtual
    assert virtual is not None
    kinds = {"REGISTER", "401", "200", "SUBSCRIBE", "NOTIFY", "GRQ", "GCF", "RRQ", "RCF"}
    if failover.sip and virtual.sip_blocked != "silent":
        kinds.add(virtual.sip_blocked)
    if failover.h323 and virtual.ras_blocked != "silent":
        kinds |= {"URQ", "UCF", _REFUSALS[virtual.ras_blocked]}
    return kinds
