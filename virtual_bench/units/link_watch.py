"""Watching the LAN port's carrier by the kernel's link messages (rtnetlink(7))."""

import asyncio
import socket
import struct
from collections.abc import Callable

_HEADER, _INFO = struct.Struct("=LHHLL"), struct.Struct("=BBHiII")
_NEWLINK, _LINK_GROUP, _LOWER_UP = 16, 1, 1 << 16
INTERFACE = "eth0"


def watch_carrier(told: Callable[[bool], None], interface: str = INTERFACE) -> None:
    """Call `told` with each change of the carrier of `interface`, from within the running event loop."""
    watcher = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    watcher.bind((0, _LINK_GROUP))
    index = socket.if_nametoindex(interface)
    last = True

    def readable() -> None:
        nonlocal last
        for number, flags in _links(watcher.recv(65536)):
            carrier = bool(flags & _LOWER_UP)
            if number == index and carrier != last:
                last = carrier
                told(carrier)

    asyncio.get_running_loop().add_reader(watcher, readable)


def _links(data: bytes) -> list[tuple[int, int]]:
    """Interface number and flags of every link in a datagram of netlink messages."""
    found, offset = [], 0
    while offset + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, offset)
        if kind == _NEWLINK:
            _, _, _, index, flags, _ = _INFO.unpack_from(data, offset + _HEADER.size)
            found.append((index, flags))
        offset += max((length + 3) & ~3, _HEADER.size)
    return found
