"""A WebRTC client and a portal, in one process, on loopback."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from harness.inventory import Bench, Role
from tests.virtual_bench.captured import captured
from tests.virtual_bench.emulated import certified
from tests.virtual_bench.sip_peers import OpenDoors, register
from tests.virtual_bench.test_telephone_tls import PHONE, UNIT
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.settings import Settings, controllers
from virtual_bench.phones.sip_phone import SipPhone
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip_websocket import SUBPROTOCOLS, open_websocket, serve_websockets
from virtual_bench.tls import FOLDER, SESSIONS, telephone_context, telephones_context
from virtual_bench.truth import TruthLog
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.registrar import Registrar, RegistrarSettings

PORT = 9443
WITHIN = 2.0
IDENTITY = Identity("301", "Ada", "secret", "Avaya WebRTC Client", "WEBRTC", "sip")
CONTROLLERS = controllers(f"{UNIT}:{PORT};transport=wss")


def registrar(bench: Bench) -> Registrar:
    settings = RegistrarSettings("lab.example", "403", 180)
    return Registrar(settings, ScaledClock(60), OpenDoors(), Bindings(lambda: None), TruthLog(bench.state, "failover"))


def with_portal(state: Path, play: Callable[[Bench], Awaitable[None]], root: str = "lab") -> list[dict[str, object]]:
    """Play beside the portal of a unit whose certificate that root signed; what its registrar did."""
    bench = certified(state, UNIT, root)

    async def run() -> None:
        encrypted = telephones_context(bench, Role.FAILOVER)
        async with await serve_websockets((UNIT, PORT), registrar(bench).received, encrypted):
            await play(bench)

    asyncio.run(run())
    log = bench.state / "truth" / "failover.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


async def client_until(bench: Bench, wanted: str) -> None:
    """A client, until the registrar did `wanted`, or for two seconds."""
    phone = SipPhone(IDENTITY, Settings(CONTROLLERS, "lab.example", (), True), ScaledClock(60), PHONE,
                     telephone_context(bench))  # fmt: skip
    running = asyncio.create_task(phone.run())
    try:
        async with asyncio.timeout(WITHIN):
            while wanted not in (bench.state / "truth" / "failover.jsonl").read_text():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pass
    running.cancel()


def test_a_client_registers_and_refreshes_and_its_keys_are_kept(tmp_path: Path) -> None:
    did = with_portal(tmp_path, lambda bench: client_until(bench, "confirmed"))
    assert [entry["what"] for entry in did] == ["challenged", "accepted", "confirmed"]
    assert {str(entry["peer"]).partition(":")[0] for entry in did} == {PHONE}
    assert len({entry["peer"] for entry in did}) == 1, "all by one connection"
    assert "CLIENT_RANDOM" in (tmp_path / FOLDER / SESSIONS).read_text()


def test_a_client_refuses_a_certificate_of_another_root(tmp_path: Path) -> None:
    assert with_portal(tmp_path, lambda bench: client_until(bench, "accepted"), root="another") == []


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("tshark") is None, reason="needs root and tshark")
def test_tshark_understands_every_message(tmp_path: Path) -> None:
    """From the handshake to the first refresh, with the keys that were kept."""
    capture = tmp_path / "portal.pcapng"
    with captured(capture, "-i", "lo", "-f", f"host {UNIT} and tcp port {PORT}"):
        with_portal(tmp_path, lambda bench: client_until(bench, "confirmed"))
    told = shown(capture, tmp_path, "sip", "sip.CSeq.method")
    assert set(told) == {"REGISTER", "SUBSCRIBE", "NOTIFY"}
    assert shown(capture, tmp_path, "_ws.malformed || _ws.expert.severity == error", "_ws.col.Info") == []


def shown(capture: Path, state: Path, expression: str, field: str) -> list[str]:
    words = ["tshark", "-r", str(capture), "-o", f"tls.keylog_file:{state / FOLDER / SESSIONS}", "-Y", expression]
    done = subprocess.run([*words, "-T", "fields", "-e", field], capture_output=True, text=True, check=True)
    return [value for line in done.stdout.splitlines() for value in line.split(",")]


def stranger(bench: Bench, subprotocols: list[Subprotocol] | None = None) -> connect:
    """A client by another implementation of the protocol."""
    trust = telephone_context(bench)
    return connect(f"wss://{UNIT}:{PORT}/", ssl=trust, subprotocols=subprotocols, proxy=None)


def test_a_websocket_that_is_not_for_sip_is_turned_away(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        with pytest.raises(InvalidStatus, match="400"):
            await stranger(bench)

    assert with_portal(tmp_path, play) == []


def test_a_message_may_come_in_pieces(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        message = bytes(register()).decode()
        async with stranger(bench, SUBPROTOCOLS) as other:
            await other.send([message[:100], message[100:]])
            answer = await other.recv(decode=True)
        assert str(answer).startswith("SIP/2.0 401")

    assert [entry["what"] for entry in with_portal(tmp_path, play)] == ["challenged"]


def test_what_is_no_sip_ends_the_connection(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        async with stranger(bench, SUBPROTOCOLS) as other:
            await other.send("good morning")
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(other.recv(), WITHIN)

    assert with_portal(tmp_path, play) == []


@pytest.mark.parametrize(
    ("said", "fault"),
    [(b"", TimeoutError), (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ConnectionResetError)],
    ids=["silent", "another server"],
)
def test_what_is_no_portal_is_none(tmp_path: Path, said: bytes, fault: type[OSError]) -> None:
    bench = certified(tmp_path, UNIT)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await reader.read()
        writer.close()

    async def run() -> None:
        encrypted: ssl.SSLContext = telephones_context(bench, Role.FAILOVER)
        async with await asyncio.start_server(serve, UNIT, PORT, ssl=encrypted):
            with pytest.raises(fault):
                await open_websocket(PHONE, (UNIT, PORT), lambda *_: None, 0.3, telephone_context(bench))

    asyncio.run(run())
