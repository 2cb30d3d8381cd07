"""Who is who on the wire: addresses, ports and capture points of one bench, from its inventory.

Without an inventory (`open_topology`) whoever is asked for a registration is a system, called by its address.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.base.units import TimeScale
from harness.inventory import Inventory, Role

DHCP_PORTS = frozenset({67, 68})
DNS_PORT = 53
RAS_DISCOVERY = 1718
SIP, SIP_TLS, RAS, CALL_SIGNALLING, HTTP = 5060, 5061, 1719, 1720, 80


@dataclass(frozen=True)
class Topology:
    """What every decoder needs of a bench.

    `roles`: address → which system it is; `deciding`: system → the capture point that sees its port;
    `devices`: capture point → device whose port it sees → hardware and IPv4 address, as far as they are known.
    `line_port` is None where there is no line. Ports are those on which a system takes registrations, `portal_ports`
    those of its portal.
    """

    roles: dict[str, str]
    deciding: Mapping[str, str]
    devices: Mapping[str, Mapping[str, tuple[str | None, str | None]]]
    scale: TimeScale
    sip_ports: frozenset[int]
    ras_ports: frozenset[int]
    call_ports: frozenset[int]
    line_port: int | None = None
    keepalive_sizes: tuple[int, ...] = ()
    portal_ports: frozenset[int] = frozenset()
    learns: bool = field(default=False, compare=False)

    @property
    def signalling(self) -> frozenset[int]:
        """UDP ports of what must never be taken for media."""
        return self.sip_ports | self.ras_ports | DHCP_PORTS | {DNS_PORT}

    @property
    def tls_ports(self) -> frozenset[int]:
        """On which a system takes registrations by TLS."""
        return self.portal_ports | {SIP_TLS}

    def deciding_of(self, address: str) -> str | None:
        """The capture point that sees the port of the system with this address; None for anything else."""
        role = self.roles.get(address)
        return self.deciding.get(role) if role is not None else None

    def system_among(self, source: str, destination: str) -> str | None:
        """Which system a packet between a system and something else belongs to; None between others."""
        return self.roles.get(source, self.roles.get(destination))

    def learn(self, address: str) -> None:
        """Somebody asked there for a registration: without an inventory that makes it a system."""
        if self.learns:
            self.roles.setdefault(address, address)


def topology_of(inventory: Inventory) -> Topology:
    """That of a bench."""
    systems = inventory.systems
    return Topology(
        dict(inventory.roles),
        {
            role: name
            for role in Role
            for name, capture in reversed(inventory.captures.items())
            if role.value in capture.sees
        },
        {name: _seen(inventory, capture.sees) for name, capture in inventory.captures.items()},
        inventory.settings.scale,
        frozenset({system.sip.port for system in systems.values() if system.sip} | {SIP_TLS}),
        frozenset({system.h323.ras_port for system in systems.values() if system.h323} | {RAS_DISCOVERY}),
        frozenset({system.h323.signalling_port for system in systems.values() if system.h323}),
        inventory.line.port,
        inventory.line.keepalive.payload_sizes,
        frozenset({system.portal.port for system in systems.values() if system.portal}),
    )


def open_topology() -> Topology:
    """That of a capture of which nothing is known: the usual ports, in real seconds."""
    sip, ras = frozenset({SIP, SIP_TLS}), frozenset({RAS, RAS_DISCOVERY})
    return Topology({}, {}, {}, TimeScale(1), sip, ras, frozenset({CALL_SIGNALLING}), learns=True)


def _seen(inventory: Inventory, names: tuple[str, ...]) -> dict[str, tuple[str | None, str | None]]:
    phones = {name: (phone.mac, None) for name, phone in inventory.telephones.items()}
    systems = {role.value: (system.mac, str(system.address)) for role, system in inventory.systems.items()}
    return {name: found for name, found in (phones | systems).items() if name in names}
