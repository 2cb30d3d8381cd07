"""Which paths are blocked: those of phones chosen by what the inventory says of them, not by name, and the line's."""

from dataclasses import dataclass

from harness.base.errors import ConfigurationFault
from harness.drivers.protocols import PathRef
from harness.inventory import Inventory, Phone, Protocol, Role, returning

NOT_ENOUGH = (
    "it has not three physical phones whose paths a router can block, two of them not registering by TCP or TLS"
)


@dataclass(frozen=True)
class Chosen:
    """Names of phones. `stranded`: the path to the failover system is blocked when home is lost.

    `opened` and `kept`: the path to home is blocked at failback, and opened within the grace or kept blocked beyond it.
    """

    stranded: str
    opened: str
    kept: str


def choose(inventory: Inventory) -> Chosen | None:
    """Three phones of home; None where there are not enough.

    A datagram shows of a phone that it tries in vain, a connection that nobody answers does not. `kept` refreshes
    oftenest, since it has to ask just before its grace ends; `stranded` tries oftenest; `opened` speaks another
    protocol than `kept` where one does.
    """
    phones = inventory.phones
    able = [name for name in inventory.readable if _takes_part(inventory, name)]
    shown = [name for name in able if _sends_datagrams(phones[name])]
    if len(able) < 3 or len(shown) < 2:
        return None
    kept = min(shown, key=lambda name: phones[name].catalogued.refresh)
    shown.remove(kept)
    stranded = min(shown, key=lambda name: phones[name].catalogued.retry_max)
    left = [name for name in able if name not in (kept, stranded)]
    return Chosen(stranded, min(left, key=lambda name: phones[name].protocol is phones[kept].protocol), kept)


def lacks(inventory: Inventory) -> str:
    """What this bench would need besides; "" where there are enough."""
    return "" if choose(inventory) else f"this bench cannot block single paths: {NOT_ENOUGH}"


def chosen(inventory: Inventory) -> Chosen:
    """The same. Raises ConfigurationFault where there are not enough."""
    found = choose(inventory)
    if found is None:
        raise ConfigurationFault(
            f"single paths cannot be blocked on this bench: {NOT_ENOUGH}.",
            bench=inventory.bench,
            next_step="name the 'router' of the phones' site, or leave this episode out.",
        )
    return found


def line_lacks(inventory: Inventory) -> str:
    """What this bench would need besides for the line between its systems to be cut; "" where it has all."""
    router = inventory.sites[inventory.systems[Role.HOME].site].router
    return "" if router else "this bench names no router of home's network, on which the line could be cut"


def line_path(inventory: Inventory) -> PathRef:
    """The path between home and the failover system's network. Raises ConfigurationFault where none can block it."""
    home, failover = inventory.systems[Role.HOME], inventory.systems[Role.FAILOVER]
    router = inventory.sites[home.site].router
    if router is None:
        raise ConfigurationFault(
            "the line between the systems cannot be cut: no router of home's network is stated.",
            bench=inventory.bench,
            next_step="name the 'router' of that site, or leave this episode out.",
        )
    return PathRef(router, home.address, inventory.sites[failover.site].subnet)


def _takes_part(inventory: Inventory, name: str) -> bool:
    """It moves and returns, by the rule of physical phones, and a router can block its packets to both systems."""
    beside = {system.site for system in inventory.systems.values()}
    routed = inventory.router_of(name) is not None and inventory.phones[name].site not in beside
    return name in returning(inventory) and inventory.phones[name].physical and routed


def _sends_datagrams(phone: Phone) -> bool:
    return phone.protocol is Protocol.H323 or phone.transport == "udp"
