import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from pydantic import SecretStr

from harness.base.errors import ConfigurationFault, HarnessFault
from harness.base.secrets import SecretRef
from harness.base.transcripts import Transcript
from harness.base.units import BenchSeconds, TimeScale
from harness.drivers import ras_messages as ras
from harness.drivers.answers import Allowance, Answer
from harness.drivers.probe_ras import WAITS, RasAccount, RasProbe
from harness.drivers.probe_sip import PATIENCE, SipAccount, SipProbe
from harness.drivers.sip_digest import challenge_of, credentials
from harness.drivers.sip_messages import TIMER_F, retransmissions
from harness.episodes.outages import PROBE_EVERY
from harness.inventory import PortRef, ProbeExtension, Role, System
from harness.inventory.models import H323Settings, SipSettings
from harness.timeline.measurements import JUST_BEFORE

Reply = Callable[[bytes], bytes | None]


class UdpPeer:
    """A system on loopback that answers each datagram by `reply`, or is silent."""

    def __init__(self, reply: Reply) -> None:
        self.heard: list[bytes] = []
        self._reply = reply
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = int(self._socket.getsockname()[1])
        self._open = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def requests(self) -> list[bytes]:
        """What was heard, each once: on a busy machine an answer may come later than the request is repeated."""
        return list(dict.fromkeys(self.heard))

    def close(self) -> None:
        self._open = False
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while self._open:
            try:
                data, sender = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            self.heard.append(data)
            answer = self._reply(data)
            if answer is not None:
                self._socket.sendto(answer, sender)


def sip_reply(request: bytes, status: str, *more: str) -> bytes:
    kept = [line for line in request.decode().split("\r\n") if re.match("(Via|From|To|Call-ID|CSeq):", line)]
    return "\r\n".join([f"SIP/2.0 {status}", *kept, *more, "Content-Length: 0", "", ""]).encode()


def line_of(request: bytes, name: str) -> str:
    return next(line.split(": ", 1)[1] for line in request.decode().split("\r\n") if line.startswith(f"{name}: "))


class Registrar:
    """Challenges, checks the digest by the rules of RFC 2617, and grants 120 s; `blocked` refuses instead."""

    def __init__(self, password: str = "probe-secret") -> None:
        self.password, self.blocked = password, False

    def __call__(self, request: bytes) -> bytes:
        text = request.decode()
        if "Authorization" not in text:
            return sip_reply(
                request,
                "401 Unauthorized",
                'WWW-Authenticate: Digest realm="lab", nonce="n", qop="auth,auth-int"',
            )
        if self.blocked:
            return sip_reply(request, "403 Forbidden")
        if not self._fits(text):
            return sip_reply(request, "401 Unauthorized", 'WWW-Authenticate: Digest realm="lab", nonce="m"')
        if line_of(request, "Expires") == "0":
            return sip_reply(request, "200 OK")
        return sip_reply(request, "200 OK", f"Contact: {line_of(request, 'Contact')};expires=120")

    def _fits(self, text: str) -> bool:
        given = dict(re.findall(r'(\w+)="?([^",\r]+)"?', text[text.index("Digest ") :].split("\r\n")[0]))
        first = md5(f"391:lab:{self.password}")
        second = md5("REGISTER:sip:lab.example")
        return bool(given["response"] == md5(f"{first}:n:{given['nc']}:{given['cnonce']}:{given['qop']}:{second}"))


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_SECRET", "probe-secret")


@pytest.fixture
def registrar() -> Registrar:
    return Registrar()


@pytest.fixture
def peer(registrar: Registrar) -> Iterator[UdpPeer]:
    peer = UdpPeer(registrar)
    yield peer
    peer.close()


def extension(number: str) -> ProbeExtension:
    return ProbeExtension(extension=number, user="Probe", password=SecretRef(env="PROBE_SECRET"), like="phone-1")


def system(port: int, protocol: str = "sip", domain: str = "lab.example") -> System:
    return System(
        site="home",
        address=IPv4Address("127.0.0.1"),
        port=PortRef(switch="sw", port="port1"),
        boot_time=1,
        sip=SipSettings(domain=domain, port=port) if protocol == "sip" else None,
        h323=H323Settings(ras_port=port) if protocol == "h323" else None,
    )


def sip_probe(
    port: int,
    folder: Path,
    *,
    scale: float = 60,
    attempts: int = 9,
    transport: str = "udp",
    protocol: str = "sip",
    domain: str = "lab.example",
) -> SipProbe:
    account = SipAccount(extension("391"), "Avaya J179 IP Phone", "127.0.0.1", transport)
    systems = {Role.HOME: system(port, protocol), Role.FAILOVER: system(port, protocol, domain)}
    return SipProbe(account, systems, TimeScale(scale), Transcript(folder / "probe.txt"), Allowance(attempts))


