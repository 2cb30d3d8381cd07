"""What the configuration that is stated of the systems lets nobody expect of the phones, each with its reason."""

from harness.inventory.models import Inventory, Phone, Role
from harness.inventory.telephones import Protocol

_NAMES = {Protocol.SIP: "SIP", Protocol.H323: "H.323"}


def off_at_failover(inventory: Inventory, protocol: Protocol) -> str:
    """Why the failover system has no ear for `protocol`; "" where it has."""
    failover = inventory.systems[Role.FAILOVER]
    supported = failover.sip if protocol is Protocol.SIP else failover.h323
    return "" if supported else f"this bench states that the failover system supports no {_NAMES[protocol]} extensions"


def other_domain(inventory: Inventory) -> str:
    """Why the failover system takes SIP phones of home for somebody else's; "" where it does not."""
    home, failover = (inventory.systems[role].sip for role in (Role.HOME, Role.FAILOVER))
    differs = home and failover and home.domain.lower() != failover.domain.lower()
    return "this bench states another SIP domain for the failover system" if differs else ""


def other_root(inventory: Inventory) -> str:
    """Why phones by TLS refuse the failover system's certificate; "" where they do not."""
    home, failover = (inventory.systems[role].certificate_root for role in (Role.HOME, Role.FAILOVER))
    return "" if home == failover else "this bench states another root for the failover system's certificate"


def no_ipv6(inventory: Inventory) -> str:
    """Why phones by IPv6 find nobody to register with at the failover system; "" where they do."""
    serves = inventory.systems[Role.FAILOVER].serves_ipv6
    return "" if serves else "this bench states that the failover system supports no IPv6 extensions"


def kept_out(inventory: Inventory, protocol: Protocol) -> str:
    """Why the failover system never lets phones of `protocol` in; "" where it does once home is lost."""
    return off_at_failover(inventory, protocol) or (other_domain(inventory) if protocol is Protocol.SIP else "")


def without_resilience(inventory: Inventory, phone: Phone) -> str:
    """Why nothing is configured by which the phone would move, as its family's clause asks for; "" where it is."""
    if not phone.resilient:
        return "this bench states that the phone does not know the failover system"
    portal = inventory.systems[Role.FAILOVER].portal
    served = portal is not None and portal.resilient
    return "this bench states no resilience of the portal" if phone.transport == "wss" and not served else ""


def stays_put(inventory: Inventory, phone: Phone) -> str:
    """Why the phone is not due to move, whatever happens to home; "" where it is."""
    stated = without_resilience(inventory, phone) or kept_out(inventory, phone.protocol)
    by_ipv6 = no_ipv6(inventory) if phone.ip == 6 else ""
    by_tls = other_root(inventory) if phone.encrypted else ""
    return stated or by_ipv6 or by_tls


def movers(inventory: Inventory) -> dict[str, Phone]:
    """The phones that are due to move when home is lost, by name."""
    return {name: phone for name, phone in inventory.phones.items() if not stays_put(inventory, phone)}


def returning(inventory: Inventory) -> dict[str, Phone]:
    """The phones that move and, once home is back, return by themselves, by name."""
    return {name: phone for name, phone in movers(inventory).items() if not stays_away(inventory, phone)}


def stays_away(inventory: Inventory, phone: Phone) -> str:
    """Why the phone, once it has moved, does not return by itself; "" where it does.

    Manual failback is not supported for SIP phones (IP Office Reference Configuration 12.2).
    """
    manual = inventory.systems[Role.HOME].failback == "manual" and phone.protocol is Protocol.H323
    return "this bench states manual failback" if manual else ""


def staying(inventory: Inventory) -> list[str]:
    """The phones that move and do not return by themselves."""
    return [name for name, phone in movers(inventory).items() if stays_away(inventory, phone)]
