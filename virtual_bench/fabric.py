"""The networks of a virtual bench: which there are, which cables join them, what `ip` is told in each.

Everything here is a function of the inventory. Names of networks are names of devices; the lab host,
the core router and the terminal servers have none in an inventory, so they are given theirs here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.base.errors import ConfigurationFault
from harness.inventory import Inventory, Role
from virtual_bench import ipv6
from virtual_bench.mirror import mirrors
from virtual_bench.neighbours import asks_soon

LAB, CORE, TERMINAL_SERVER = "lab", "core", "terminal-server"
LAN, MANAGEMENT, BRIDGE, ETH0 = "lan", "management", "bridge", "eth0"
_LONGEST_NAME = 15  # IFNAMSIZ - 1


@dataclass(frozen=True)
class End:
    """One end of a cable: an interface in a network; without `mac` the kernel chooses one."""

    network: str
    interface: str
    mac: str | None = None


@dataclass(frozen=True)
class Cable:
    """Two interfaces that are joined."""

    one: End
    other: End


def powered(inventory: Inventory) -> dict[str, str]:
    """Name to kind ("unit", "phone") of every device that hangs on a switch port and has a plug."""
    units = {role.value: "unit" for role in inventory.systems}
    return units | dict.fromkeys(inventory.telephones, "phone")


def networks(inventory: Inventory) -> dict[str, str]:
    """Name to kind of everything that has a network namespace of its own."""
    fixed = {LAB: "lab host", CORE: "router"} | dict.fromkeys(inventory.switches, "switch")
    fixed |= dict.fromkeys(inventory.pdus, "pdu") | dict.fromkeys(terminal_servers(inventory), "terminal server")
    return fixed | powered(inventory)


def terminal_servers(inventory: Inventory) -> dict[str, str]:
    """Name to address of the hosts that the consoles' URLs name."""
    hosts = dict.fromkeys(str(urlsplit(console.url).hostname) for console in inventory.consoles.values())
    return {f"{TERMINAL_SERVER}{index or ''}": host for index, host in enumerate(hosts)}


def cables(inventory: Inventory) -> list[Cable]:
    """Every cable of the bench. Raises ConfigurationFault for a name that no interface can have."""
    found = [*_uplinks(inventory), *_access(inventory), *_management(inventory)]
    for mirror in mirrors(inventory):
        found.append(Cable(End(mirror.switch, mirror.outlet), End(LAB, mirror.interface)))
    for end in (end for cable in found for end in (cable.one, cable.other)):
        if len(end.interface) > _LONGEST_NAME:
            raise ConfigurationFault(
                f"'{end.interface}' is too long for an interface ({_LONGEST_NAME} characters at most).",
                device=end.network,
                next_step="give the port, site or capture interface a shorter name in the inventory.",
            )
    return found


def lab_site(inventory: Inventory) -> str:
    """The site whose network the lab host is in."""
    for name, site in inventory.sites.items():
        if inventory.lab_host.address.ip in site.subnet:
            return name
    raise ConfigurationFault("the lab host's address is in no site's network.", next_step="add its site.")


def cable_commands(cable: Cable, where: dict[str, str]) -> str:
    """The line for `ip -batch` that lays the cable; `where` gives the path of each network."""
    return (
        f"link add {cable.one.interface} {_mac(cable.one)}netns {where[cable.one.network]} type veth "
        f"peer name {cable.other.interface} {_mac(cable.other)}netns {where[cable.other.network]}"
    )


def network_commands(inventory: Inventory, name: str) -> list[str]:
    """The lines for `ip -batch` inside the network `name`, once its cables are laid."""
    return ["link set lo up", *_own_commands(inventory, name)]


def _own_commands(inventory: Inventory, name: str) -> list[str]:
    prefix = _management_prefix(inventory)
    if name in inventory.switches:
        return _switch(inventory, name)
    if name == LAB:
        return _lab_host(inventory)
    if name == CORE:
        return _router(inventory)
    if name in inventory.pdus:
        return interface(ETH0, f"{inventory.pdus[name].address}/{prefix}")
    if name in inventory.telephones:
        by_ipv6 = inventory.telephones[name].ip == 6
        return [*interface(ETH0), *(ipv6.telephone_commands(ETH0) if by_ipv6 else ())]
    if name in (servers := terminal_servers(inventory)):
        return interface(ETH0, f"{servers[name]}/{prefix}")
    system = inventory.systems[Role(name)]
    site = inventory.sites[system.site]
    return [
        *interface(ETH0, f"{system.address}/{site.subnet.prefixlen}"),
        f"route add default via {site.gateway}",
        *ipv6.unit_commands(inventory, system, ETH0),
    ]


def ipv6_settings(inventory: Inventory, name: str) -> dict[str, int]:
    """What is set below net/ipv6/conf in the network `name`, in this order; nothing where it has no IPv6."""
    if name == CORE:
        return ipv6.router_settings(inventory)
    if name in inventory.telephones:
        return ipv6.telephone_settings(ETH0) if inventory.telephones[name].ip == 6 else {}
    return ipv6.unit_settings(inventory.systems[Role(name)], ETH0) if name in set(Role) else {}


