"""Phones under manual failback, at the end of an episode: only those that are still away are sent home."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from harness.episodes.lab import Lab
from harness.episodes.sending_home import send_home, still_away
from harness.inventory import Inventory, Role, find_bench

NOW = 1_700_000_000.0
BENCH = find_bench("virtual-manual").inventory
MUTE = BENCH.systems[Role.FAILOVER].model_copy(update={"log_out_command": None})


class View:
    """Nothing new."""

    def update(self) -> None:
        """Nothing."""


@dataclass
class Rig:
    """A lab whose phones were last confirmed at the failover system so many real seconds ago."""

    ago: dict[str, float]
    inventory: Inventory = BENCH
    live: View = field(default_factory=View)
    done: list[tuple[str, ...]] = field(default_factory=list)

    def now(self) -> float:
        return NOW

    def registered(self, phone: str, role: Role, since: float) -> bool:
        return role is Role.FAILOVER and NOW - self.ago[phone] > since

    def log_out(self, phone: str, role: Role) -> None:
        self.done.append(("log_out", phone, role))

    def power_cycle(self, phone: str) -> None:
        self.done.append(("power_cycle", phone))

    def wait_for(self, what: str, condition: Callable[[], bool], within: float) -> bool:
        self.done.append((what,))
        return condition() and within > 0


def rig(inventory: Inventory = BENCH) -> Rig:
    # Two refreshes of both are 120 bench seconds, which are 4 real ones.
    return Rig({"phone-J179": 1, "phone-1140E": 1, "phone-9641": 3.9, "phone-1608": 4.1}, inventory)


def test_who_was_not_confirmed_for_two_refreshes_is_not_there_any_more() -> None:
    assert still_away(cast(Lab, rig())) == ["phone-9641"]


def test_who_is_still_away_is_logged_out() -> None:
    lab = rig()
    send_home(cast(Lab, lab))
    assert lab.done == [("log_out", "phone-9641", Role.FAILOVER), ("phones that were sent home",)]


def test_where_no_command_does_that_it_is_re_powered() -> None:
    lab = rig(BENCH.model_copy(update={"systems": BENCH.systems | {Role.FAILOVER: MUTE}}))
    send_home(cast(Lab, lab))
    assert lab.done == [("power_cycle", "phone-9641"), ("phones that were sent home",)]


def test_where_nobody_is_away_nothing_is_done() -> None:
    lab = rig(find_bench("virtual").inventory)
    send_home(cast(Lab, lab))
    assert lab.done == []