def closed_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_digest_is_that_of_the_rfc() -> None:
    # RFC 2617, 3.5
    challenge = challenge_of(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert challenge is not None
    header = credentials(challenge, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in header
    assert "qop=auth," in header


@pytest.mark.parametrize(
    "header", ["Basic realm=x", "Digest realm=x", 'Digest realm="x", nonce="y", algorithm=AKAv1-MD5']
)
def test_a_challenge_that_cannot_be_answered_is_none(header: str) -> None:
    assert challenge_of(header) is None


def test_a_transaction_over_udp_lasts_64_t1() -> None:
    waits = list(retransmissions())
    assert waits[:5] == [0.5, 1, 2, 4, 4]
    assert sum(waits) == 32


def test_accepted_and_withdrawn(peer: UdpPeer, tmp_path: Path) -> None:
    probe = sip_probe(peer.port, tmp_path)
    answer = probe.register(Role.FAILOVER)
    assert (answer.answer, answer.reason) == (Answer.ACCEPTED, "200 OK")
    assert answer.expires == BenchSeconds(120)
    assert answer.answered_at is not None
    assert answer.sent_at < answer.answered_at
    assert line_of(peer.heard[0], "User-Agent") == "Avaya J179 IP Phone"
    gone = probe.withdraw(Role.FAILOVER)
    assert (gone.answer, gone.expires) == (Answer.ACCEPTED, None)
    assert line_of(peer.heard[-1], "Contact") == line_of(peer.heard[0], "Contact")
    assert "probe-secret" not in (tmp_path / "probe.txt").read_text()
    probe.close()


def test_it_keeps_to_homes_domain_as_a_phone_of_home_does(peer: UdpPeer, tmp_path: Path) -> None:
    assert sip_probe(peer.port, tmp_path, domain="other.example").register(Role.FAILOVER).answer is Answer.ACCEPTED
    assert all(b"lab.example" in heard and b"other.example" not in heard for heard in peer.heard)


def test_withdrawing_what_another_run_left_behind_takes_every_contact(peer: UdpPeer, tmp_path: Path) -> None:
    assert sip_probe(peer.port, tmp_path).withdraw(Role.FAILOVER).answer is Answer.ACCEPTED
    assert line_of(peer.heard[-1], "Contact") == "*"


def test_after_a_failed_withdrawal_it_registers_as_itself(peer: UdpPeer, registrar: Registrar, tmp_path: Path) -> None:
    probe = sip_probe(peer.port, tmp_path)
    registrar.blocked = True
    assert probe.withdraw(Role.FAILOVER).answer is Answer.REFUSED
    registrar.blocked = False
    assert probe.register(Role.FAILOVER).answer is Answer.ACCEPTED
    assert probe.register(Role.FAILOVER).answer is Answer.ACCEPTED
    kept = {(line_of(request, "Call-ID"), line_of(request, "Contact")) for request in peer.requests[2:]}
    assert len(kept) == 1


def test_a_refresh_is_no_second_telephone(peer: UdpPeer, tmp_path: Path) -> None:
    probe = sip_probe(peer.port, tmp_path)
    probe.register(Role.FAILOVER)
    assert probe.refresh(Role.FAILOVER).answer is Answer.ACCEPTED
    assert len({(line_of(request, "Call-ID"), line_of(request, "Contact")) for request in peer.heard}) == 1


def test_refused(peer: UdpPeer, registrar: Registrar, tmp_path: Path) -> None:
    registrar.blocked = True
    answer = sip_probe(peer.port, tmp_path).register(Role.FAILOVER)
    assert (answer.answer, answer.reason, answer.expires) == (Answer.REFUSED, "403 Forbidden", None)


def test_a_wrong_password_ends_in_a_challenge(peer: UdpPeer, tmp_path: Path) -> None:
    answer = sip_probe(peer.port, tmp_path).register(Role.FAILOVER, SecretStr("wrong"))
    assert answer.answer is Answer.CHALLENGED
    assert len(peer.requests) == 2


def test_a_200_without_our_binding_is_no_acceptance(tmp_path: Path) -> None:
    peer = UdpPeer(lambda request: sip_reply(request, "200 OK", "Contact: <sip:391@192.0.2.1:5060>;expires=120"))
    answer = sip_probe(peer.port, tmp_path).register(Role.FAILOVER)
    assert (answer.answer, answer.reason) == (Answer.REFUSED, "200 OK without a binding")
    peer.close()


def test_where_both_protocols_get_no_answer_there_is_a_try_in_the_last_seconds_before_the_limit() -> None:
    # The probes try one after the other.
    assert max(PROBE_EVERY, PATIENCE + sum(WAITS)) < JUST_BEFORE


@pytest.mark.parametrize(("role", "within"), [(Role.HOME, TIMER_F), (Role.FAILOVER, PATIENCE)])
def test_silence_is_unanswered_after_the_scaled_time_out_and_many_tries(
    tmp_path: Path, role: Role, within: float
) -> None:
    peer = UdpPeer(lambda _: None)
    answer = sip_probe(peer.port, tmp_path).register(role)
    assert (answer.answer, answer.answered_at) == (Answer.UNANSWERED, None)
    assert len(peer.heard) == len(list(retransmissions(within)))
    peer.close()


def test_provisional_and_foreign_answers_are_not_final(tmp_path: Path) -> None:
    def reply(request: bytes) -> bytes:
        return sip_reply(request, "100 Trying") if replies.pop() else sip_reply(request, "503 Service Unavailable")

    replies = [False, True]
    peer = UdpPeer(reply)
    answer = sip_probe(peer.port, tmp_path).register(Role.FAILOVER)
    assert (answer.answer, answer.reason) == (Answer.REFUSED, "503 Service Unavailable")
    peer.close()


@pytest.mark.parametrize(("transport", "kind"), [("udp", socket.SOCK_DGRAM), ("tcp", socket.SOCK_STREAM)])
def test_a_closed_port_is_a_refusal(transport: str, kind: socket.SocketKind, tmp_path: Path) -> None:
    answer = sip_probe(closed_port(kind), tmp_path, transport=transport).register(Role.FAILOVER)
    assert (answer.answer, answer.reason) == (Answer.REFUSED, "connection refused")


def test_over_tcp_answers_may_come_in_pieces_or_together(registrar: Registrar, tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while request := connection.recv(65536):
                whole = sip_reply(request, "100 Trying") + registrar(request)
                connection.sendall(whole[:50])
                connection.sendall(whole[50:])

    threading.Thread(target=serve, daemon=True).start()
    probe = sip_probe(listener.getsockname()[1], tmp_path, transport="tcp")
    assert probe.register(Role.FAILOVER).answer is Answer.ACCEPTED
    probe.close()
    listener.close()


def test_the_attempts_of_a_run_are_bounded(peer: UdpPeer, tmp_path: Path) -> None:
    probe = sip_probe(peer.port, tmp_path, attempts=1)
    probe.register(Role.FAILOVER)
    with pytest.raises(HarnessFault, match="1 attempts"):
        probe.register(Role.FAILOVER)


def test_a_system_without_the_protocol_is_not_probed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="no SIP"):
        sip_probe(1, tmp_path, protocol="h323").register(Role.FAILOVER)


def gatekeeper(name: str, fields: ras.Fields) -> Reply:
    """Answers every request with one message, encoded here by the library itself."""

    def reply(request: bytes) -> bytes | None:
        asked = ras.decoded(request)
        return None if asked is None else ras.encoded(name, {"requestSeqNum": asked[1]["requestSeqNum"], **fields})

    return reply


def ras_probe(port: int, folder: Path) -> RasProbe:
    account = RasAccount(extension("392"), "Avaya 9641G", "127.0.0.1")
    systems = {Role.FAILOVER: system(port, "h323")}
    return RasProbe(account, systems, TimeScale(30), Transcript(folder / "probe.txt"), Allowance(9))


CONFIRMED = {
    "protocolIdentifier": ras.H225_VERSION_4,
    "callSignalAddress": [],
    "endpointIdentifier": "ep-1",
    "timeToLive": 120,
    "willRespondToIRR": False,
    "maintainConnection": False,
}


def test_ras_confirmed(tmp_path: Path) -> None:
    peer = UdpPeer(gatekeeper("registrationConfirm", CONFIRMED))
    answer = ras_probe(peer.port, tmp_path).register(Role.FAILOVER)
    assert answer.answer is Answer.ACCEPTED
    assert answer.expires == BenchSeconds(120)
    assert answer.handle == "ep-1"
    peer.close()


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("securityDenial", Answer.REFUSED),
        ("resourceUnavailable", Answer.REFUSED),
        ("fullRegistrationRequired", Answer.CHALLENGED),
        ("discoveryRequired", Answer.CHALLENGED),
    ],
)
def test_ras_rejected(reason: str, answer: Answer, tmp_path: Path) -> None:
    fields = {"protocolIdentifier": ras.H225_VERSION_4, "rejectReason": (reason, 0)}
    peer = UdpPeer(gatekeeper("registrationReject", fields))
    given = ras_probe(peer.port, tmp_path).register(Role.FAILOVER)
    assert (given.answer, given.reason) == (answer, reason)
    peer.close()