def interface(name: str, address: str | None = None) -> list[str]:
    """Lines for an interface that is up and asks again soon for a neighbour that does not answer."""
    given = [f"address add {address} dev {name}"] if address else []
    return [asks_soon(name, "arp_cache"), *given, f"link set {name} up"]


def _lab_host(inventory: Inventory) -> list[str]:
    host = inventory.lab_host
    lines = interface(LAN, str(host.address))
    lines.append(f"route add default via {inventory.sites[lab_site(inventory)].gateway}")
    lines.append(f"link add {MANAGEMENT} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
    for cable in _management(inventory):
        lines.append(f"link set {cable.other.interface} master {MANAGEMENT} up")
    lines += interface(MANAGEMENT, str(host.management) if host.management else None)
    lines += [f"link set {capture.interface} arp off multicast off up" for capture in inventory.captures.values()]
    return lines


def _switch(inventory: Inventory, name: str) -> list[str]:
    switch = inventory.switches[name]
    lines = [
        f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"link set {BRIDGE} up",
    ]
    lines += [f"link set {port} master {BRIDGE}" for port in switch.ports]
    lines += [
        f"link set {mirror.outlet} arp off multicast off" for mirror in mirrors(inventory) if mirror.switch == name
    ]
    lines += interface(MANAGEMENT, f"{switch.address}/{_management_prefix(inventory)}")
    return lines + startup_commands(inventory, name)


def startup_commands(inventory: Inventory, switch: str) -> list[str]:
    """The lines for `ip -batch` by which a switch that starts opens its ports, as its saved configuration says."""
    states = {port: entry.state for port, entry in inventory.switches[switch].ports.items()}
    up = {interface: states.get(interface, "on") == "on" for interface in cables_of(inventory, switch)}
    return [f"link set {interface} {'up' if is_up else 'down'}" for interface, is_up in up.items()]


def cables_of(inventory: Inventory, network: str) -> list[str]:
    """The interfaces of a network that have a cable, the mirrors' included."""
    ends = (end for cable in cables(inventory) for end in (cable.one, cable.other))
    return [end.interface for end in ends if end.network == network]


def _router(inventory: Inventory) -> list[str]:
    """A leg in each site, and one for its management where the inventory has an entry for it."""
    legs = {site: inventory.sites[site] for site in _routed(inventory)}
    addresses = {site: f"{leg.gateway}/{leg.subnet.prefixlen}" for site, leg in legs.items()}
    if CORE in inventory.routers:
        addresses[MANAGEMENT] = f"{inventory.routers[CORE].address}/{_management_prefix(inventory)}"
    lines = [line for name, address in addresses.items() for line in interface(name, address)]
    return lines + ipv6.router_commands(inventory)


def _routed(inventory: Inventory) -> list[str]:
    return [*(site for _, _, site in _uplink_ports(inventory)), lab_site(inventory)]


def _uplinks(inventory: Inventory) -> Iterator[Cable]:
    for switch, port, site in _uplink_ports(inventory):
        yield Cable(End(switch, port), End(CORE, site))
    yield Cable(End(LAB, LAN), End(CORE, lab_site(inventory)))


def _uplink_ports(inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    for name, switch in inventory.switches.items():
        for port, entry in switch.ports.items():
            if entry.connects == CORE and switch.site is not None:
                yield name, port, switch.site


def _access(inventory: Inventory) -> Iterator[Cable]:
    for role, system in inventory.systems.items():
        yield Cable(End(system.port.switch, system.port.port), End(role.value, ETH0, system.mac))
    for name, phone in inventory.telephones.items():
        yield Cable(End(phone.port.switch, phone.port.port), End(name, ETH0, phone.mac))


def _management(inventory: Inventory) -> list[Cable]:
    ends = [End(name, MANAGEMENT) for name in (*inventory.switches, *inventory.routers)]
    ends += [End(name, ETH0) for name in (*inventory.pdus, *terminal_servers(inventory))]
    return [Cable(end, End(LAB, f"management{index}")) for index, end in enumerate(ends, 1)]


def _management_prefix(inventory: Inventory) -> int:
    if inventory.lab_host.management is None:
        raise ConfigurationFault(
            "the lab host has no management address.", next_step="add lab_host.management to the inventory."
        )
    return inventory.lab_host.management.network.prefixlen


def _mac(end: End) -> str:
    return f"address {end.mac} " if end.mac else ""


def check(inventory: Inventory) -> None:
    """Raise ConfigurationFault where the inventory describes what no virtual bench can be."""
    cables(inventory)
    lab_site(inventory)
    for name in set(inventory.routers) - {CORE}:
        raise ConfigurationFault("a virtual bench has one router.", device=name, next_step=f"call it '{CORE}'.")
    plugs = powered(inventory)
    for name, pdu in inventory.pdus.items():
        for outlet, device in pdu.outlets.items():
            if device not in plugs:
                raise ConfigurationFault(
                    f"a virtual bench has no device '{device}' to power.",
                    device=f"{name} outlet {outlet}",
                    next_step=f"name one of: {', '.join(plugs)}.",
                )
