"""Small captures of everything that the decoder reads, made by hand, from which damaged ones are made."""

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from tests.harness.wire import (
    FAILOVER,
    HOME,
    PHONE,
    ROUTER,
    Dialogue,
    Timed,
    call_signalling,
    dhcp,
    fragments,
    notify,
    port_unreachable,
    port_unreachable6,
    ras,
    tcp,
    udp,
    udp6,
    vlan,
)

PHONE_6, HOME_6 = "fd77:3::101", "fd77:1::10"
_GUID = bytes(range(16))
_TERMINAL = {"terminal": {}, "mc": False, "undefinedNode": False}
_CALL = {"callIdentifier": {"guid": _GUID}}
_CHALLENGE = 'WWW-Authenticate: Digest realm="x", nonce="n"'


def _registration(phone: Dialogue, answer: str = "200 OK") -> list[tuple[bool, bytes]]:
    """(whether from the phone, message): challenge and final answer."""
    return [
        (True, phone.register()),
        (False, phone.answer("401 Unauthorized", extra=[_CHALLENGE])),
        (True, phone.register(authorized=True)),
        (False, phone.answer(answer, expires=180 if answer == "200 OK" else None)),
    ]


def sip_over_udp() -> list[Timed]:
    """Let in, confirmed, refused, withdrawn, told that it is over."""
    first, second = Dialogue(), Dialogue("302", "10.77.3.102", call_id="call-2")
    there = (HOME, 5060)
    said = [(first, *each) for each in _registration(first)]
    said += [(second, *each) for each in _registration(second, "403 Forbidden")]
    said += [(first, True, first.register(authorized=True)), (first, False, first.answer("200 OK", expires=180))]
    said += [(first, True, first.register(0, authorized=True)), (first, False, first.answer("200 OK", expires=0))]
    frames = [
        udp((phone.host, 5060), there, text) if asked else udp(there, (phone.host, 5060), text)
        for phone, asked, text in said
    ]
    frames.append(udp((FAILOVER, 5060), (PHONE, 5060), notify()))
    return _spread(frames)


def sip_over_tcp() -> list[Timed]:
    """Messages over several segments and several in one; refused by the kernel, and reset."""
    first, second = Dialogue(transport="TCP"), Dialogue("302", call_id="b", transport="TCP")
    phone, server = (PHONE, 40000), (HOME, 5060)
    asked = first.register() + second.register()
    answered = first.answer("200 OK", expires=180) + second.answer("403 Forbidden")
    third = Dialogue("303", "10.77.3.103", call_id="c", transport="TCP")
    dropped, text = ("10.77.3.103", 40001), third.register()
    return _spread([
        tcp(phone, server, 1000, asked[:300]),
        tcp(phone, server, 1300, asked[300:]),
        tcp(server, phone, 5000, answered, ack=1000 + len(asked)),
        tcp(dropped, server, 1000, text),
        tcp(server, dropped, 5000, flags=0x04),
        tcp(phone, (FAILOVER, 5060), 2000, flags=0x02, ack=0),
        tcp((FAILOVER, 5060), phone, 0, flags=0x14, ack=2001),
    ])  # fmt: skip


