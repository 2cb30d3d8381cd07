"""The telephone's IPv6 address: the kernel makes it of what the router advertises (RFC 4862)."""

import asyncio
from ipaddress import IPv6Address
from pathlib import Path

from virtual_bench.phones.dhcp_client import INTERFACE

_OFF = Path("/proc/sys/net/ipv6/conf") / INTERFACE / "disable_ipv6"
_ADDRESSES = Path("/proc/net/if_inet6")
_LOOK_EVERY = 0.02
_GLOBAL = "00"


async def ipv6_address() -> str:
    """Turn IPv6 on, by which the kernel asks for a router; the address, once there is one."""
    _OFF.write_text("0")
    while not (found := global_addresses(_ADDRESSES.read_text(), INTERFACE)):
        await asyncio.sleep(_LOOK_EVERY)
    return found[0]


def global_addresses(table: str, interface: str) -> list[str]:
    """The addresses of `interface` that reach beyond its link; `table` is the kernel's, /proc/net/if_inet6."""
    rows = [line.split() for line in table.splitlines()]
    return [
        str(IPv6Address(bytes.fromhex(address)))
        for address, _, _, scope, _, name in rows
        if name == interface and scope == _GLOBAL
    ]
