"""IPv6 in the networks of a bench, where its inventory has it: the router, units and telephones, each at its cable.

Nothing waits for duplicate addresses to be found out (RFC 4862, 5.4): that takes a second, half a minute at this scale.
"""

from ipaddress import IPv6Interface

from harness.inventory import Inventory, System
from virtual_bench.neighbours import asks_soon


def sites(inventory: Inventory) -> dict[str, IPv6Interface]:
    """Site to the router's address in it, for the sites that have IPv6."""
    return {
        name: IPv6Interface(f"{site.ipv6.gateway}/{site.ipv6.subnet.prefixlen}")
        for name, site in inventory.sites.items()
        if site.ipv6 is not None
    }


def router_settings(inventory: Inventory) -> dict[str, int]:
    """What is set below net/ipv6/conf at the core router."""
    legs = [f"{leg}/{name}" for leg in sites(inventory) for name in ("accept_dad", "disable_ipv6")]
    return {"all/forwarding": 1, **dict.fromkeys(legs, 0)} if legs else {}


def router_commands(inventory: Inventory) -> list[str]:
    """Its lines for `ip -batch`."""
    return [line for leg, address in sites(inventory).items() for line in _interface(leg, address)]


def unit_settings(system: System, cable: str) -> dict[str, int]:
    """What is set below net/ipv6/conf at a unit: its address is stated, none is made of what a router advertises."""
    if system.ipv6 is None:
        return {}
    return {f"{cable}/{name}": 0 for name in ("accept_dad", "accept_ra", "disable_ipv6")}


def unit_commands(inventory: Inventory, system: System, cable: str) -> list[str]:
    """Its lines for `ip -batch`."""
    site = inventory.sites[system.site].ipv6
    if system.ipv6 is None or site is None:
        return []
    address = IPv6Interface(f"{system.ipv6.address}/{site.subnet.prefixlen}")
    return [*_interface(cable, address), f"route add default via {site.gateway}"]


def telephone_settings(cable: str) -> dict[str, int]:
    """What is set below net/ipv6/conf at a telephone by IPv6, which turns it on when it has booted.

    It asks for an advertisement at once, and each second (RFC 4861, 6.3.7: by default within a second, then each four).
    """
    return {
        f"{cable}/accept_dad": 0,
        f"{cable}/router_solicitation_delay": 0,
        f"{cable}/router_solicitation_interval": 1,
    }


def telephone_commands(cable: str) -> list[str]:
    """Its line for `ip -batch`."""
    return [asks_soon(cable, "ndisc_cache")]


def advertisements(inventory: Inventory) -> list[str]:
    """What tells dnsmasq to advertise the router and the network of each site, so that telephones make addresses."""
    ranges = [
        f"--dhcp-range={leg.network.network_address},ra-only,{leg.network.prefixlen}"
        for leg in sites(inventory).values()
    ]
    return ["--enable-ra", "--quiet-ra", *ranges] if ranges else []


def _interface(name: str, address: IPv6Interface) -> list[str]:
    return [asks_soon(name, "ndisc_cache"), f"address add {address} dev {name} nodad"]
