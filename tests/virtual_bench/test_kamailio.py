"""The emulated SIP telephones register at a registrar that nobody here wrote."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from virtual_bench.phones.identity import Identity
from virtual_bench.phones.settings import Controller, Settings
from virtual_bench.phones.sip_phone import SipPhone
from virtual_bench.scaled_time import ScaledClock

REGISTRAR, PHONE = "127.77.0.1", "127.77.0.2"
BOUND = "bound 301 by"
WITHIN = 10.0

pytestmark = pytest.mark.skipif(shutil.which("kamailio") is None, reason="kamailio is not installed")


class Kamailio:
    """It, as it runs; what it says is in `log`."""

    def __init__(self, log: Path) -> None:
        self._log = log

    @property
    def said(self) -> list[str]:
        return self._log.read_text(errors="replace").splitlines()

    def count(self, text: str) -> int:
        return sum(text in line for line in self.said)


@contextmanager
def kamailio(folder: Path) -> Iterator[Kamailio]:
    found = Kamailio(folder / "log")
    listens = [word for transport in ("udp", "tcp") for word in ("-l", f"{transport}:{REGISTRAR}:5060")]
    config = Path(__file__).with_name("peers") / "kamailio.cfg"
    command = ["kamailio", "-f", str(config), "-E", "-DD", "-Y", str(folder), "-w", str(folder), *listens]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            time.sleep(0.2)
            yield found
        finally:
            process.terminate()
            process.wait(10)


async def played(phone: SipPhone, until: Callable[[], bool]) -> bool:
    """Whether `until` came true while the telephone ran."""
    running = asyncio.create_task(phone.run())
    deadline = time.monotonic() + WITHIN
    try:
        while not until() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        return until()
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("family", "agent"), [("J100", "Avaya J179 IP Phone"), ("1140", "Avaya 1140E IP Deskphone")])
def test_a_telephone_registers_and_refreshes(tmp_path: Path, transport: str, family: str, agent: str) -> None:
    identity = Identity("301", "Ada", "secret", agent, family, "sip")
    settings = Settings((Controller(REGISTRAR, 5060, transport),), "lab.example", (), True)
    with kamailio(tmp_path) as registrar:
        phone = SipPhone(identity, settings, ScaledClock(60), PHONE)
        bound = f"{BOUND} {transport}"
        assert asyncio.run(played(phone, lambda: registrar.count(bound) >= 3)), registrar.said
    assert [line for line in registrar.said if "ERROR" in line] == []
