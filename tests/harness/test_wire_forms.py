"""The same registration in every form that the wire has for it, and what else phones say."""

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.base.units import EpochSeconds
from harness.capture.decoder import Decoded, decode
from harness.capture.events import CallEvent, CallStep, FetchEvent, LookupEvent, Outcome, SystemNotice
from harness.capture.products import products_seen
from harness.capture.topology import open_topology, topology_of
from harness.inventory import Protocol, find_bench
from tests.harness.decoding import T0, attempts, decoded, needs_tshark, only
from tests.harness.tls import Secret
from tests.harness.wire import (
    HOME,
    PHONE,
    Dialogue,
    Timed,
    call_signalling,
    fragments,
    notify,
    port_unreachable6,
    tcp,
    udp,
    udp6,
    vlan,
    write,
)

pytestmark = needs_tshark

PHONE_6, HOME_6, FAILOVER_6 = "fd77:3::101", "fd77:1::10", "fd77:2::10"


def register(phone: Dialogue) -> list[tuple[bool, bytes]]:
    """Challenge and acceptance: (whether from the phone, message)."""
    return [
        (True, phone.register()),
        (False, phone.answer("401 Unauthorized")),
        (True, phone.register(authorized=True)),
        (False, phone.answer("200 OK", expires=180)),
    ]


def openly(folder: Path, frames: Sequence[Timed], keys: Path | None = None) -> Decoded:
    """What these frames say to somebody who knows nothing of the bench."""
    path = write(folder / "some.pcapng", [(T0 + at, frame) for at, frame in frames])
    return decode({"some": [path]}, open_topology(), EpochSeconds(T0 + 100), keys={"some": keys} if keys else {})


def test_ipv6(tmp_path: Path) -> None:
    phone, server = (PHONE_6, 5060), (HOME_6, 5060)
    frames = [
        (number / 10, udp6(phone, server, text) if asked else udp6(server, phone, text))
        for number, (asked, text) in enumerate(register(Dialogue(host=f"[{PHONE_6}]")))
    ]
    found = attempts(openly(tmp_path, frames))
    assert [(each.outcome, each.extension, each.source, each.role) for each in found] == [
        (Outcome.ACCEPTED, "301", PHONE_6, HOME_6)
    ]


def test_who_speaks_by_ipv6_is_known_and_so_is_a_system_that_has_no_ear(tmp_path: Path) -> None:
    described = find_bench("virtual-ipv6").inventory
    phone = Dialogue(host=f"[{PHONE_6}]")
    to_home = [
        udp6((PHONE_6, 5060), (HOME_6, 5060), text) if asked else udp6((HOME_6, 5060), (PHONE_6, 5060), text)
        for asked, text in register(phone)
    ]
    in_vain = udp6((PHONE_6, 5060), (FAILOVER_6, 5060), Dialogue(host=f"[{PHONE_6}]", call_id="in vain").register())
    by_router = port_unreachable6("fd77:3::1", PHONE_6, in_vain)
    frames = [in_vain, by_router, port_unreachable6(FAILOVER_6, PHONE_6, in_vain)]
    for seen, outcome in ((frames[:2], Outcome.UNHEARD), (frames, Outcome.REFUSED)):
        timed = [(number / 10, frame) for number, frame in enumerate([*to_home, *seen])]
        path = write(tmp_path / "phones.pcapng", [(T0 + at, frame) for at, frame in timed])
        found = attempts(decode({"phones": [path]}, topology_of(described), EpochSeconds(T0 + 100)))
        assert {(each.role, each.outcome) for each in found} == {("home", Outcome.ACCEPTED), ("failover", outcome)}
        assert {each.source for each in found} == {PHONE_6}


def test_what_a_device_calls_itself_is_kept_by_its_ipv6_address(tmp_path: Path) -> None:
    request = Dialogue(host=f"[{PHONE_6}]").register().replace(b"Max-", b"User-Agent: Avaya J179\r\nMax-")
    frames = [(0.0, udp6((PHONE_6, 5060), (HOME_6, 5060), request))]
    assert products_seen(write(tmp_path / "some.pcapng", frames)) == {PHONE_6: "Avaya J179"}


def test_vlan_tags_and_fragments(tmp_path: Path) -> None:
    phone, server = (PHONE, 5060), (HOME, 5060)
    frames: list[Timed] = []
    for number, (asked, text) in enumerate(register(Dialogue())):
        frame = udp(phone, server, text) if asked else udp(server, phone, text)
        pieces = fragments(frame, 160)
        assert len(pieces) > 1
        frames += [(number / 10 + place / 1000, vlan(piece)) for place, piece in enumerate(pieces)]
    found = attempts(decoded(tmp_path, home=frames))
    assert [(each.outcome, each.requests) for each in found] == [(Outcome.ACCEPTED, 2)]


