"""The emulated SIP telephones register at a registrar that nobody here wrote."""

import asyncio
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.inventory import Role, catalogue
from tests.virtual_bench.emulated import certified
from virtual_bench.phones.behaviour import SIP
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.settings import Controller, Settings
from virtual_bench.phones.sip_phone import SipPhone
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip import PORT, TLS_PORT
from virtual_bench.tls import FOLDER, telephone_context

REGISTRAR = "127.77.0.1"
PORTS = {"udp": PORT, "tcp": PORT, "tls": TLS_PORT}
WITHIN = 10.0
TIMES = 3
"""Accepted so often, a telephone has registered and refreshed."""
FAMILIES = sorted(set(SIP) - {"WEBRTC"})
"""WebRTC clients have no transport but WebSocket."""

pytestmark = pytest.mark.skipif(shutil.which("kamailio") is None, reason="kamailio is not installed")


class Kamailio:
    """It, as it runs; what it says is in `log`."""

    def __init__(self, log: Path) -> None:
        self._log = log

    @property
    def said(self) -> list[str]:
        return self._log.read_text(errors="replace").splitlines()

    def bound(self, extension: str, transport: str) -> int:
        """How often it accepted a registration."""
        return sum(f"bound {extension} by {transport}" in line for line in self.said)


@contextmanager
def kamailio(folder: Path, transport: str, certificate: Path) -> Iterator[Kamailio]:
    found = Kamailio(folder / "log")
    config = Path(__file__).with_name("peers") / "kamailio.cfg"
    command = ["kamailio", "-f", str(config), "-E", "-DD", "-Y", str(folder), "-w", str(folder)]
    command += ["-l", f"{transport}:{REGISTRAR}:{PORTS[transport]}"]
    command += ["-A", f'CERTIFICATE="{certificate}"'] if transport == "tls" else []
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            time.sleep(0.2)
            yield found
        finally:
            process.terminate()
            process.wait(10)


def telephones(transport: str, trust: ssl.SSLContext) -> dict[str, SipPhone]:
    """One of each family, by extension."""
    settings = Settings((Controller(REGISTRAR, PORTS[transport], transport),), "lab.example", (), True)
    agents = {model.family: model.user_agent for model in catalogue().values()}
    return {
        str(300 + number): SipPhone(
            Identity(str(300 + number), "Ada", "secret", agents[family], family, "sip"),
            settings, ScaledClock(60), f"127.77.0.{100 + number}", trust,
        )
        for number, family in enumerate(FAMILIES)
    }  # fmt: skip


async def play(phones: Sequence[SipPhone], until: Callable[[], bool]) -> None:
    """The telephones run until `until` comes true, or for ten seconds."""
    running = [asyncio.create_task(phone.run()) for phone in phones]
    deadline = time.monotonic() + WITHIN
    while not until() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for each in running:
        each.cancel()
    await asyncio.wait(running)


@pytest.mark.parametrize("transport", PORTS)
def test_telephones_of_every_family_register_and_refresh(tmp_path: Path, transport: str) -> None:
    if transport == "tls" and not any(Path("/usr/lib").glob("*/kamailio/modules/tls.so")):
        pytest.skip("kamailio-tls-modules is not installed")
    bench = certified(tmp_path / "bench", REGISTRAR)
    phones = telephones(transport, telephone_context(bench))
    with kamailio(tmp_path, transport, bench.state / FOLDER / f"{Role.FAILOVER}.pem") as registrar:

        def late() -> list[str]:
            numbered = zip(phones, FAMILIES, strict=True)
            return [family for extension, family in numbered if registrar.bound(extension, transport) < TIMES]

        asyncio.run(play(list(phones.values()), lambda: not late()))
        assert late() == [], registrar.said
    assert [line for line in registrar.said if "ERROR" in line] == []