def ras_registrations() -> list[Timed]:
    """Discovery, full and light registration, refusals, unregistration by both sides."""
    digits = {"terminalAlias": [("dialledDigits", "303")]}
    named = {"endpointIdentifier": "e1"}
    said: list[tuple[bool, str, dict[str, Any]]] = [
        (True, "gatekeeperRequest", {"endpointAlias": [("dialledDigits", "303")]}),
        (False, "gatekeeperConfirm", {}),
        (True, "registrationRequest", {"requestSeqNum": 2, **digits}),
        (False, "registrationConfirm", {"requestSeqNum": 2, "timeToLive": 120, **named}),
        (True, "registrationRequest", {"requestSeqNum": 3, "keepAlive": True, **named}),
        (False, "registrationConfirm", {"requestSeqNum": 3, "timeToLive": 120, **named}),
        (True, "registrationRequest", {"requestSeqNum": 4, **digits}),
        (False, "registrationReject", {"requestSeqNum": 4, "rejectReason": ("duplicateAlias", [])}),
        (True, "unregistrationRequest", {"requestSeqNum": 5, **named}),
        (False, "unregistrationConfirm", {"requestSeqNum": 5}),
        (False, "unregistrationRequest", {"requestSeqNum": 6, "reason": ("maintenance", 0)}),
    ]
    here, there = ("10.77.3.104", 1719), (HOME, 1719)
    return _spread([
        udp(here, there, ras(kind, value)) if asked else udp(there, here, ras(kind, value))
        for asked, kind, value in said
    ])  # fmt: skip


def leases() -> list[Timed]:
    """DHCP through a relay, and its answers."""
    relay, server = (ROUTER, 67), (HOME, 67)
    options = b"\x36\x04\x0a\x4d\x01\x0a" + b"\xf2\x08MCIPADD="
    return _spread([
        udp(relay, server, dhcp(kind, relay=ROUTER, options=options)) if kind in (1, 3)
        else udp(server, relay, dhcp(kind, relay=ROUTER, offered=PHONE, options=options))
        for kind in (1, 2, 3, 5, 3, 6, 7)
    ], 0.3)  # fmt: skip


def line() -> list[Timed]:
    """Keepalives and payload between the systems, one sent again, an alert and a reset."""
    one, other = (HOME, 8443), (FAILOVER, 40000)
    return _spread([
        tcp(one, other, 1000, _record(150)),
        tcp(other, one, 1, _record(150)),
        tcp(one, other, 1150, _record(600)),
        tcp(one, other, 1150, _record(600)),
        tcp(one, other, 1750, _record(31, kind=21)),
        tcp(one, other, 1781, flags=0x04),
    ])  # fmt: skip


def call_by_h323() -> list[Timed]:
    """Setup, alerting, connect, release complete."""
    phone, server = (PHONE, 40002), (HOME, 1720)
    setup = call_signalling(0x05, "setup", {
        "sourceInfo": _TERMINAL, "activeMC": False, "conferenceID": _GUID, "conferenceGoal": ("create", 0),
        "callType": ("pointToPoint", 0), "mediaWaitForConnect": False, "canOverlapSend": False, **_CALL,
    }, caller="303", called="304")  # fmt: skip
    alerting = call_signalling(0x01, "alerting", {"destinationInfo": _TERMINAL, **_CALL})
    connect = call_signalling(0x07, "connect", {"destinationInfo": _TERMINAL, "conferenceID": _GUID, **_CALL})
    asked, told = 1000 + len(setup), 5000 + len(alerting)
    return _spread([
        tcp(phone, server, 1000, setup),
        tcp(server, phone, 5000, alerting, ack=asked),
        tcp(server, phone, told, connect, ack=asked),
        tcp(phone, server, asked, call_signalling(0x5A, "releaseComplete", _CALL), ack=told + len(connect)),
    ])  # fmt: skip


def call_by_sip() -> list[Timed]:
    """Invited, rung, answered, changed, ended; RTP in both directions meanwhile."""
    phone, server, tag = (PHONE, 5060), (HOME, 5060), ";tag=2"
    frames = [
        udp(phone, server, _of_call("INVITE sip:302@lab.example SIP/2.0", "INVITE")),
        udp(server, phone, _of_call("SIP/2.0 180 Ringing", "INVITE", tag)),
        udp(server, phone, _of_call("SIP/2.0 200 OK", "INVITE", tag)),
    ]
    for number in range(12):
        frames.append(_rtp((PHONE, 16384), (HOME, 16400), 1, number))
        frames.append(_rtp((HOME, 16400), (PHONE, 16384), 2, 65_530 + number))
    return _spread([*frames, udp(server, phone, _of_call("BYE sip:301@lab.example SIP/2.0", "BYE", tag))], 0.02)


