"""Telephones beside a home that refuses them and a failover system that takes them, in one process, on loopback."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from harness.inventory import Role, catalogue
from virtual_bench.defects import CONFORMING, DEFECTS, Conduct, apply_defects
from virtual_bench.phones.h323_phone import H323Phone
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.settings import Controller, Settings
from virtual_bench.phones.sip_phone import SipPhone
from virtual_bench.phones.telephone import Agent
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.truth import TruthLog
from virtual_bench.units.admission import Decision
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.gatekeeper import Gatekeeper
from virtual_bench.units.gatekeeper_messages import GatekeeperSettings
from virtual_bench.units.records import User
from virtual_bench.units.registrar import Registrar, RegistrarSettings

SIP_PORT, RAS_PORT, SIGNALLING_PORT = 5060, 1719, 1720
CLOCK = ScaledClock(100)
WATCHED = 450.0
"""Bench seconds: several refreshes, and many tries at home."""
FAMILIES = {"sip": "J100", "h323": "9600"}
CONDUCTS = (
    CONFORMING,
    Conduct(refreshes_away=False),
    Conduct(once_home_answers=False),
    Conduct(asks_again_after=840),
    Conduct(goes_home=False),
)
Nights = dict[tuple[str, Conduct], tuple[int, Counter[str]]]
"""By what a telephone speaks and its conduct: how often it asked home, and what the failover system did how often."""


@dataclass(frozen=True)
class Doors:
    """A doorkeeper with one decision, whose users speak one protocol."""

    decision: Decision
    spoken: str
    checks_passwords = True

    def decide(self, extension: str, *, refresh: bool) -> Decision:
        del extension, refresh
        return self.decision

    def user(self, extension: str) -> User | None:
        return User(extension, "Ada", self.spoken, "secret")


async def serve(host: str, other: str, doors: Doors, truth: TruthLog) -> None:
    """Both services of a unit."""
    settings = GatekeeperSettings(
        host, (host, RAS_PORT), SIGNALLING_PORT, other, (other, RAS_PORT), "securityDenial", 120
    )
    bindings = Bindings(lambda: None)
    await Gatekeeper(settings, CLOCK, doors, bindings, truth).serve()
    await Registrar(RegistrarSettings("lab.example", "403", 180), CLOCK, doors, bindings, truth).serve(host, ("udp",))


def telephone(spoken: str, host: str, home: str, failover: str, conduct: Conduct) -> Agent:
    identity = Identity("301", "Ada", "secret", "Avaya", FAMILIES[spoken], spoken)
    controllers = tuple(Controller(each, SIP_PORT, "udp") for each in (home, failover))
    settings = Settings(controllers, "lab.example", ((home, RAS_PORT), (failover, RAS_PORT)), asks_home=True)
    if spoken == "sip":
        return SipPhone(identity, settings, CLOCK, host, conduct=conduct)
    return H323Phone(identity, settings, CLOCK, host, conduct)


async def play(folder: Path, network: int, spoken: str, conduct: Conduct) -> None:
    """A night of two units and a telephone in a network of their own."""
    home, failover, host = (f"127.77.{network}.{number}" for number in (1, 2, 3))
    await serve(home, failover, Doors(Decision.BLOCK, spoken), TruthLog(folder, Role.HOME))
    await serve(failover, home, Doors(Decision.ADMIT, spoken), TruthLog(folder, Role.FAILOVER))
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOCK.real(WATCHED)):
            await telephone(spoken, host, home, failover, conduct).run()


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Those of all telephones, side by side."""
    folders = {each: tmp_path_factory.mktemp("night") for each in product(FAMILIES, CONDUCTS)}

    async def run() -> None:
        await asyncio.gather(*(play(folder, 20 + n, *each) for n, (each, folder) in enumerate(folders.items())))

    asyncio.run(run())
    return {each: (did(folder, Role.HOME)["refused"], did(folder, Role.FAILOVER)) for each, folder in folders.items()}


def did(folder: Path, unit: Role) -> Counter[str]:
    lines = (folder / "truth" / f"{unit}.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["what"] for line in lines)


both = pytest.mark.parametrize("spoken", FAMILIES)


@both
def test_a_telephone_refreshes_at_the_failover_system_and_goes_on_asking_home(nights: Nights, spoken: str) -> None:
    asked, there = nights[spoken, CONFORMING]
    assert asked >= 5
    assert there["confirmed"] >= 3


@both
def test_one_that_does_not_refresh_there_asks_home_even_so(nights: Nights, spoken: str) -> None:
    asked, there = nights[spoken, Conduct(refreshes_away=False)]
    assert asked >= 5
    assert (there["accepted"], there["confirmed"]) == (1, 0)


@both
def test_one_that_stops_refreshing_once_home_answers_does_so(nights: Nights, spoken: str) -> None:
    _, there = nights[spoken, Conduct(once_home_answers=False)]
    assert (there["accepted"], there["confirmed"]) == (1, 0)


@both
def test_one_that_waits_once_it_was_refused_asks_home_once(nights: Nights, spoken: str) -> None:
    asked, there = nights[spoken, Conduct(asks_again_after=840)]
    assert asked == 2, "one of them before it went to the failover system"
    assert there["confirmed"] >= 3


@both
def test_one_that_does_not_go_home_does_not_ask_there(nights: Nights, spoken: str) -> None:
    asked, there = nights[spoken, Conduct(goes_home=False)]
    assert asked == 1, "before it went to the failover system"
    assert there["confirmed"] >= 3


@pytest.mark.parametrize(
    ("defect", "conduct"),
    [
        ("ignores-second-system", Conduct(heeds_others=False)),
        ("lets-registration-lapse", Conduct(refreshes_away=False)),
        ("leaves-early", Conduct(once_home_answers=False)),
        ("asks-home-late", Conduct(asks_again_after=840)),
        ("stays-until-refused", Conduct(goes_home=False)),
    ],
)
def test_a_defect_is_of_one_family_and_of_no_system(defect: str, conduct: Conduct) -> None:
    player = DEFECTS[defect].player
    assert apply_defects(Conduct(), [defect], player) == conduct
    assert f"PHONE-{player}" in DEFECTS[defect].clauses
    others = {model.family for model in catalogue().values()} - {player} | {str(role) for role in Role}
    assert {apply_defects(Conduct(), [defect], other) for other in others} == {CONFORMING}


def test_every_defect_has_a_player_that_there_is() -> None:
    players = {model.family for model in catalogue().values()} | {str(role) for role in Role}
    assert {defect.player for defect in DEFECTS.values()} <= players
