"""Registrations by WebSocket over TLS, as clients of a one-X Portal make them, in the port that a bench states."""

from collections.abc import Sequence
from pathlib import Path

from websockets.client import ClientProtocol
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from harness.base.units import EpochSeconds
from harness.capture.decoder import Decoded, decode
from harness.capture.events import Outcome, SystemNotice
from harness.capture.topology import topology_of
from harness.inventory import find_bench
from tests.harness.decoding import T0, attempts, needs_tshark, only
from tests.harness.test_wire_forms import in_one_segment, register, secret_frames
from tests.harness.tls import Secret
from tests.harness.wire import FAILOVER, PHONE, Dialogue, Timed, notify, tcp, write

pytestmark = needs_tshark

BENCH = find_bench("virtual-no-portal").inventory
PORT = 9443
SIP = [Subprotocol("sip")]


def at_home(folder: Path, frames: Sequence[Timed], keys: Path | None = None) -> Decoded:
    """What these frames at home's port say."""
    path = write(folder / "home.pcapng", [(T0 + at, frame) for at, frame in frames])
    return decode({"home": [path]}, topology_of(BENCH), EpochSeconds(T0 + 100), keys={"home": keys} if keys else {})


def websocket(folder: Path, said: Sequence[tuple[bool, bytes]], together: int = 1) -> tuple[list[Timed], Path]:
    """A connection on which that was said (whether from the client, message); its last segments may come in one."""
    connection = Secret.open(folder)
    client, server = ClientProtocol(parse_uri("wss://home/"), subprotocols=SIP), ServerProtocol(subprotocols=SIP)

    def carry(*, asked: bool) -> None:
        sender, receiver = (client, server) if asked else (server, client)
        data = b"".join(sender.data_to_send())
        connection.say(data, from_client=asked)
        receiver.receive_data(data)

    client.send_request(client.connect())
    carry(asked=True)
    [request] = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    carry(asked=False)
    for asked, message in said:
        (client if asked else server).send_text(message)
        carry(asked=asked)
    in_one_segment(connection, together)
    return secret_frames(connection, PORT), connection.keys


def test_a_registration_with_session_keys(tmp_path: Path) -> None:
    frames, keys = websocket(tmp_path, register(Dialogue(transport="WSS")))
    found = at_home(tmp_path, frames, keys)
    assert [(each.outcome, each.extension, each.role, each.requests) for each in attempts(found)] == [
        (Outcome.ACCEPTED, "301", "home", 2)
    ]
    assert found.findings == ()
    assert attempts(at_home(tmp_path, frames)) == []


def test_messages_of_one_packet_are_told_apart(tmp_path: Path) -> None:
    frames, keys = websocket(tmp_path, [*register(Dialogue(transport="WSS")), (False, notify())], together=2)
    found = at_home(tmp_path, frames, keys)
    assert [each.outcome for each in attempts(found)] == [Outcome.ACCEPTED]
    assert len(only(found, SystemNotice)) == 1
    assert found.findings == ()


def test_a_certificate_that_a_client_refuses_is_a_refusal(tmp_path: Path) -> None:
    [refused] = attempts(at_home(tmp_path, secret_frames(Secret.refuse(tmp_path), PORT)))
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, "TLS alert")


def test_a_portal_that_does_not_listen_refuses(tmp_path: Path) -> None:
    frames, keys = websocket(tmp_path, register(Dialogue(transport="WSS")))
    reset = tcp((FAILOVER, PORT), (PHONE, 40001), 0, flags=0x14)
    found = attempts(at_home(tmp_path, [*frames, (50.0, reset)], keys))
    assert [(each.role, each.outcome, each.reason) for each in found[1:]] == [
        ("failover", Outcome.REFUSED, "connection refused")
    ]
