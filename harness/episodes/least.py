"""How long an episode must last: the waits that its clauses are about, and the phones' own periods.

All in bench seconds. Whatever an episode takes beyond that is the harness's. Each begins in normal operation, which
is seen once every phone has confirmed its registration at home.
"""

from harness.base.units import BenchSeconds
from harness.episodes import bounds
from harness.inventory import Inventory, Role
from harness.spec import clauses


def outage(inventory: Inventory) -> BenchSeconds:
    """Normal operation, the move, its confirmation, the return."""
    return BenchSeconds(gone_and_back(inventory) + confirmed(inventory))


def reboot(inventory: Inventory) -> BenchSeconds:
    """A short outage, all phones' finding home again, and as long as a failover would take to begin."""
    return BenchSeconds(2 * confirmed(inventory) + bounds.SHORT_OUTAGE[0] + clauses()["FO-SHORT"].wait)


def repower(inventory: Inventory) -> BenchSeconds:
    """An outage in which phones have moved and boot, after one was new at home, and until all grace is over."""
    boots = max(phone.catalogued.boot for phone in inventory.phones.values() if phone.outlet is not None)
    new = confirmed(inventory) + boots + clauses()["FO-SYNC"].wait
    return BenchSeconds(new + outage(inventory) + boots + bounds.GRACE + boots)


def flap(inventory: Inventory) -> BenchSeconds:
    """The move, home visible for not long enough, lost again, visible for long enough."""
    return BenchSeconds(gone_and_back(inventory) + sum(bounds.FLAP))


def restart(inventory: Inventory) -> BenchSeconds:
    """The move, its confirmation, the failover system's boot, how long it must let nobody in, home's boot, the return.

    Nobody is at the failover system any more when home is visible, so that nobody waits for failback.
    """
    home, failover = inventory.systems[Role.HOME], inventory.systems[Role.FAILOVER]
    there = confirmed(inventory) + moved(inventory) + confirmed(inventory)
    closed = failover.boot_time + inventory.failover_bound + bounds.CLOSED_BESIDES
    boot = home.boot_time if home.outlet is not None else 0
    return BenchSeconds(there + closed + boot + tried(inventory))


def line(inventory: Inventory) -> BenchSeconds:
    """Home is lost to the failover system alone: until phones would be let in, and all have confirmed at home.

    Then as long as home has to be visible before the next loss counts anew.
    """
    return BenchSeconds(2 * confirmed(inventory) + bounds.FAILOVER_DELAY + bounds.FAILBACK_DELAY)


def paths(inventory: Inventory) -> BenchSeconds:
    """A binding that lapses, an outage, the grace of a phone that cannot reach home, and as long again."""
    lapsed = 2 * min(phone.catalogued.refresh for phone in inventory.phones.values())
    return BenchSeconds(lapsed + gone_and_back(inventory) + 2 * bounds.GRACE)


def gone_and_back(inventory: Inventory) -> float:
    """Normal operation, the move, the return."""
    return confirmed(inventory) + moved(inventory) + returned(inventory)


def moved(inventory: Inventory) -> float:
    """Until phones are let in, and the slowest has tried."""
    return bounds.FAILOVER_DELAY + tried(inventory)


def tried(inventory: Inventory) -> float:
    """Until the slowest has tried again."""
    return max(phone.catalogued.retry_max for phone in inventory.phones.values())


def confirmed(inventory: Inventory) -> float:
    """Until every registration was confirmed."""
    return max(phone.catalogued.refresh for phone in inventory.phones.values())


def returned(inventory: Inventory) -> float:
    """Until phones may go back, and the slowest has tried."""
    slowest = max(max(phone.catalogued.refresh, phone.catalogued.retry_max) for phone in inventory.phones.values())
    return bounds.FAILBACK_DELAY + slowest