def test_ras_a_refresh_is_light_and_names_what_the_gatekeeper_gave(tmp_path: Path) -> None:
    peer = UdpPeer(gatekeeper("registrationConfirm", CONFIRMED))
    probe = ras_probe(peer.port, tmp_path)
    probe.register(Role.FAILOVER)
    assert probe.refresh(Role.FAILOVER).answer is Answer.ACCEPTED
    full, light = ((ras.decoded(request) or ("", {}))[1] for request in peer.requests)
    assert (full["keepAlive"], light["keepAlive"]) == (False, True)
    assert (full.get("endpointIdentifier"), light["endpointIdentifier"]) == (None, "ep-1")
    peer.close()


def test_ras_withdrawn(tmp_path: Path) -> None:
    peer = UdpPeer(gatekeeper("unregistrationConfirm", {}))
    assert ras_probe(peer.port, tmp_path).withdraw(Role.FAILOVER).answer is Answer.ACCEPTED
    peer.close()


def test_ras_what_has_ended_by_itself_is_withdrawn(tmp_path: Path) -> None:
    def reply(request: bytes) -> bytes | None:
        asked = ras.decoded(request)
        known = asked is not None and asked[0] == "registrationRequest"
        rejection = gatekeeper("unregistrationReject", {"rejectReason": ("notCurrentlyRegistered", 0)})
        return gatekeeper("registrationConfirm", CONFIRMED)(request) if known else rejection(request)

    peer = UdpPeer(reply)
    probe = ras_probe(peer.port, tmp_path)
    probe.register(Role.FAILOVER)
    assert probe.withdraw(Role.FAILOVER).answer is Answer.ACCEPTED
    assert probe.withdraw(Role.FAILOVER).answer is Answer.REFUSED  # nothing says that it was there again
    peer.close()


