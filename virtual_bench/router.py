"""The core router between the sites: the kernel's forwarding, and a DHCP relay to both systems."""

from harness.inventory import Inventory
from virtual_bench.process import Program


def router_program(inventory: Inventory) -> Program:
    """The relay: what a phone broadcasts goes to both systems, since only the one that is on duty serves.

    dnsmasq relays without serving anything itself where it is given no range.
    """
    relays = [
        f"--dhcp-relay={inventory.sites[scope.site].gateway},{system.address}"
        for scope in inventory.dhcp_scopes.values()
        for system in inventory.systems.values()
    ]
    quiet = ("--conf-file=/dev/null", "--pid-file=", "--user=root", "--port=0", "--log-facility=-")
    return Program(("/usr/sbin/dnsmasq", "--keep-in-foreground", *quiet, *relays))