def secret_frames(connection: Secret, port: int = 5061) -> list[Timed]:
    """A TLS connection as TCP segments."""
    ends, at = {True: ((PHONE, 40000), (HOME, port)), False: ((HOME, port), (PHONE, 40000))}, {True: 1000, False: 5000}
    frames = []
    for number, (from_client, data) in enumerate(connection.sent):
        frames.append((number / 100, tcp(*ends[from_client], at[from_client], data, ack=at[not from_client])))
        at[from_client] += len(data)
    return frames


def test_tls_with_session_keys(tmp_path: Path) -> None:
    connection = Secret.open(tmp_path)
    for asked, text in register(Dialogue(transport="TLS")):
        connection.say(text, from_client=asked)
    frames = secret_frames(connection)
    with_keys = attempts(openly(tmp_path, frames, connection.keys))
    assert [(each.outcome, each.extension) for each in with_keys] == [(Outcome.ACCEPTED, "301")]
    assert attempts(openly(tmp_path, frames)) == []


def in_one_segment(connection: Secret, count: int) -> None:
    """Have the last of what was sent come in one."""
    last = connection.sent[-count:]
    connection.sent[-count:] = [(last[0][0], b"".join(data for _, data in last))]


@pytest.mark.parametrize("later", [[notify()], [notify(), notify(state="active")]])
def test_messages_in_records_of_their_own_in_one_packet(tmp_path: Path, later: list[bytes]) -> None:
    connection = Secret.open(tmp_path)
    for asked, text in [*register(Dialogue(transport="TLS")), *((False, message) for message in later)]:
        connection.say(text, from_client=asked)
    in_one_segment(connection, 1 + len(later))
    found = openly(tmp_path, secret_frames(connection), connection.keys)
    assert [each.outcome for each in attempts(found)] == [Outcome.ACCEPTED]
    assert len(only(found, SystemNotice)) == 1
    assert found.findings == ()


def test_those_that_cannot_be_told_apart_are_a_finding(tmp_path: Path) -> None:
    connection = Secret.open(tmp_path)
    for text in (Dialogue().answer("200 OK").replace(b"REGISTER", b"NOTIFY"), notify()):
        connection.say(text, from_client=False)
    in_one_segment(connection, 2)
    found = openly(tmp_path, secret_frames(connection), connection.keys)
    assert ["cannot be told apart" in each.text for each in found.findings] == [True]


def test_a_certificate_that_a_phone_refuses_is_a_refusal(tmp_path: Path) -> None:
    [refused] = attempts(decoded(tmp_path, home=secret_frames(Secret.refuse(tmp_path))))
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, "TLS alert")


@pytest.mark.parametrize("from_client", [True, False])
def test_the_good_end_of_a_connection_is_no_refusal(tmp_path: Path, from_client: bool) -> None:
    connection = Secret.open(tmp_path)
    connection.end(from_client=from_client)
    assert attempts(decoded(tmp_path, home=secret_frames(connection))) == []


GUID = bytes(range(16))
NOWHERE = ("ipAddress", {"ip": b"\n\x4d\x03\x65", "port": 1720})
TERMINAL = {"terminal": {}, "mc": False, "undefinedNode": False}
CALL = {"callIdentifier": {"guid": GUID}}
SETUP = {
    "sourceInfo": TERMINAL, "activeMC": False, "conferenceID": GUID, "conferenceGoal": ("create", 0),
    "callType": ("pointToPoint", 0), "mediaWaitForConnect": False, "canOverlapSend": False, **CALL,
}  # fmt: skip
CONNECT = {"destinationInfo": TERMINAL, "conferenceID": GUID, **CALL}


