"""SIP: from packets to registration attempts, through the real tshark."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.units import BenchSeconds
from harness.capture.events import Outcome, SystemNotice
from harness.capture.sip import headers_of, uri_of, user_of
from harness.inventory import Role
from tests.harness.decoding import T0, attempts, decoded, needs_tshark, only
from tests.harness.wire import (
    FAILOVER,
    HOME,
    PHONE,
    ROUTER,
    Dialogue,
    Timed,
    notify,
    port_unreachable,
    tcp,
    udp,
)

PHONE_SIP, HOME_SIP, FAILOVER_SIP = (PHONE, 5060), (HOME, 5060), (FAILOVER, 5060)
CHALLENGE = ['WWW-Authenticate: Digest realm="x", nonce="n"']


def ask(at: float, message: bytes) -> Timed:
    return at, udp(PHONE_SIP, HOME_SIP, message)


def reply(at: float, message: bytes) -> Timed:
    return at, udp(HOME_SIP, PHONE_SIP, message)


@needs_tshark
def test_an_attempt_is_the_whole_exchange(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = [ask(0, phone.register()), reply(0.1, phone.answer("401 Unauthorized", extra=CHALLENGE))]
    frames += [ask(0.2, phone.register(authorized=True)), reply(0.3, phone.answer("200 OK", expires=180))]
    [attempt] = attempts(decoded(tmp_path, home=frames))
    assert (attempt.outcome, attempt.extension, attempt.source) == (Outcome.ACCEPTED, "301", PHONE)
    assert attempt.role is Role.HOME
    assert attempt.expires == BenchSeconds(180)
    assert attempt.requests == 2
    assert (attempt.asked_at, attempt.at) == pytest.approx((T0, T0 + 0.3))
    assert [seen.frame for seen in attempt.sightings] == [1, 2, 3, 4]


@needs_tshark
def test_a_refresh_is_a_confirmation_and_a_lapsed_binding_is_accepted_anew(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = []
    for at in (0, 3, 10):  # 180 bench seconds are 6 real ones
        frames += [ask(at, phone.register()), reply(at + 0.1, phone.answer("200 OK", expires=180))]
    found = attempts(decoded(tmp_path, home=frames))
    assert [attempt.outcome for attempt in found] == [Outcome.ACCEPTED, Outcome.CONFIRMED, Outcome.ACCEPTED]


@needs_tshark
def test_a_first_success_that_needed_no_challenge_renews_what_began_before(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = [ask(0, phone.register(authorized=True)), reply(0.1, phone.answer("200 OK", expires=180))]
    [attempt] = attempts(decoded(tmp_path, home=frames))
    assert attempt.outcome is Outcome.CONFIRMED
    phone = Dialogue()
    before = [ask(0, phone.register(authorized=True)), reply(0.1, phone.answer("403 Forbidden"))]
    later = [ask(1, phone.register(authorized=True)), reply(1.1, phone.answer("200 OK", expires=180))]
    assert attempts(decoded(tmp_path, home=before + later))[1].outcome is Outcome.ACCEPTED


@needs_tshark
def test_a_wrong_password_ends_in_a_challenge_each_time(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = []
    for at in (0, 1):
        frames += [
            ask(at, phone.register()),
            reply(at + 0.1, phone.answer("401 Unauthorized", extra=CHALLENGE)),
        ]
        frames += [ask(at + 0.2, phone.register(authorized=True))]
        frames += [reply(at + 0.3, phone.answer("401 Unauthorized", extra=CHALLENGE))]
    found = attempts(decoded(tmp_path, home=frames))
    assert [(attempt.outcome, attempt.requests) for attempt in found] == [(Outcome.CHALLENGED, 2)] * 2


@needs_tshark
def test_a_challenge_without_a_retry_is_challenged(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = [ask(0, phone.register()), reply(0.1, phone.answer("401 Unauthorized", extra=CHALLENGE))]
    [attempt] = attempts(decoded(tmp_path, home=frames))
    assert attempt.outcome is Outcome.CHALLENGED


@needs_tshark
def test_retransmissions_and_other_capture_points_count_once(tmp_path: Path) -> None:
    phone = Dialogue()
    request, answer = phone.register(), phone.answer("403 Forbidden")
    phones = [ask(0, request), ask(0.5, request), reply(0.61, answer)]
    home = [ask(0.01, request), ask(0.51, request), reply(0.6, answer)]
    [attempt] = attempts(decoded(tmp_path, home=home, phones=phones))
    assert (attempt.outcome, attempt.reason, attempt.requests) == (Outcome.REFUSED, "403 Forbidden", 1)
    assert (attempt.asked_at, attempt.at) == pytest.approx((T0 + 0.01, T0 + 0.6))
    assert {seen.point for seen in attempt.sightings} == {"home", "phones"}
    assert len(attempt.sightings) == 6


@needs_tshark
@pytest.mark.parametrize(
    ("expires", "answer", "outcome"),
    [
        (0, "200 OK", Outcome.WITHDRAWN),
        (180, "423 Interval Too Brief", Outcome.CHALLENGED),
        (180, "503 Service Unavailable", Outcome.REFUSED),
        (180, "302 Moved Temporarily", Outcome.REFUSED),
    ],
)
def test_outcomes(tmp_path: Path, expires: int, answer: str, outcome: Outcome) -> None:
    phone = Dialogue()
    frames = [ask(0, phone.register(expires)), reply(0.1, phone.answer(answer))]
    [attempt] = attempts(decoded(tmp_path, home=frames))
    assert attempt.outcome is outcome


@needs_tshark
def test_a_200_that_leaves_no_binding_is_no_acceptance(tmp_path: Path) -> None:
    phone = Dialogue()
    frames = [ask(0, phone.register()), reply(0.1, phone.answer("200 OK", expires=0))]
    [attempt] = attempts(decoded(tmp_path, home=frames))
    assert attempt.outcome is Outcome.REFUSED


@needs_tshark
def test_a_query_without_contact_is_no_attempt(tmp_path: Path) -> None:
    phone = Dialogue()
    query = b"\r\n".join(line for line in phone.register().split(b"\r\n") if not line.startswith(b"Contact"))
    frames = [ask(0, query), reply(0.1, phone.answer("200 OK", expires=180))]
    assert attempts(decoded(tmp_path, home=frames)) == []


@needs_tshark
def test_no_answer_is_a_refusal_only_from_a_system_that_answers_others(tmp_path: Path) -> None:
    phone, other = Dialogue(), Dialogue("302", "10.77.3.102", call_id="other")
    others = [(0.2, udp(("10.77.3.102", 5060), HOME_SIP, other.register()))]
    others += [(0.3, udp(HOME_SIP, ("10.77.3.102", 5060), other.answer("403 Forbidden")))]
    request = ask(0, phone.register())
    for frames, outcome in (([request, *others], Outcome.UNANSWERED), ([request], Outcome.UNHEARD)):
        found = [attempt for attempt in attempts(decoded(tmp_path, home=frames)) if attempt.extension == "301"]
        assert [attempt.outcome for attempt in found] == [outcome]
    [unfinished] = attempts(decoded(tmp_path, ended=T0 + 0.5, home=[request]))
    assert "recording ended" in unfinished.reason
    found = attempts(decoded(tmp_path, home=others, phones=[request]))
    assert found[0].outcome is Outcome.UNHEARD  # it never reached home's port


@needs_tshark
def test_refusals_by_transport(tmp_path: Path) -> None:
    phone = Dialogue()
    request = ask(0, phone.register())
    from_system = port_unreachable(HOME, PHONE, request[1])
    [attempt] = attempts(decoded(tmp_path, home=[request, (0.1, from_system)]))
    assert (attempt.outcome, attempt.reason) == (Outcome.REFUSED, "ICMP unreachable")
    assert attempt.by_transport
    [attempt] = attempts(decoded(tmp_path, home=[request, (0.1, port_unreachable(ROUTER, PHONE, request[1]))]))
    assert attempt.outcome is Outcome.UNHEARD  # a router's word says nothing of the system
    refused = [
        (5.0, tcp((PHONE, 40000), HOME_SIP, 99, flags=0x02)),
        (5.1, tcp(HOME_SIP, (PHONE, 40000), 0, flags=0x14)),
    ]
    known = [ask(0, phone.register()), reply(0.1, phone.answer("200 OK", expires=180))]
    found = attempts(decoded(tmp_path, home=[*known, *refused]))
    assert [(each.outcome, each.reason, each.extension) for each in found[1:]] == [
        (Outcome.REFUSED, "connection refused", "301")
    ]
    idle = [(5.0, tcp(HOME_SIP, (PHONE, 40000), 77, flags=0x14))]
    assert len(attempts(decoded(tmp_path, home=[*known, *idle]))) == 1


@needs_tshark
def test_messages_in_one_segment_and_over_several(tmp_path: Path) -> None:
    first, second = Dialogue(transport="TCP"), Dialogue("302", call_id="b", transport="TCP")
    client, server = (PHONE, 40000), HOME_SIP
    asked = first.register() + second.register()
    answered = first.answer("200 OK", expires=180) + second.answer("403 Forbidden")
    frames = [
        (0.0, tcp(client, server, 1000, asked[:300])),
        (0.1, tcp(client, server, 1300, asked[300:])),
        (0.15, tcp(client, server, 1300, asked[300:])),
        (0.2, tcp(server, client, 5000, answered)),
    ]
    found = attempts(decoded(tmp_path, home=frames))
    assert [(each.extension, each.outcome) for each in found] == [
        ("301", Outcome.ACCEPTED),
        ("302", Outcome.REFUSED),
    ]


@needs_tshark
@pytest.mark.parametrize("answer_first", [True, False])
def test_a_request_and_an_answer_in_one_segment(tmp_path: Path, answer_first: bool) -> None:
    phone = Dialogue(transport="TCP")
    client, server = (PHONE, 40000), HOME_SIP
    ok = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP x;branch=z9\r\nCall-ID: q\r\nCSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    asked = ok + phone.register() if answer_first else phone.register() + ok
    frames = [(0.0, tcp(client, server, 1000, asked))]
    frames += [(0.2, tcp(server, client, 5000, phone.answer("200 OK", expires=180)))]
    [attempt] = attempts(decoded(tmp_path, home=frames))
    assert attempt.outcome is Outcome.ACCEPTED


@needs_tshark
def test_the_systems_own_notice_and_compact_headers(tmp_path: Path) -> None:
    frames = [
        (at, udp(FAILOVER_SIP, PHONE_SIP, notify(state=state))) for at, state in ((0, "active"), (1, "terminated"))
    ]
    found = decoded(tmp_path, failover=frames)
    [notice] = only(found, SystemNotice)
    assert (notice.extension, notice.role, notice.at) == ("301", Role.FAILOVER, T0 + 1)


def test_headers_are_unfolded_named_in_full_and_split() -> None:
    found = headers_of(
        'v: SIP/2.0/UDP a;branch=1,\r\n SIP/2.0/UDP b\r\nm: "A, B" <sip:1@x>, <sip:2@y>\r\nno header\r\n'
    )
    assert found["via"] == ("SIP/2.0/UDP a;branch=1", "SIP/2.0/UDP b")
    assert [user_of(contact) for contact in found["contact"]] == ["1", "2"]


@needs_tshark
@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_what_follows_an_empty_line_is_no_header(tmp_path: Path, ending: str) -> None:
    phone = Dialogue()
    asked = phone.register()
    answer = phone.answer("200 OK", expires=180).decode().replace("\r\n", ending, 1).replace(ending, 2 * ending, 1)
    frames = [ask(0, asked), reply(0.1, answer.encode())]
    assert [each.outcome for each in attempts(decoded(tmp_path, home=frames))] == [Outcome.UNANSWERED]


@pytest.mark.parametrize(
    "header",
    ["sip:301@x;tag=1", "<sip:301@x;transport=tcp>;tag=1", "Ada <sip:301@x>", '"sip:999@x <sip:998@x>" <sips:301@x>'],
)
def test_the_user_is_that_of_the_uri_whatever_name_is_displayed(header: str) -> None:
    assert user_of(header) == "301"
    assert uri_of(header) in ("sip:301@x", "sips:301@x")


def test_a_user_part_may_have_semicolons() -> None:
    assert user_of("<sip:301;phone-context=lab@x;transport=tcp>;tag=1") == "301"
    assert uri_of("<sip:301;phone-context=lab@x;transport=tcp>;tag=1") == "sip:301;phone-context=lab@x"
    assert user_of("<sip:;02@x>") == ";02"
    assert uri_of("<sip:x;transport=tcp>") == "sip:x"


@given(st.text(max_size=200))
def test_headers_of_anything_never_raise(text: str) -> None:
    for values in headers_of(text).values():
        for value in values:
            uri_of(value)
            user_of(value)
