"""The core router between the sites: the kernel's forwarding, a DHCP relay, and a shell with nft behind OpenSSH.

Where sites have IPv6 it advertises itself there.
"""

import shlex

from harness.inventory import Bench, Inventory, VirtualSettings
from virtual_bench.accounts import Account, write_accounts
from virtual_bench.fabric import CORE
from virtual_bench.ipv6 import advertisements
from virtual_bench.process import Program
from virtual_bench.sshd import SshServer
from virtual_bench.state import FILES


def router_program(bench: Bench) -> Program:
    """The relay, and the daemon where the inventory has an entry for this router; when one ends it ends."""
    command = relay(bench.inventory)
    if CORE not in bench.inventory.routers:
        return Program(command)
    login = bench.inventory.routers[CORE].login
    files = write_accounts(bench.state / FILES / CORE, Account(login.user, login.password.resolve()))
    script = f"{shlex.join(command)} &\n{shlex.join(ssh_server(bench).arguments())} &\nwait -n"
    return Program(("bash", "-c", script), files, ("install -d -m 755 /run/sshd",))


def ssh_server(bench: Bench) -> SshServer:
    """The daemon at the router's management address; who logs in has a shell there."""
    router = bench.inventory.routers[CORE]
    return SshServer(bench.state, CORE, str(router.address), router.login.user, port=router.login.port)


def relay(inventory: Inventory) -> tuple[str, ...]:
    """What a phone broadcasts goes to both systems, since only the one that is on duty serves.

    dnsmasq relays without serving anything itself where it is given no range.
    """
    on = (inventory.virtual or VirtualSettings()).dhcp_relay == "on"
    relays = [
        f"--dhcp-relay={inventory.sites[scope.site].gateway},{system.address}"
        for scope in inventory.dhcp_scopes.values()
        for system in inventory.systems.values()
        if on
    ]
    quiet = ("--conf-file=/dev/null", "--pid-file=", "--user=root", "--port=0", "--log-facility=-")
    return ("/usr/sbin/dnsmasq", "--keep-in-foreground", *quiet, *relays, *advertisements(inventory))