def test_a_call_by_h323(tmp_path: Path) -> None:
    phone, server = (PHONE, 40000), (HOME, 1720)
    setup = call_signalling(0x05, "setup", SETUP, caller="303", called="304")
    alerting = call_signalling(0x01, "alerting", {"destinationInfo": TERMINAL, **CALL})
    connect = call_signalling(0x07, "connect", CONNECT)
    release = call_signalling(0x5A, "releaseComplete", CALL)
    frames = [
        (0.0, tcp(phone, server, 1000, setup)),
        (0.1, tcp(server, phone, 5000, alerting, ack=1000 + len(setup))),
        (2.0, tcp(server, phone, 5000 + len(alerting), connect, ack=1000 + len(setup))),
        (9.0, tcp(phone, server, 1000 + len(setup), release, ack=5000 + len(alerting + connect))),
    ]
    found = decoded(tmp_path, home=frames)
    calls = only(found, CallEvent)
    assert [call.step for call in calls] == [
        CallStep.SETUP, CallStep.RINGING, CallStep.ANSWERED, CallStep.RELEASED,
    ]  # fmt: skip
    assert (calls[0].protocol, calls[0].caller, calls[0].called) == (Protocol.H323, "303", "304")
    assert len({call.call for call in calls}) == 1
    assert not found.findings


def sip(start: str, method: str, to_tag: str = "") -> bytes:
    """A message of one call from 301 to 302."""
    lines = [
        start, f"Via: SIP/2.0/UDP {PHONE}:5060;branch=z9hG4bK-{method}", "From: <sip:301@lab.example>;tag=1",
        f"To: <sip:302@lab.example>{to_tag}", "Call-ID: call-7", f"CSeq: 1 {method}", "Content-Length: 0", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def test_a_call_by_sip(tmp_path: Path) -> None:
    phone, server, tag = (PHONE, 5060), (HOME, 5060), ";tag=2"
    again = sip("INVITE sip:302@lab.example SIP/2.0", "INVITE", tag).replace(b"CSeq: 1", b"CSeq: 2")
    frames = [
        (0.0, udp(phone, server, sip("INVITE sip:302@lab.example SIP/2.0", "INVITE"))),
        (0.1, udp(server, phone, sip("SIP/2.0 100 Trying", "INVITE"))),
        (0.2, udp(server, phone, sip("SIP/2.0 180 Ringing", "INVITE", tag))),
        (1.0, udp(server, phone, sip("SIP/2.0 200 OK", "INVITE", tag))),
        (1.1, udp(phone, server, sip("ACK sip:302@lab.example SIP/2.0", "ACK", tag))),
        (5.0, udp(phone, server, again)),
        (9.0, udp(server, phone, sip("BYE sip:301@lab.example SIP/2.0", "BYE", tag))),
    ]  # fmt: skip
    calls = only(decoded(tmp_path, home=frames), CallEvent)
    assert [call.step for call in calls] == [
        CallStep.SETUP, CallStep.RINGING, CallStep.ANSWERED, CallStep.CHANGED, CallStep.RELEASED,
    ]  # fmt: skip
    assert {(call.caller, call.called, call.call) for call in calls} == {("301", "302", "call-7")}


def test_a_phone_looks_its_settings_up(tmp_path: Path) -> None:
    server = "10.77.1.10"
    name = b"\x04home\x03lab\x07example\0"
    question = struct.pack(">HHHHHH", 9, 0x0100, 1, 0, 0, 0) + name + b"\0\x01\0\x01"
    answer = struct.pack(">HHHHHH", 9, 0x8180, 1, 1, 0, 0) + name + b"\0\x01\0\x01"
    answer += b"\xc0\x0c\0\x01\0\x01" + struct.pack(">IH", 60, 4) + bytes([10, 77, 1, 10])
    get = b"GET /46xxsettings.txt HTTP/1.1\r\nHost: home.lab.example\r\n\r\n"
    text = b"SET SIPDOMAIN lab.example\n"
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n" % len(text) + text
    frames = [
        (0.0, udp((PHONE, 33000), (server, 53), question)),
        (0.01, udp((server, 53), (PHONE, 33000), answer)),
        (0.1, tcp((PHONE, 40000), (server, 80), 1000, get)),
        (0.2, tcp((server, 80), (PHONE, 40000), 5000, ok, ack=1000 + len(get))),
    ]
    found = decoded(tmp_path, home=frames)
    assert [(each.client, each.name, each.answers) for each in only(found, LookupEvent)] == [
        (PHONE, "home.lab.example", ("10.77.1.10",))
    ]
    assert [(each.client, each.method, each.uri, each.status) for each in only(found, FetchEvent)] == [
        (PHONE, "GET", "http://home.lab.example/46xxsettings.txt", 200)
    ]


@pytest.mark.parametrize("cut", [1, 40])
def test_what_is_cut_is_a_finding_and_no_event(tmp_path: Path, cut: int) -> None:
    phone = Dialogue()
    frames = [(0.0, udp((PHONE, 5060), (HOME, 5060), phone.register())[:-cut])]
    found = decoded(tmp_path, home=frames)
    assert attempts(found) == []
    assert len(found.findings) == 1
