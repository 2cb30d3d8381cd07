"""Phones that have just come back from an outage: the grace in which they may be let in is waited for once."""

from dataclasses import dataclass, field
from typing import cast

from harness.episodes.homecoming import Homecoming
from harness.episodes.lab import Lab
from harness.inventory import Inventory, Role, find_bench
from tests.harness.decoding import inventory

BEGAN = 1000.0


@dataclass
class View:
    """When an extension was last at the failover system, epoch seconds."""

    away: dict[str, float]

    def was_at(self, extension: str, role: Role, since: float) -> bool:
        return role is Role.FAILOVER and self.away.get(extension, 0.0) > since


@dataclass
class Rig:
    """A lab in which everybody is at home; each wait takes eleven real seconds."""

    live: View
    inventory: Inventory = field(default_factory=inventory)
    began: float = BEGAN
    watched: list[str] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    """Phones that register only once they are re-powered."""
    repowered: list[str] = field(default_factory=list)
    findings: list[object] = field(default_factory=list)

    def now(self) -> float:
        return BEGAN + 11.0 * len(self.watched)

    def registered(self, phone: str, role: Role, since: float) -> bool:
        return phone not in self.unseen and role is Role.HOME and since == BEGAN

    def power_cycle(self, phone: str) -> None:
        self.repowered.append(phone)
        self.unseen.discard(phone)

    def wait_for(self, what: str, condition: object, within: float) -> bool:
        return bool(what) and callable(condition) and condition() and within > 0

    def watch(self, seconds: float, what: str) -> None:
        assert seconds > 0
        self.watched.append(what)


def waits(**away: float) -> list[str]:
    """What was waited for, with phones last at the failover system at these instants, and one more call after it."""
    lab = Rig(View(away))
    homecoming = Homecoming(cast(Lab, lab))
    homecoming.wait()
    homecoming.wait()
    return lab.watched


def test_where_nobody_came_back_there_is_nothing_to_wait_for() -> None:
    assert waits(**{"301": BEGAN - 1}) == []


def test_a_grace_is_waited_for_once() -> None:
    [waited] = waits(**{"301": BEGAN + 5})
    assert "phone-J179 came back from there" in waited


def test_who_comes_back_later_is_waited_for_again() -> None:
    assert len(waits(**{"301": BEGAN + 12})) == 2


def test_who_is_encrypted_and_not_yet_seen_is_repowered_and_that_is_no_finding() -> None:
    lab = Rig(View({}), find_bench("virtual-no-portal").inventory, unseen={"phone-WebRTC"})
    Homecoming(cast(Lab, lab)).wait()
    assert (lab.repowered, lab.findings) == (["phone-WebRTC"], [])
