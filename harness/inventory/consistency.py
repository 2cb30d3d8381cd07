"""What one typed field alone cannot tell: references that lead nowhere, things used twice."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from harness.inventory.models import Inventory, OutletRef, Phone, PortRef, Role
from harness.inventory.telephones import Protocol, catalogue

SWITCH_DIALECTS = ("cisco_ios",)
ROUTER_DIALECTS = ("linux_nftables",)
PDU_DIALECTS = ("apc",)

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """One fault: where it stands and what was expected there."""

    place: Place
    expected: str


def findings(inventory: Inventory) -> list[Finding]:
    """Every inconsistency of `inventory`, in the order of the file."""
    return [found for check in _CHECKS for found in check(inventory)]


def _roles(inventory: Inventory) -> Iterator[Finding]:
    for role in Role:
        if role not in inventory.systems:
            yield Finding(("systems",), f"a bench has a {role} system; expected an entry '{role}'")


def _dialects(inventory: Inventory) -> Iterator[Finding]:
    for name, switch in inventory.switches.items():
        yield from _one_of(("switches", name, "dialect"), switch.dialect, SWITCH_DIALECTS, "dialect")
    for name, router in inventory.routers.items():
        yield from _one_of(("routers", name, "dialect"), router.dialect, ROUTER_DIALECTS, "dialect")
    for name, pdu in inventory.pdus.items():
        yield from _one_of(("pdus", name, "dialect"), pdu.dialect, PDU_DIALECTS, "dialect")


def _one_of(place: Place, value: str, known: Iterable[str], what: str) -> Iterator[Finding]:
    if value not in known:
        yield Finding(place, f"unknown {what} '{value}'; expected one of {', '.join(sorted(known))}")


def _models(inventory: Inventory) -> Iterator[Finding]:
    for place, phone in _telephones(inventory):
        yield from _one_of((*place, "model"), phone.model, catalogue(), "model")


def _handsets(inventory: Inventory) -> Iterator[Finding]:
    for place, phone in _telephones(inventory):
        if phone.handsets and phone.model in catalogue() and not phone.base:
            yield Finding((*place, "handsets"), f"a {phone.model} is no base of handsets; expected none")


def _portals(inventory: Inventory) -> Iterator[Finding]:
    for place, phone in _telephones(inventory):
        model, role = catalogue().get(phone.model), Role.HOME if place[0] == "phones" else Role.FAILOVER
        by_portal, system = phone.transport == "wss", inventory.systems.get(role)
        if model is not None and model.portal != by_portal:
            expected = "'wss'" if model.portal else "'udp', 'tcp' or 'tls'"
            yield Finding((*place, "transport"), f"model '{phone.model}' has another one; expected {expected}")
        elif by_portal and system is not None and system.portal is None:
            yield Finding((*place, "transport"), f"the {role} system states no portal; expected 'portal' there")


def _telephones(inventory: Inventory) -> Iterator[tuple[tuple[str, str], Phone]]:
    yield from ((("phones", name), phone) for name, phone in inventory.phones.items())
    yield from ((("failover_phones", name), phone) for name, phone in inventory.failover_phones.items())


def _devices(inventory: Inventory) -> Iterator[tuple[Place, str, PortRef, OutletRef | None]]:
    for role, system in inventory.systems.items():
        yield ("systems", role.value), role.value, system.port, system.outlet
    for place, phone in _telephones(inventory):
        yield place, place[1], phone.port, phone.outlet


def _ports(inventory: Inventory) -> Iterator[Finding]:
    for place, name, port, _ in _devices(inventory):
        switch = inventory.switches.get(port.switch)
        if switch is None:
            yield Finding((*place, "port"), f"unknown switch '{port.switch}'")
        elif port.port not in switch.ports:
            yield Finding((*place, "port"), f"switch '{port.switch}' has no port '{port.port}'")
        elif switch.ports[port.port].connects != name:
            yield Finding(
                (*place, "port"),
                f"port '{port.port}' of '{port.switch}' connects '{switch.ports[port.port].connects}', and a port "
                f"serves one device; expected one that connects '{name}'",
            )


def _outlets(inventory: Inventory) -> Iterator[Finding]:
    for place, name, _, outlet in _devices(inventory):
        if outlet is None:
            continue
        pdu = inventory.pdus.get(outlet.pdu)
        if pdu is None:
            yield Finding((*place, "outlet"), f"unknown PDU '{outlet.pdu}'")
        elif pdu.outlets.get(outlet.outlet) != name:
            yield Finding(
                (*place, "outlet"),
                f"outlet {outlet.outlet} of '{outlet.pdu}' is for '{pdu.outlets.get(outlet.outlet)}', and an outlet "
                f"serves one device; expected one for '{name}'",
            )


def _consoles(inventory: Inventory) -> Iterator[Finding]:
    for role, system in inventory.systems.items():
        if system.console is not None and system.console not in inventory.consoles:
            yield Finding(("systems", role.value, "console"), f"unknown console '{system.console}'")


def _licences(inventory: Inventory) -> Iterator[Finding]:
    for role, system in inventory.systems.items():
        place = ("systems", role.value, "licence_count")
        if system.licence_count is None:
            continue
        if system.ssh is None:
            yield Finding(place, "licences are counted by SSH; expected 'ssh' for this system, too")
        try:
            groups = re.compile(system.licence_count.used).groups
        except re.error as error:
            yield Finding((*place, "used"), f"no regular expression ({error.msg})")
        else:
            if groups != 1:
                yield Finding((*place, "used"), f"a regular expression with {groups} groups; expected one, the number")


def _unique(inventory: Inventory) -> Iterator[Finding]:
    # A port or outlet used twice is told by whom it is for.
    phones = list(_telephones(inventory))
    extensions: list[tuple[Place, Hashable]] = [((*place, "extension"), phone.extension) for place, phone in phones]
    extensions += [
        ((*place, "handsets", number), handset)
        for place, phone in phones
        for number, handset in enumerate(phone.handsets)
    ]
    extensions += [(("probes", p.value, "extension"), e.extension) for p, e in inventory.probes.items()]
    extensions += [
        (("probes", protocol.value, "stranger", "extension"), probe.stranger.extension)
        for protocol, probe in inventory.probes.items()
        if probe.stranger is not None
    ]
    yield from _twice("extension", extensions)
    yield from _twice("MAC address", [((*place, "mac"), phone.mac) for place, phone in phones])
    yield from _twice("name", [(place, place[1]) for place, _ in phones])
    systems = inventory.systems.items()
    yield from _twice("address", [(("systems", r.value, "address"), s.address) for r, s in systems])
    yield from _twice(
        "address", [(("systems", r.value, "ipv6", "address"), s.ipv6.address) for r, s in systems if s.ipv6]
    )


def _twice(what: str, entries: Iterable[tuple[Place, Hashable]]) -> Iterator[Finding]:
    seen: dict[Hashable, Place] = {}
    for place, value in entries:
        if value in seen:
            yield Finding(place, f"this {what} is already that of {'.'.join(map(str, seen[value][:-1]))}")
        seen.setdefault(value, place)


def _probes(inventory: Inventory) -> Iterator[Finding]:
    for protocol, probe in inventory.probes.items():
        place = ("probes", protocol.value, "like")
        if probe.like not in inventory.phones:
            yield Finding(place, f"unknown phone '{probe.like}'")
        elif _protocol(inventory, probe.like) not in (protocol, None):
            yield Finding(place, f"'{probe.like}' does not speak {protocol}")


def _protocol(inventory: Inventory, phone: str) -> Protocol | None:
    """None where the phone's model is unknown, which is a finding of its own."""
    model = catalogue().get(inventory.phones[phone].model)
    return model.protocol if model else None


