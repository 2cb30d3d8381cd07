"""The episode of softphones: no physical phone is there when home is lost, and then they come."""

from collections.abc import Callable

from harness.base.units import BenchSeconds
from harness.episodes import bounds, least
from harness.episodes.episode import episode
from harness.episodes.lab import Lab
from harness.episodes.outages import phones_return
from harness.inventory import Inventory, Role, movers

BEFORE = 60.0
"""Watched with the other phones gone before home is: two keepalives of the line show that it is up."""
MARGIN = 60.0
"""The softphones stay alone for so much longer than FO-PHYS asks for."""


def _lacks(inventory: Inventory) -> str:
    if not any(phone.soft for phone in movers(inventory).values()):
        return "this bench has no softphone"
    if not any(phone.physical for phone in movers(inventory).values()):
        return "this bench has no physical phone"
    return ""


def _least(inventory: Inventory) -> BenchSeconds:
    boots = max(phone.catalogued.boot for phone in inventory.phones.values() if not phone.soft)
    return BenchSeconds(least.confirmed(inventory) + _alone(inventory) + boots + least.returned(inventory))


def _expected(inventory: Inventory) -> BenchSeconds:
    alone = BEFORE + _alone(inventory) + MARGIN
    return BenchSeconds(alone + _come(inventory) + bounds.last_return(inventory) + 100)


def _alone(inventory: Inventory) -> float:
    return max(bounds.alone_for(inventory, phone) for phone in inventory.phones.values() if phone.soft)


def _come(inventory: Inventory) -> float:
    """By when the other phones have come back, and softphones have followed."""
    back = [bounds.back_after_power(phone) for phone in inventory.phones.values() if not phone.soft]
    return max(back) + max(bounds.follows_by(phone) for phone in inventory.phones.values() if phone.soft)


@episode(
    "Home is lost while only softphones are there; long after that the other phones come back, then home.",
    _expected,
    ("home's port", "the outlets of all but softphones"),
    _least,
    _lacks,
)
def softphones_alone(lab: Lab) -> None:
    """Softphones alone, then the other phones besides. Without the probe, which shows itself as a physical phone."""
    others = [name for name, phone in lab.inventory.phones.items() if not phone.soft]
    lab.log_in_at_switch(Role.HOME)
    lab.await_all_at_home()
    for name in others:
        lab.take_away(name)
    lab.watch(BEFORE, "the line to be seen with the other phones gone")
    lab.after_next_keepalive()
    lab.cut(Role.HOME)
    lab.watch(_alone(lab.inventory) + MARGIN, "softphones to be kept out for as long as they are alone")
    come = _physical_and_softphones(lab)
    for name in others:
        lab.bring_back(name)
    lab.wait_for("a physical phone to move, and softphones after it", come, within=_come(lab.inventory))
    lab.restore(Role.HOME)
    phones_return(lab)


def _physical_and_softphones(lab: Lab) -> Callable[[], bool]:
    """Whether a physical phone, and every softphone that is to be there, has registered at the failover system since.

    Those whose binding at home had lapsed before home was lost stay out, so not all physical ones can be waited for.
    """
    began, due = lab.now(), movers(lab.inventory)
    there = [name for name in lab.inventory.readable if name in due]

    def come() -> bool:
        arrived = {name for name in there if lab.registered(name, Role.FAILOVER, since=began)}
        return any(due[name].physical for name in arrived) and all(name in arrived for name in there if due[name].soft)

    return come
