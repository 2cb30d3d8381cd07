"""By when things must have happened, from the periods of the catalogue and the bench (clauses.md, *Periods*).

All in bench seconds.
"""

from harness.inventory import Inventory, Phone, movers, staying
from harness.spec import clauses

SETTLING = 30.0
FAILOVER_DELAY = clauses()["FO-DELAY"].wait
FAILBACK_DELAY = clauses()["FB-DELAY"].wait
GRACE = clauses()["HP-END"].wait
FLAP = (clauses()["FB-FLAP"].wait, 240.0)
"""For how long home is visible, and then lost again."""
CLOSED_BESIDES = 60.0
"""For so long beyond the failover bound a failover system that restarted must let nobody in (FO-RESTART)."""
GOING_DOWN = 60.0
"""Given to a reboot before anybody is expected back: the shortest outage that FO-SHORT is judged by takes longer."""
SHORT_OUTAGE = (140.0, 175.0)
STAYS = clauses()["FB-MANUAL"].wait
"""For so long at least phones under manual failback must be seen to stay (FB-MANUAL)."""
NEW_AT_HOME = clauses()["FO-SYNC"].wait
"""For so long a phone is at home when that is lost, of which the failover system had no record before (FO-SYNC)."""
ABOUT = 60.0
"""By how much that may differ: two keepalives, for just after one home is cut, and the lab's own commands."""


def moves_by(inventory: Inventory, phone: Phone) -> float:
    """Longest time from home's loss to the phone's acceptance at the failover system."""
    model = phone.catalogued
    if model.kind == "base":  # documented apart: it asks its host, and turns after a time of its own
        return model.loss_detected_within + inventory.failover_bound + SETTLING
    return max(inventory.failover_bound, model.loss_detected_within) + model.retry_max + SETTLING


def follows_by(phone: Phone) -> float:
    """Longest time from the first physical phone's acceptance at the failover system to that of a softphone."""
    return phone.catalogued.retry_max + SETTLING


def alone_for(inventory: Inventory, softphone: Phone) -> float:
    """For so long after home's loss a softphone stays out where no physical phone is there (FO-PHYS)."""
    return moves_by(inventory, softphone) + clauses()["FO-PHYS"].wait


def returns_by(inventory: Inventory, phone: Phone) -> float:
    """Longest time from home being visible again to the phone's acceptance at home."""
    model = phone.catalogued
    return inventory.failback_bound + max(model.refresh, model.retry_max) + 60


def back_after_short_outage(phone: Phone) -> float:
    """Longest time from home being visible to the phone's acceptance there, where nothing was invoked."""
    return phone.catalogued.refresh + phone.catalogued.retry_max + SETTLING


def back_after_power(phone: Phone) -> float:
    """Longest time from power to the phone's acceptance."""
    return phone.catalogued.boot + phone.catalogued.retry_max + 60


def back_after_logout(phone: Phone) -> float:
    """Longest time from being logged out to the phone's acceptance."""
    return phone.catalogued.retry_max + 60


def stays(inventory: Inventory) -> float:
    """For how long from home being visible phones under manual failback are judged by staying."""
    return max(STAYS, last_return(inventory) + 60)


def sent_home(inventory: Inventory) -> float:
    """Longest time for the phones under manual failback to be home once each is sent; 0 where there is none."""
    return max((back_after_power(inventory.phones[name]) for name in staying(inventory)), default=0.0)


def last_move(inventory: Inventory) -> float:
    """When the last of all that are due to move must have: softphones follow the first physical one.

    Where none is due, when they would be let in.
    """
    due = movers(inventory).values()
    first = min((moves_by(inventory, phone) for phone in due if phone.physical), default=0.0)
    by = [first + follows_by(phone) if phone.soft else moves_by(inventory, phone) for phone in due]
    return max(by, default=inventory.failover_bound)


def last_return(inventory: Inventory) -> float:
    """When the last of all phones must have returned."""
    return max(returns_by(inventory, phone) for phone in inventory.phones.values())
