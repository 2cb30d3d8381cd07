"""The probe's part in an episode: kept at home like a phone, and nobody left behind whom it must not be."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from harness.base.stimulus import Guise, Stimulus
from harness.base.units import BenchSeconds, EpochSeconds
from harness.drivers.answers import Answer, ProbeAnswer
from harness.episodes.probing import Probing
from harness.inventory import Protocol, Role, find_bench

GRANTED = BenchSeconds(120)  # refreshed after 60, which are 2 real seconds
UNENTITLED = [(guise, protocol) for protocol in Protocol for guise in (Guise.STRANGER, Guise.WRONG_PASSWORD)]


@dataclass
class Door:
    """A door that notes what was asked of it; `answers` by guise, where not all are let in."""

    answers: dict[Guise, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Role]] = field(default_factory=list)
    withdrawn: list[tuple[Guise, Protocol]] = field(default_factory=list)

    def register(self, protocol: Protocol, role: Role, guise: Guise = Guise.OWN) -> ProbeAnswer:
        self.asked.append(("register", role))
        return self._answer(protocol, role, self.answers.get(guise, Answer.ACCEPTED))

    def refresh(self, protocol: Protocol, role: Role) -> ProbeAnswer:
        self.asked.append(("refresh", role))
        return self._answer(protocol, role, Answer.ACCEPTED)

    def withdraw(self, protocol: Protocol, role: Role, guise: Guise = Guise.OWN) -> None:
        assert role is Role.FAILOVER
        self.withdrawn.append((guise, protocol))

    def _answer(self, protocol: Protocol, role: Role, answer: Answer) -> ProbeAnswer:
        at = EpochSeconds(1.0)
        return ProbeAnswer(answer, protocol, "391", role, at, at, expires=GRANTED)


@dataclass
class Rig:
    """A probe at a door of memory, its stimuli, and the monotonic clock."""

    door: Door = field(default_factory=Door)
    stimuli: list[Stimulus] = field(default_factory=list)
    now: float = 0.0
    bench: str = "virtual"

    def __post_init__(self) -> None:
        lab = SimpleNamespace(inventory=find_bench(self.bench).inventory, door=self.door, record=self.stimuli.append)
        self.probes = Probing(lab)  # type: ignore[arg-type]

    def at(self, now: float) -> list[tuple[str, Role]]:
        """What is asked when the lab waits at that instant."""
        self.now = now
        self.door.asked.clear()
        self.probes.step()
        return list(self.door.asked)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig = Rig()
    monkeypatch.setattr("harness.episodes.probing.time.monotonic", lambda: rig.now)
    return rig


def test_its_registration_at_home_is_kept_alive_until_its_tries_are_over(rig: Rig) -> None:
    refreshed = [("refresh", Role.HOME)] * len(Protocol)
    rig.probes.register_at_home()
    with rig.probes.trying(every=900):
        assert rig.at(0.1) == [("register", Role.FAILOVER)] * len(Protocol)
        assert [rig.at(now) for now in (1.9, 2.1, 3.9, 4.2)] == [[], refreshed, [], refreshed]
    assert rig.at(9) == []


@pytest.mark.parametrize("answer", [Answer.ACCEPTED, Answer.REFUSED])
def test_who_must_not_be_let_in_is_taken_back_where_that_happens(rig: Rig, answer: Answer) -> None:
    rig.door.answers = dict.fromkeys((Guise.STRANGER, Guise.WRONG_PASSWORD), answer)
    rig.probes.try_unentitled()
    assert rig.door.asked == [("register", Role.FAILOVER)] * len(UNENTITLED)
    assert [(each.verb, each.target) for each in rig.stimuli] == [
        (guise, f"{who} at failover") for guise, who in UNENTITLED
    ]
    assert rig.door.withdrawn == (UNENTITLED if answer is Answer.ACCEPTED else [])


def test_nobody_tries_where_the_failover_system_lacks_the_protocol() -> None:
    rig = Rig(bench="virtual-no-h323")
    rig.probes.try_unentitled()
    assert {each.target for each in rig.stimuli} == {"sip at failover"}
