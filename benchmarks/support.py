"""Whether events of a capture file are true, by another reading of it: a tshark of its own with few fields.

Nothing here is taken from how the harness itself asks tshark. Each event must have among its sightings a packet
that tshark takes for what the event says, sent by whom it says, with the event's own stamp and not malformed.
"""

import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.capture.decoder import Decoded
from harness.capture.events import (
    CallEvent,
    DhcpEvent,
    DhcpKind,
    Event,
    FetchEvent,
    LineEvent,
    LookupEvent,
    Outcome,
    RegistrationAttempt,
    SystemNotice,
)
from harness.inventory import Protocol

_FIELDS = (
    "frame.number", "frame.time_epoch", "_ws.malformed", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
    "udp.srcport", "udp.dstport", "sip.Method", "sip.Status-Code", "sip.CSeq.method", "h225.RasMessage",
    "dhcp.option.dhcp", "q931.message_type", "dns.flags.response", "http.response.code", "tcp.flags.reset",
    "tcp.len", "icmp.type", "icmpv6.type", "tls.record.content_type", "sip.to.user",
)  # fmt: skip
_RAS = {"GRQ": "0", "GCF": "1", "GRJ": "2", "RRQ": "3", "RCF": "4", "RRJ": "5", "URQ": "6", "UCF": "7", "URJ": "8"}
_DHCP = {kind: str(number) for number, kind in enumerate(DhcpKind, 1)}
_STAMP = 2e-6
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_MAGIC = (_PCAPNG, b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
_PACKET_BLOCKS = (2, 3, 6)
_MOST_LEFT_OUT = 3


@dataclass(frozen=True)
class Frame:
    """A packet by its number in the file; each field with its values."""

    at: float
    values: dict[str, list[str]]

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return self.values[name]

    def has(self, name: str, value: str) -> bool:
        """Whether that is among the values."""
        return value in self.values[name]

    @property
    def ends(self) -> tuple[str, str]:
        """Outer source and destination."""
        sources, targets = self.all("ip.src") or self.all("ipv6.src"), self.all("ip.dst") or self.all("ipv6.dst")
        return (sources or [""])[0], (targets or [""])[0]


@dataclass(frozen=True)
class Reading:
    """A file as that tshark reads it. `whole`: it is a capture that was read to the end without a complaint."""

    frames: dict[int, Frame]
    whole: bool


def reading(file: Path) -> Reading:
    """Read it. Where tshark stops at a packet for its block alone, read on without that one."""
    data, frames, left_out, done = file.read_bytes(), dict[int, Frame](), 0, 0
    is_capture = data[:4] in _MAGIC
    while True:
        found, ended = _read(data)
        frames |= {number + left_out: frame for number, frame in found.items() if number + left_out > done}
        rest = b"" if ended or data[:4] != _PCAPNG else _without(data, len(found) + 1)
        if not rest or left_out == _MOST_LEFT_OUT:
            return Reading(frames, ended and is_capture and not left_out)
        data, left_out, done = rest, left_out + 1, len(found) + left_out + 1


def _without(data: bytes, number: int) -> bytes:
    """A pcapng file of this machine's byte order without that packet; b"" where there is no such one."""
    at = 0
    while at + 12 <= len(data):
        kind, size = struct.unpack_from("=II", data, at)
        if size < 12 or size % 4 or at + size > len(data):
            return b""
        number -= kind in _PACKET_BLOCKS
        if not number and kind in _PACKET_BLOCKS:
            return data[:at] + data[at + size :]
        at += size
    return b""


def _read(data: bytes) -> tuple[dict[int, Frame], bool]:
    """Its packets, and whether that was all."""
    words = ["tshark", "-n", "-r", "-", "-o", "tcp.reassemble_out_of_order:TRUE", "-T", "fields"]
    words += ["-E", "separator=/t", *(word for name in _FIELDS for word in ("-e", name))]
    done = subprocess.run(words, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    frames = {}
    for row in done.stdout.decode("utf-8", "replace").split("\n"):
        parts = row.split("\t")
        if len(parts) == len(_FIELDS):
            values = {name: _values(part) for name, part in zip(_FIELDS, parts, strict=True)}
            frames[int(parts[0])] = Frame(float(parts[1] or 0), values)
    return frames, done.returncode == 0


def _values(text: str) -> list[str]:
    """Without the escaped white space that tshark leaves around a word."""
    return [value.replace("\\t", " ").strip() for value in text.split(",")] if text else []


def unsupported(decoded: Decoded, read: Reading) -> Iterator[str]:
    """What of it the other reading does not bear out, in words."""
    for event in decoded.events:
        for why in _doubts(event, read):
            yield f"{why}: {event}"
    flows = Counter(
        (*frame.ends, *(frame.all(name)[0] for name in ("udp.srcport", "udp.dstport")))
        for frame in read.frames.values()
        if frame.all("udp.srcport")
    )
    for stream in decoded.media:
        ends = stream.source[0], stream.destination[0], str(stream.source[1]), str(stream.destination[1])
        if flows[ends] < stream.packets:
            yield f"not so many UDP packets: {stream}"
    if read.whole and sum(decoded.packets.values()) != len(read.frames):
        yield f"{decoded.packets} packets, not {len(read.frames)}"


def _doubts(event: Event, read: Reading) -> Iterator[str]:
    frames = [read.frames.get(seen.frame) for seen in event.sightings]
    found = [frame for frame in frames if frame is not None]
    if not found or len(found) < len(frames):
        yield "no such packet"
        return
    if any(abs(frame.at - seen.at) > _STAMP for frame, seen in zip(found, event.sightings, strict=True)):
        yield "another stamp"
    if not isinstance(event, LineEvent) and any(frame.all("_ws.malformed") for frame in found):
        yield "malformed"
    if not any(_bears_out(event, frame) for frame in found):
        yield "not so"
    users = {user for frame in found if frame.has("sip.Method", "REGISTER") for user in frame.all("sip.to.user")}
    users |= {user.partition(";")[0] for user in users}
    if isinstance(event, RegistrationAttempt) and event.extension and users and event.extension not in users:
        yield "somebody else"


def _bears_out(event: Event, frame: Frame) -> bool:
    """Whether that packet alone makes the event true. What ICMP quotes was said by somebody else, earlier."""
    if frame.all("icmp.type") or frame.all("icmpv6.type"):
        return isinstance(event, RegistrationAttempt) and event.by_transport and _attempt(event, frame)
    return any(rule(event, frame) for kind, rule in _RULES if isinstance(event, kind))


def _attempt(event: RegistrationAttempt, frame: Frame) -> bool:
    """By its final answer, to that requester; where there was none, by its request."""
    answered = frame.ends[1] == event.source
    if event.outcome in (Outcome.UNANSWERED, Outcome.UNHEARD):
        return frame.ends[0] == event.source and _asks(event.protocol, frame)
    if event.by_transport:
        return answered and (
            frame.has("tcp.flags.reset", "1")
            or frame.has("icmp.type", "3")
            or frame.has("icmpv6.type", "1")
            or frame.has("tls.record.content_type", "21")
        )
    if event.protocol is Protocol.H323:
        return answered and frame.has("h225.RasMessage", _RAS[_ras_answer(event)])
    code = event.reason[:3]
    fits = {
        Outcome.REFUSED: code >= "300" or "no binding left" in event.reason,
        Outcome.CHALLENGED: code in ("401", "407", "423", "439"),
    }.get(event.outcome, code.startswith("2"))
    return answered and fits and frame.has("sip.Status-Code", code) and frame.has("sip.CSeq.method", "REGISTER")


def _ras_answer(event: RegistrationAttempt) -> str:
    allowed = {
        Outcome.ACCEPTED: ("RCF",), Outcome.CONFIRMED: ("RCF",), Outcome.WITHDRAWN: ("UCF",),
        Outcome.REFUSED: ("GRJ", "RRJ", "URJ"), Outcome.CHALLENGED: ("GCF", "RRJ", "GRJ"),
    }[event.outcome]  # fmt: skip
    said = event.reason[:3]
    return said if said in allowed else {"ful": "RRJ", "dis": "RRJ"}.get(said, "GCF")


def _asks(protocol: Protocol, frame: Frame) -> bool:
    if protocol is Protocol.SIP:
        return frame.has("sip.Method", "REGISTER")
    return any(frame.has("h225.RasMessage", _RAS[kind]) for kind in ("GRQ", "RRQ", "URQ"))


def _notice(event: SystemNotice, frame: Frame) -> bool:
    said = frame.has("h225.RasMessage", _RAS["URQ"]) or frame.has("sip.Method", "NOTIFY")
    return said and frame.ends[1] == event.address


def _lease(event: DhcpEvent, frame: Frame) -> bool:
    return frame.has("dhcp.option.dhcp", _DHCP[event.kind]) and frame.ends[0] == event.source


def _call(event: CallEvent, frame: Frame) -> bool:
    if frame.ends != (event.source, event.destination):
        return False
    if event.protocol is Protocol.H323:
        return bool(frame.all("q931.message_type"))
    return frame.has("sip.Method", event.reason) or frame.has("sip.Status-Code", event.reason[:3])


def _lookup(event: LookupEvent, frame: Frame) -> bool:
    return frame.has("dns.flags.response", "1") and frame.ends == (event.server, event.client)


def _fetch(event: FetchEvent, frame: Frame) -> bool:
    return frame.has("http.response.code", str(event.status)) and frame.ends == (event.server, event.client)


def _line(event: LineEvent, frame: Frame) -> bool:
    return frame.all("tcp.len")[:1] == [str(event.size)]


_RULES: Sequence[tuple[type[Event], Callable[..., bool]]] = (
    (RegistrationAttempt, _attempt), (SystemNotice, _notice), (DhcpEvent, _lease), (CallEvent, _call),
    (LookupEvent, _lookup), (FetchEvent, _fetch), (LineEvent, _line),
)  # fmt: skip
