import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sipmessage import Request, Response

from tests.virtual_bench.sip_peers import RecordingFlow, answered, register
from virtual_bench import reginfo
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.truth import TruthLog
from virtual_bench.units.admission import Decision
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.records import User
from virtual_bench.units.registrar import Registrar, RegistrarSettings

USER = User("301", "Ada", "sip", "secret")


class Doors:
    """A doorkeeper with one user and one answer."""

    def __init__(self) -> None:
        self.decision, self.checks_passwords = Decision.ADMIT, True

    def decide(self, extension: str, *, refresh: bool) -> Decision:
        del refresh
        return self.decision if extension == "301" else Decision.UNKNOWN

    def user(self, extension: str) -> User | None:
        return USER if extension == "301" else None


class Trial:
    """A registrar, a telephone's flow and the truth log."""

    def __init__(self, folder: Path, blocked: str = "403", *, heeds_domain: bool = True) -> None:
        self.doors, self.flow, self._log = Doors(), RecordingFlow(), folder / "truth" / "home.jsonl"
        self.bindings = Bindings(lambda: None)
        settings = RegistrarSettings("lab.example", blocked, 180, heeds_domain=heeds_domain)
        self.registrar = Registrar(settings, ScaledClock(60), self.doors, self.bindings, TruthLog(folder, "home"))

    def ask(self, request: Request) -> Response:
        self.registrar.received(self.flow, Request.parse(bytes(request)))
        last = self.flow.last
        assert isinstance(last, Response)
        return last

    def log_in(self, password: str = "secret", **about: Any) -> Response:
        challenge = self.ask(register(**about))
        return self.ask(answered(challenge, register(**about), password))

    @property
    def truth(self) -> list[str]:
        return [json.loads(line)["what"] for line in self._log.read_text().splitlines()]


def in_loop(folder: Path, play: Callable[[Trial], None], **about: Any) -> Trial:
    """Play a trial within an event loop."""

    async def run() -> Trial:
        trial = Trial(folder, **about)
        play(trial)
        await asyncio.sleep(0)
        return trial

    return asyncio.run(run())


def test_challenge_acceptance_refresh_withdrawal(tmp_path: Path) -> None:
    def play(trial: Trial) -> None:
        accepted = trial.log_in()
        assert (accepted.code, accepted.expires) == (200, 180)
        assert accepted.contact[0].parameters["expires"] == "180"
        assert trial.log_in(number=3).code == 200
        assert trial.log_in(number=5, expires=0).code == 200

    trial = in_loop(tmp_path, play)
    assert trial.truth == [
        "challenged", "accepted", "challenged", "confirmed", "challenged", "withdrawn",
    ]  # fmt: skip
    assert trial.bindings.extensions == []


def test_a_repeated_request_is_answered_again_and_decided_once(tmp_path: Path) -> None:
    def play(trial: Trial) -> None:
        request = register()
        first = trial.ask(request)
        assert bytes(trial.ask(request)) == bytes(first)

    assert in_loop(tmp_path, play).truth == ["challenged"]


@pytest.mark.parametrize("blocked", ["403", "404", "503"])
def test_a_block_has_the_configured_form(tmp_path: Path, blocked: str) -> None:
    def play(trial: Trial) -> None:
        trial.doors.decision = Decision.BLOCK
        refused = trial.ask(register())
        assert refused.code == int(blocked)
        assert (refused.headers.get("Retry-After") is not None) == (blocked == "503")

    assert in_loop(tmp_path, play, blocked=blocked).truth == ["refused"]


def test_a_block_can_be_silence(tmp_path: Path) -> None:
    def play(trial: Trial) -> None:
        trial.doors.decision = Decision.BLOCK
        request = register()
        for _ in range(3):
            trial.registrar.received(trial.flow, Request.parse(bytes(request)))
        assert trial.flow.sent == []

    assert in_loop(tmp_path, play, blocked="silent").truth == ["ignored"]


def test_wrong_password_unknown_extension_and_foreign_domain_stay_out(tmp_path: Path) -> None:
    def play(trial: Trial) -> None:
        assert trial.log_in("guess").code == 403
        assert trial.ask(register("999", number=9)).code == 403
        assert trial.ask(register(number=10, domain="elsewhere.example")).code == 403
        assert trial.bindings.extensions == []

    assert in_loop(tmp_path, play).truth == ["challenged", "refused", "refused", "refused"]


def test_after_five_wrong_passwords_the_right_one_gets_no_answer_either(tmp_path: Path) -> None:
    def play(trial: Trial) -> None:
        for attempt in range(5):
            assert trial.log_in("guess", number=2 * attempt + 1).code == 403
        sent = len(trial.flow.sent)
        trial.registrar.received(trial.flow, Request.parse(bytes(register(number=20))))
        assert len(trial.flow.sent) == sent

    assert in_loop(tmp_path, play).truth[-3:] == ["challenged", "refused", "ignored"]


def test_of_two_telephones_with_one_extension_the_earlier_one_is_kept_out(tmp_path: Path) -> None:
    def play(trial: Trial) -> None:
        first = trial.flow
        assert trial.log_in().code == 200
        trial.flow = RecordingFlow()
        trial.flow.peer = ("10.77.3.199", 5060)
        assert trial.log_in(number=3).code == 200
        trial.flow = first
        assert trial.ask(register(number=5)).code == 403
        held = trial.bindings.get("301")
        assert held is not None
        assert held.peer == "10.77.3.199"

    assert in_loop(tmp_path, play).truth[-1] == "refused"


def test_a_doorkeeper_that_checks_no_passwords_takes_any(tmp_path: Path) -> None:
    def play(trial: Trial) -> None:
        trial.doors.checks_passwords = False
        assert trial.log_in("guess").code == 200

    assert in_loop(tmp_path, play).truth == ["challenged", "accepted"]


def test_a_registrar_that_heeds_no_domain_takes_a_foreign_one(tmp_path: Path) -> None:
    def play(trial: Trial) -> None:
        assert trial.ask(register(domain="elsewhere.example")).code == 401

    assert in_loop(tmp_path, play, heeds_domain=False).truth == ["challenged"]


def test_a_telephone_is_told_when_its_registration_is_taken_back(tmp_path: Path) -> None:
    async def run() -> None:
        trial = Trial(tmp_path)
        trial.log_in()
        trial.registrar.take_back("301")
        await asyncio.sleep(0)
        notify = trial.flow.last
        assert isinstance(notify, Request)
        assert notify.headers.get("Subscription-State") == "terminated;reason=deactivated"
        assert reginfo.is_deactivated(notify.body)
        assert trial.truth[-1] == "unregistered"
        assert trial.bindings.extensions == []

    asyncio.run(run())