def _captures(inventory: Inventory) -> Iterator[Finding]:
    known = {name for _, name, _, _ in _devices(inventory)}
    for name, capture in inventory.captures.items():
        if capture.netns is not None and capture.sensor is not None:
            yield Finding(("captures", name, "netns"), "a namespace of another machine; expected 'netns' or 'sensor'")
        for device in capture.sees:
            yield from _one_of(("captures", name, "sees"), device, known, "device")
    for role in Role:
        if not any(role.value in capture.sees for capture in inventory.captures.values()):
            yield Finding(("captures",), f"no capture point sees the {role} system's port; expected one that does")


def _sites(inventory: Inventory) -> Iterator[Finding]:
    for name, site in inventory.sites.items():
        if site.router is not None:
            yield from _one_of(("sites", name, "router"), site.router, inventory.routers, "router")
    for role, system in inventory.systems.items():
        yield from _one_of(("systems", role.value, "site"), system.site, inventory.sites, "site")
    for place, phone in _telephones(inventory):
        yield from _one_of((*place, "site"), phone.site, inventory.sites, "site")


def _ipv6(inventory: Inventory) -> Iterator[Finding]:
    for role, system in inventory.systems.items():
        site = inventory.sites.get(system.site)
        if system.ipv6 is None or site is None:  # an unknown site is a finding of its own
            continue
        place: Place = ("systems", role.value, "ipv6", "address")
        if site.ipv6 is None:
            yield Finding(place, f"site '{system.site}' has no IPv6; expected 'ipv6' there, too")
        elif system.ipv6.address not in site.ipv6.subnet:
            yield Finding(place, f"not in the network of site '{system.site}'; expected one of {site.ipv6.subnet}")
    yield from _by_ipv6(inventory, "phones", Role.HOME)
    yield from _by_ipv6(inventory, "failover_phones", Role.FAILOVER)


def _by_ipv6(inventory: Inventory, kind: str, role: Role) -> Iterator[Finding]:
    """What the phones of a system lack to register there by IPv6."""
    system = inventory.systems.get(role)
    for (entry, name), phone in _telephones(inventory):
        if entry != kind or phone.ip == 4 or phone.model not in catalogue():
            continue
        site = inventory.sites.get(phone.site)
        if phone.protocol is not Protocol.SIP:
            yield Finding((kind, name, "ip"), "only SIP phones register by IPv6; expected 4")
        elif phone.transport == "wss":
            yield Finding((kind, name, "ip"), "a portal is asked by IPv4; expected 4")
        elif site is not None and site.ipv6 is None:
            yield Finding((kind, name, "ip"), f"site '{phone.site}' has no IPv6; expected 'ipv6' there, or 4 here")
        elif system is not None and not system.serves_ipv6:
            yield Finding(
                (kind, name, "ip"), f"the {role} system serves no phones by IPv6; expected its 'ipv6', or 4 here"
            )


_CHECKS: tuple[Callable[[Inventory], Iterator[Finding]], ...] = (
    _roles,
    _sites,
    _dialects,
    _models,
    _handsets,
    _portals,
    _ports,
    _outlets,
    _consoles,
    _licences,
    _probes,
    _captures,
    _ipv6,
    _unique,
)
