"""Whether a capture point really shows the devices it is to show: a packet sent to one of them must be seen there.

A unit is sent a datagram to its discard port. A phone's address is nobody's business here, so for its network an
address that nobody has is sent one: whoever looks for that address asks every port of the network.
"""

import os
import re
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from random import SystemRandom

from harness.base.clock import Deadline
from harness.inventory import Inventory, Role

DISCARD = 9
SEEN_WITHIN = 3.0
"""Real seconds. dumpcap hands a packet on within 0.3 s; a network that was silent needs to be learnt first."""
_AGAIN_EVERY = 0.5


@dataclass
class Sought:
    """One packet on its way to a capture point. `what` says which, `pattern` how it looks in a file."""

    point: str
    what: str
    address: IPv4Address
    payload: bytes
    pattern: re.Pattern[bytes]
    _from: dict[Path, int] = field(default_factory=dict)
    _again: Deadline = field(default_factory=lambda: Deadline.after(0))

    def begin(self, files: Sequence[Path]) -> None:
        """What stands in the files until now is not looked at."""
        self._from = {path: path.stat().st_size for path in files}

    def seen(self, files: Callable[[], Sequence[Path]]) -> bool:
        """Send it until it is seen in the files; whether it was in time."""
        return Deadline.after(SEEN_WITHIN).poll(lambda: self._sent_and_found(files()))

    def _sent_and_found(self, files: Sequence[Path]) -> bool:
        if self._again.passed:
            self._send()
            self._again = Deadline.after(_AGAIN_EVERY)
        return self._found(files)

    def _send(self) -> None:
        # A network that cannot be reached is told by the packet not being seen.
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(self.payload, (str(self.address), DISCARD))

    def _found(self, files: Sequence[Path]) -> bool:
        for path in reversed(files):
            with path.open("rb") as file:
                file.seek(max(0, self._from.get(path, 0)))
                if self.pattern.search(file.read()):
                    return True
        return False


def sought_at(inventory: Inventory) -> list[Sought]:
    """One packet for each capture point."""
    found = []
    for point, capture in inventory.captures.items():
        role = next((Role(name) for name in capture.sees if name in set(Role)), None)
        if role is not None:
            found.append(_to_unit(point, str(role), inventory.systems[role].address))
            continue
        site = next((inventory.telephones[name].site for name in capture.sees if name in inventory.telephones), None)
        free = _free_address(inventory, site) if site is not None else None
        if site is not None and free is not None:
            found.append(_to_nobody(point, site, free))
    return found


def _to_unit(point: str, name: str, address: IPv4Address) -> Sought:
    # In hexadecimal: by its first bits a dissector could take it for RTCP, and find it malformed.
    token = os.urandom(16).hex().encode()
    return Sought(point, f"a datagram to {name} ({address})", address, token, re.compile(re.escape(token)))


def _to_nobody(point: str, site: str, address: IPv4Address) -> Sought:
    """An ARP request (RFC 826) for that address, by whomever."""
    request = rb"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01.{10}.{6}" + re.escape(address.packed)
    what = f"a search for an unused address of network {site} ({address})"
    return Sought(point, what, address, b"", re.compile(request, re.DOTALL))


def _free_address(inventory: Inventory, site: str) -> IPv4Address | None:
    """One that no device of the inventory has and no DHCP scope gives away; another one each time. None: there is none.

    The network's last addresses are looked at, as many as a /24 has.
    """
    network = inventory.sites[site].subnet
    taken = {site.gateway for site in inventory.sites.values()}
    taken |= {system.address for system in inventory.systems.values()}
    taken |= {device.address for device in inventory.managed.values()}
    scopes = [(scope.low, scope.high) for scope in inventory.dhcp_scopes.values()]
    last = [network.broadcast_address - offset for offset in range(1, min(network.num_addresses - 1, 255))]
    free = [
        address for address in last if address not in taken and not any(low <= address <= high for low, high in scopes)
    ]
    return SystemRandom().choice(free) if free else None