def settings() -> list[Timed]:
    """A name looked up, a file fetched."""
    name = b"\x04home\x03lab\x07example\0\0\x01\0\x01"
    question = struct.pack(">HHHHHH", 9, 0x0100, 1, 0, 0, 0) + name
    answer = struct.pack(">HHHHHH", 9, 0x8180, 1, 1, 0, 0) + name
    answer += b"\xc0\x0c\0\x01\0\x01" + struct.pack(">IH", 60, 4) + bytes([10, 77, 1, 10])
    get = b"GET /46xxsettings.txt HTTP/1.1\r\nHost: home.lab.example\r\n\r\n"
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: text/plain\r\n\r\nSET A 1\r\n"
    return _spread([
        udp((PHONE, 33000), (HOME, 53), question),
        udp((HOME, 53), (PHONE, 33000), answer),
        tcp((PHONE, 40004), (HOME, 80), 1000, get),
        tcp((HOME, 80), (PHONE, 40004), 5000, ok, ack=1000 + len(get)),
    ])  # fmt: skip


def over_ipv6() -> list[Timed]:
    """A SIP registration, and the ICMPv6 message that a system does not listen."""
    phone, server = (PHONE_6, 5060), (HOME_6, 5060)
    frames = [
        udp6(phone, server, text) if asked else udp6(server, phone, text)
        for asked, text in _registration(Dialogue(host=f"[{PHONE_6}]"))
    ]
    quoted = udp6(phone, server, Dialogue(host=f"[{PHONE_6}]", call_id="unheard").register())
    return _spread([*frames, port_unreachable6(HOME_6, PHONE_6, quoted)])


def tagged_and_in_pieces() -> list[Timed]:
    """A SIP registration in VLAN tags and IPv4 fragments, and a request that ICMP refuses."""
    phone, server = (PHONE, 5060), (HOME, 5060)
    frames: list[bytes] = []
    for asked, text in _registration(Dialogue(call_id="pieces")):
        whole = udp(phone, server, text) if asked else udp(server, phone, text)
        frames += [vlan(piece) for piece in fragments(whole, 160)]
    refused = udp((PHONE, 5070), (FAILOVER, 5060), Dialogue(call_id="refused").register())
    return _spread([*frames, refused, port_unreachable(FAILOVER, PHONE, refused)])


SCENES: tuple[Callable[[], list[Timed]], ...] = (
    sip_over_udp, sip_over_tcp, ras_registrations, leases, line, call_by_h323, call_by_sip, settings, over_ipv6,
    tagged_and_in_pieces,
)  # fmt: skip


@cache
def scenes() -> tuple[tuple[Timed, ...], ...]:
    """All of them, made once."""
    return tuple(tuple(make()) for make in SCENES)


def _spread(frames: list[bytes], every: float = 0.1) -> list[Timed]:
    return [(number * every, frame) for number, frame in enumerate(frames)]


def _record(size: int, kind: int = 23) -> bytes:
    return bytes([kind, 3, 3]) + (size - 5).to_bytes(2) + b"\xaa" * (size - 5)


def _of_call(start: str, method: str, to_tag: str = "") -> bytes:
    lines = [
        start, f"Via: SIP/2.0/UDP {PHONE}:5060;branch=z9hG4bK-{method}", "From: <sip:301@lab.example>;tag=1",
        f"To: <sip:302@lab.example>{to_tag}", "Call-ID: call-7", f"CSeq: 1 {method}", "Content-Length: 0", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def _rtp(source: tuple[str, int], destination: tuple[str, int], ssrc: int, number: int) -> bytes:
    return udp(source, destination, struct.pack(">BBHII", 0x80, 8, number & 0xFFFF, number * 160, ssrc) + b"\xd5" * 160)
