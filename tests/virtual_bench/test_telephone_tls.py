"""A telephone by TLS and a registrar, in one process, on loopback."""

import asyncio
import json
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from harness.inventory import Bench, Role
from tests.virtual_bench.emulated import certified
from tests.virtual_bench.sip_peers import OpenDoors
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.settings import Controller, Settings, controllers
from virtual_bench.phones.sip_phone import SipPhone
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip import TLS_PORT
from virtual_bench.sip_flows import open_flow
from virtual_bench.tls import FOLDER, SESSIONS, telephone_context, telephones_context
from virtual_bench.truth import TruthLog
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.registrar import Registrar, RegistrarSettings

UNIT, PHONE = "127.77.1.1", "127.77.1.2"
WITHIN = 2.0
IDENTITY = Identity("301", "Ada", "secret", "Avaya J179 IP Phone", "J100", "sip")


async def decided(bench: Bench, wanted: str) -> list[str]:
    """What the registrar did until it did `wanted`, or in two seconds."""
    log = bench.state / "truth" / "failover.jsonl"
    settings, clock, truth = (
        RegistrarSettings("lab.example", "403", 180),
        ScaledClock(60),
        TruthLog(bench.state, "failover"),
    )
    encrypted = telephones_context(bench, Role.FAILOVER)
    await Registrar(settings, clock, OpenDoors(), Bindings(lambda: None), truth, encrypted).serve(UNIT, ("tls",))
    given = Settings((Controller(UNIT, TLS_PORT, "tls"),), "lab.example", (), True)
    phone = asyncio.create_task(SipPhone(IDENTITY, given, clock, PHONE, telephone_context(bench)).run())
    try:
        async with asyncio.timeout(WITHIN):
            while wanted not in log.read_text():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pass
    phone.cancel()
    return [json.loads(line)["what"] for line in log.read_text().splitlines()]


def test_a_telephone_registers_by_tls_and_its_keys_are_kept(tmp_path: Path) -> None:
    bench = certified(tmp_path, UNIT)
    assert asyncio.run(decided(bench, "accepted"))[:2] == ["challenged", "accepted"]
    sessions = bench.state / FOLDER / SESSIONS
    assert "CLIENT_RANDOM" in sessions.read_text()
    assert sessions.stat().st_mode & 0o077 == 0


def test_a_telephone_refuses_a_certificate_of_another_root(tmp_path: Path) -> None:
    assert asyncio.run(decided(certified(tmp_path, UNIT, root="another"), "accepted")) == []


def test_it_says_so_by_an_alert(tmp_path: Path) -> None:
    """Which is how a lab sees it: nothing else of the registration is ever on the wire."""
    bench = certified(tmp_path, UNIT, root="another")

    async def run() -> list[bytes]:
        said: list[bytes] = []
        made = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inside = telephones_context(bench, Role.FAILOVER).wrap_bio(
                incoming := ssl.MemoryBIO(), outgoing := ssl.MemoryBIO(), server_side=True
            )
            try:
                while data := await reader.read(4096):
                    said.append(data)
                    incoming.write(data)
                    with suppress(ssl.SSLWantReadError, ssl.SSLError):
                        inside.do_handshake()
                    writer.write(outgoing.read())
            finally:
                writer.close()
                made.set()

        await asyncio.start_server(serve, UNIT, TLS_PORT + 1)
        with pytest.raises(ssl.SSLCertVerificationError):
            await open_flow("tls", (PHONE, 0), (UNIT, TLS_PORT + 1), lambda *_: None, WITHIN, telephone_context(bench))
        await asyncio.wait_for(made.wait(), WITHIN)
        return said

    alert = asyncio.run(run())[-1]
    assert (alert[0], alert[3:5], alert[5]) == (21, b"\0\2", 2), "a fatal alert of two bytes"


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_the_port_goes_with_the_transport(transport: str) -> None:

    [found] = controllers(f"10.77.1.10;transport={transport}")
    assert found.port == (TLS_PORT if transport == "tls" else 5060)
