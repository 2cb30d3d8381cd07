"""Who is who on the wire: addresses, ports and capture points of one bench, from its inventory."""

from functools import cached_property

from harness.inventory import Inventory, Role

DHCP_PORTS = frozenset({67, 68})
RAS_DISCOVERY = 1718
SIP_TLS = 5061


class Topology:
    """Look-ups on an inventory that every decoder needs."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.scale = inventory.settings.scale

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Address → which system it is."""
        return {str(system.address): role for role, system in self.inventory.systems.items()}

    @cached_property
    def deciding(self) -> dict[Role, str]:
        """System → the capture point that sees its port."""
        return {
            role: name
            for role in Role
            for name, capture in reversed(self.inventory.captures.items())
            if role.value in capture.sees
        }

    @cached_property
    def sip_ports(self) -> frozenset[int]:
        """Ports on which a system takes SIP registrations."""
        stated = {system.sip.port for system in self.inventory.systems.values() if system.sip}
        return frozenset(stated | {SIP_TLS})

    @cached_property
    def ras_ports(self) -> frozenset[int]:
        """Ports on which a gatekeeper takes RAS."""
        stated = {system.h323.ras_port for system in self.inventory.systems.values() if system.h323}
        return frozenset(stated | {RAS_DISCOVERY})

    @cached_property
    def signalling(self) -> frozenset[int]:
        """UDP ports of everything that is not media."""
        return self.sip_ports | self.ras_ports | DHCP_PORTS

    def system_among(self, source: str, destination: str) -> Role | None:
        """Which system a packet between a system and something else belongs to; None between others."""
        return self.roles.get(source, self.roles.get(destination))