class Gatekeeper:
    """Keeps one registration, which only its own identifier ends."""

    def __init__(self, registered: str = "") -> None:
        self.registered = registered

    def __call__(self, request: bytes) -> bytes | None:
        kind, fields = ras.decoded(request) or ("", {})
        if kind == "registrationRequest":
            self.registered = "ep-2"
            return gatekeeper("registrationConfirm", CONFIRMED | {"endpointIdentifier": self.registered})(request)
        if fields.get("endpointIdentifier") != self.registered:
            return gatekeeper("unregistrationReject", {"rejectReason": ("notCurrentlyRegistered", 0)})(request)
        self.registered = ""
        return gatekeeper("unregistrationConfirm", {})(request)


@pytest.mark.parametrize(("handle", "asked"), [("ep-1", 1), ("", 2)], ids=["handed over", "lost with the other"])
def test_ras_what_another_process_registered_is_withdrawn(handle: str, asked: int, tmp_path: Path) -> None:
    keeper = Gatekeeper(registered="ep-1")
    peer = UdpPeer(keeper)
    assert ras_probe(peer.port, tmp_path).withdraw(Role.FAILOVER, handle).answer is Answer.ACCEPTED
    assert not keeper.registered
    assert len(peer.requests) == asked
    peer.close()


@pytest.mark.parametrize("digits", ["39", "391", "3912", "39123"])
def test_ras_messages_are_read_back_whatever_the_length_of_the_extension(digits: str) -> None:
    proof = ras.password_proof(digits, "probe-secret", 1)
    local = ("127.0.0.1", 40000)
    for endpoint in (None, "ep-1"):
        request = ras.registration_request(5, local, digits, "Avaya", 300, proof, endpoint)
        assert ras.answer_in(request, 5) is not None
        assert ras.answer_in(ras.unregistration_request(6, local, digits, endpoint, proof), 6) is not None


def test_ras_silence_is_unanswered_after_three_tries(tmp_path: Path) -> None:
    peer = UdpPeer(lambda _: None)
    assert ras_probe(peer.port, tmp_path).register(Role.FAILOVER).answer is Answer.UNANSWERED
    assert len(peer.heard) == 3
    peer.close()


def test_the_proof_of_a_password_depends_on_name_password_and_time() -> None:
    proofs = {
        ras.password_proof(name, password, at)[1]["token"]["hash"]
        for name, password, at in (
            ("392", "a", 1),
            ("392", "b", 1),
            ("393", "a", 1),
            ("392", "a", 2),
            ("392", "a", 1),
        )
    }
    assert len(proofs) == 4
