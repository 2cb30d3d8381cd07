import pytest
from hypothesis import given
from hypothesis import strategies as st
from sipmessage import AuthChallenge, AuthParameters, Request

from tests.virtual_bench.sip_peers import register
from virtual_bench import reginfo
from virtual_bench.sip import Framing, answer, asked_expiry, parse, set_body, stamp_received, uri_transport
from virtual_bench.sip_digest import Challenger, credentials_for, proves


@given(st.lists(st.integers(1, 80)))
def test_a_stream_is_cut_into_messages_wherever_its_segments_end(cuts: list[int]) -> None:
    messages = [bytes(register(number=number)) for number in (1, 2)]
    body = register(number=3)
    set_body(body, "text/plain", "hello\r\n\r\nthere")
    messages.append(bytes(body))
    stream, framing, found = b"\r\n\r\n".join(messages), Framing(), []
    for cut in cuts:
        found += framing.feed(stream[:cut])
        stream = stream[cut:]
    assert found + framing.feed(stream) == messages


def test_a_stream_without_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="Content-Length"):
        Framing().feed(b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n")


def test_a_message_without_a_call_id_is_none() -> None:
    request = register()
    request.headers.remove("Call-ID")
    with pytest.raises(ValueError, match="Call-ID"):
        parse(bytes(request))


def test_an_answer_carries_what_ties_it_to_its_request() -> None:
    request = register()
    stamp_received(request, ("192.0.2.1", 40000))
    response = answer(request, 403)
    assert response.via[0].parameters["rport"] == "40000"
    assert response.via[0].parameters["received"] == "192.0.2.1"
    assert "tag" in response.to_address.parameters
    assert (response.call_id, response.cseq) == (request.call_id, request.cseq)


def test_the_contacts_expiry_counts_before_the_headers() -> None:
    request = register(expires=900)
    assert asked_expiry(request, 3600) == 900
    request.headers.set("Contact", "<sip:301@10.77.3.101>;expires=0")
    assert asked_expiry(request, 3600) == 0
    request.headers.set("Contact", "*")
    request.expires = 0
    assert asked_expiry(request, 3600) == 0


def test_a_digest_proves_the_password_and_nothing_else_does() -> None:
    challenger = Challenger("lab.example")
    given = credentials_for(challenger.challenge(), "REGISTER", "sip:lab.example", "301", "secret")
    assert challenger.knows(given)
    assert proves(given, "REGISTER", "301", "secret")
    assert not proves(given, "REGISTER", "301", "guess")
    assert not proves(given, "REGISTER", "302", "secret")
    assert not Challenger("lab.example").knows(given)


def test_the_example_of_rfc_2617() -> None:
    """RFC 2617, 3.5, without its qop: the digest of RFC 2069."""
    challenge = AuthChallenge(
        "Digest", AuthParameters(realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093")
    )
    given = credentials_for(challenge, "GET", "/dir/index.html", "Mufasa", "Circle Of Life")
    assert given.parameters is not None
    assert given.parameters["response"] == "670fd8c2df070c60b045671b8b24ff02"


def test_registration_information_says_whether_it_ended() -> None:
    ended = reginfo.document("sip:301@lab.example", "sip:301@10.77.3.101", registered=False)
    lives = reginfo.document("sip:301@lab.example", "sip:301@10.77.3.101", registered=True)
    assert reginfo.is_deactivated(ended.encode())
    assert not reginfo.is_deactivated(lives.encode())
    with pytest.raises(ValueError, match="not registration information"):
        reginfo.is_deactivated(b"<reginfo")


def test_what_is_sent_is_read_back() -> None:
    request = parse(bytes(register()))
    assert isinstance(request, Request)
    assert request.to_address.uri.user == "301"


@pytest.mark.parametrize(("transport", "written"), [("UDP", "udp"), ("TLS", "tls"), ("WSS", "ws")])
def test_a_uri_names_its_transport_by_the_word_for_it(transport: str, written: str) -> None:
    assert uri_transport(transport) == written
