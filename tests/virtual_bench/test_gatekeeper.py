import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from virtual_bench.ras import (
    PROTOCOL,
    Body,
    Ras,
    alias_of,
    decode,
    encode,
    name_of,
    password_token,
    terminal,
    transport_address,
    vendor,
)
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.truth import TruthLog
from virtual_bench.units.admission import Decision
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.gatekeeper import Gatekeeper
from virtual_bench.units.gatekeeper_messages import GatekeeperSettings
from virtual_bench.units.records import User

PHONE = ("10.77.3.103", 1719)
USER = User("303", "Cleo", "h323", "secret")


class Doors:
    """A doorkeeper with one user and one answer."""

    decision, checks_passwords = Decision.ADMIT, True

    def decide(self, extension: str, *, refresh: bool) -> Decision:
        del extension, refresh
        return self.decision

    def user(self, extension: str) -> User | None:
        return USER if extension == "303" else None


class Wire:
    """A socket that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, addr: object) -> None:
        del addr
        self.sent.append(data)


class Trial:
    """A gatekeeper, its wire and the truth log."""

    def __init__(self, folder: Path, blocked: str = "securityDenial") -> None:
        self.doors, self.wire, self._log = Doors(), Wire(), folder / "truth" / "home.jsonl"
        settings = GatekeeperSettings(
            "home", ("10.77.1.10", 1719), 1720, "failover", ("10.77.2.10", 1719), blocked, 120
        )
        self.bindings = Bindings(lambda: None)
        self.gatekeeper = Gatekeeper(settings, ScaledClock(60), self.doors, self.bindings, TruthLog(folder, "home"))
        self.gatekeeper.connection_made(self.wire)  # type: ignore[arg-type]

    def ask(self, message: Ras, phone: tuple[str, int] = PHONE) -> Ras:
        before = len(self.wire.sent)
        self.gatekeeper.datagram_received(encode(message), phone)
        assert len(self.wire.sent) == before + 1
        return decode(self.wire.sent[-1])

    @property
    def truth(self) -> list[str]:
        return [json.loads(line)["what"] for line in self._log.read_text().splitlines()]


def discovery(extension: str = "303", number: int = 1) -> Ras:
    return Ras("gatekeeperRequest", {
        "requestSeqNum": number, "protocolIdentifier": PROTOCOL, "rasAddress": transport_address(PHONE),
        "endpointType": terminal("Avaya 9641G"), "endpointAlias": [alias_of(extension), name_of("Cleo")],
    })  # fmt: skip


def registration(number: int = 2, **more: Any) -> Ras:
    body: Body = {
        "requestSeqNum": number, "protocolIdentifier": PROTOCOL, "discoveryComplete": True,
        "callSignalAddress": [transport_address((PHONE[0], 1720))], "rasAddress": [transport_address(PHONE)],
        "terminalType": terminal("Avaya 9641G"), "endpointVendor": vendor("Avaya 9641G"),
        "keepAlive": False, "willSupplyUUIEs": False, "maintainConnection": False,
    }  # fmt: skip
    return Ras("registrationRequest", body | more)


def full(number: int = 2, password: str = "secret") -> Ras:
    return registration(number, terminalAlias=[alias_of("303")], cryptoTokens=[password_token("303", password)])


def light(identity: str, number: int = 3) -> Ras:
    return registration(number, keepAlive=True, endpointIdentifier=identity)


def test_discovery_registration_refresh_and_end(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path)
        found = trial.ask(discovery())
        assert found.kind == "gatekeeperConfirm"
        assert found.body["alternateGatekeeper"][0]["gatekeeperIdentifier"] == "failover"
        confirmed = trial.ask(full())
        assert (confirmed.kind, confirmed.body["timeToLive"]) == ("registrationConfirm", 120)
        identity = str(confirmed.body["endpointIdentifier"])
        assert trial.ask(light(identity)).kind == "registrationConfirm"
        leave = Ras(
            "unregistrationRequest", {"requestSeqNum": 4, "callSignalAddress": [], "endpointIdentifier": identity}
        )
        assert trial.ask(leave).kind == "unregistrationConfirm"
        assert trial.truth == ["discovered", "accepted", "confirmed", "withdrawn"]
        assert trial.bindings.extensions == []

    asyncio.run(run())


def test_a_repeated_request_is_answered_again_and_decided_once(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path)
        assert trial.ask(full()) == trial.ask(full())
        assert trial.truth == ["accepted"]

    asyncio.run(run())


def test_after_five_wrong_passwords_neither_discovery_nor_registration_gets_an_answer(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path)
        for number in range(5):
            assert trial.ask(full(number + 1, "guess")).kind == "registrationReject"
        sent = len(trial.wire.sent)
        for message in (discovery(number=10), full(11)):
            trial.gatekeeper.datagram_received(encode(message), PHONE)
        assert len(trial.wire.sent) == sent
        assert trial.truth[-2:] == ["ignored", "ignored"]

    asyncio.run(run())


def test_of_two_telephones_with_one_extension_the_earlier_one_is_kept_out(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path)
        first = str(trial.ask(full()).body["endpointIdentifier"])
        assert trial.ask(full(3), ("10.77.3.199", 1719)).kind == "registrationConfirm"
        assert trial.ask(light(first, 4)).body["rejectReason"] == ("fullRegistrationRequired", 0)
        assert trial.ask(full(5)).body["rejectReason"] == ("securityDenial", 0)

    asyncio.run(run())


def test_a_light_request_of_a_stranger_asks_for_a_full_one(tmp_path: Path) -> None:
    async def run() -> None:
        rejected = Trial(tmp_path).ask(light("nobody"))
        assert rejected.body["rejectReason"] == ("fullRegistrationRequired", 0)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("blocked", "discovery_answer"),
    [
        ("securityDenial", "gatekeeperReject"),
        ("resourceUnavailable", "gatekeeperReject"),
        ("undefinedReason", "gatekeeperConfirm"),
        ("invalidAlias", "gatekeeperConfirm"),
    ],
)
def test_a_block_has_the_configured_form(tmp_path: Path, blocked: str, discovery_answer: str) -> None:
    async def run() -> None:
        trial = Trial(tmp_path, blocked)
        trial.doors.decision = Decision.BLOCK
        assert trial.ask(discovery()).kind == discovery_answer
        assert trial.ask(full()).body["rejectReason"] == (blocked, 0)

    asyncio.run(run())


def test_a_block_can_be_silence(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path, "silent")
        trial.doors.decision = Decision.BLOCK
        for _ in range(2):
            trial.gatekeeper.datagram_received(encode(full()), PHONE)
        assert trial.wire.sent == []
        assert trial.truth == ["ignored"]

    asyncio.run(run())


def test_wrong_password_and_unknown_extension_stay_out(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path)
        assert trial.ask(full(password="guess")).body["rejectReason"] == ("securityDenial", 0)
        assert trial.ask(discovery("999", 9)).kind == "gatekeeperReject"
        assert trial.truth == ["refused", "refused"]

    asyncio.run(run())


def test_a_doorkeeper_that_checks_no_passwords_takes_any(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path)
        trial.doors.checks_passwords = False
        assert trial.ask(full(password="guess")).kind == "registrationConfirm"

    asyncio.run(run())


def test_a_telephone_is_told_when_its_registration_is_taken_back(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path)
        identity = trial.ask(full()).body["endpointIdentifier"]
        trial.gatekeeper.take_back("303")
        notice = decode(trial.wire.sent[-1])
        assert (notice.kind, notice.body["endpointIdentifier"]) == ("unregistrationRequest", identity)
        assert trial.truth == ["accepted", "unregistered"]

    asyncio.run(run())
