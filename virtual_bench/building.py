"""Making the networks of a bench: namespaces, cables, addresses, mirrors; by batches of `ip`, for speed."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.base.errors import LabFault
from harness.inventory import Inventory
from virtual_bench.fabric import CORE, End, cable_commands, cables, ipv6_settings, network_commands, networks
from virtual_bench.interfaces import Interface
from virtual_bench.mirror import mirrors, rules
from virtual_bench.namespaces import new_network, within_network

Networks = dict[str, int]
"""A descriptor of the network namespace of each device."""


def build_networks(inventory: Inventory) -> Networks:
    """Everything that the inventory describes, joined and addressed. Raises LabFault, OSError."""
    made = {name: fresh_network(forwarding=name == CORE) for name in networks(inventory)}
    laid = cables(inventory)
    paths = {name: f"/proc/self/fd/{descriptor}" for name, descriptor in made.items()}
    run_ip(made[CORE], [cable_commands(cable, paths) for cable in laid], made.values())
    for name, network in made.items():
        address(inventory, name, network)
    for end in (end for cable in laid for end in (cable.one, cable.other)):
        _settle(inventory, made, end)
    for bit, mirror in enumerate(mirrors(inventory)):
        run_in(made[mirror.switch], ["nft", "-f", "-"], rules(mirror, bit))
    return made


def fresh_network(forwarding: bool = False) -> int:
    """A network namespace without IPv6, which would chatter into every capture of a bench that has none."""
    network = new_network()
    with within_network(network):
        for part in ("all", "default"):
            _sysctl(f"ipv6/conf/{part}/disable_ipv6", 1)
            _sysctl(f"ipv4/conf/{part}/send_redirects", 0)
        _sysctl("ipv4/ip_forward", int(forwarding))
    return network


def address(inventory: Inventory, name: str, network: int) -> None:
    """Give the network `name` its addresses, once its cables are laid. Raises LabFault, OSError."""
    with within_network(network):
        for setting, value in ipv6_settings(inventory, name).items():
            _sysctl(f"ipv6/conf/{setting}", value)
    run_ip(network, network_commands(inventory, name))


def run_ip(network: int, lines: Iterable[str], descriptors: Iterable[int] = ()) -> None:
    """Run the lines by `ip -batch` in `network`; `descriptors` are those that the lines name."""
    run_in(network, ["ip", "-batch", "-"], "\n".join(lines) + "\n", descriptors)


def run_in(network: int, command: list[str], text: str, descriptors: Iterable[int] = ()) -> None:
    """Run `command` in `network` with `text` on its input. Raises LabFault with what it said."""
    with within_network(network):
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, pass_fds=tuple(descriptors), check=False
        )
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise LabFault(f"'{' '.join(command)}' failed: {said}", next_step="is the kernel's module for it there?")


def _settle(inventory: Inventory, made: Mapping[str, int], end: End) -> None:
    """Switches pass on what others have sent; all that send themselves are to send whole packets."""
    if end.network not in inventory.switches:
        with Interface(made[end.network], end.interface) as interface:
            interface.compute_checksums()


def _sysctl(name: str, value: int) -> None:
    path = Path("/proc/sys/net") / name
    if path.exists():  # a kernel without IPv6 has none to silence
        path.write_text(str(value))
