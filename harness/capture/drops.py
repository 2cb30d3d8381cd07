"""How many packets the kernel dropped before a running dumpcap of this machine could take them.

dumpcap tells only at its end. The kernel's counter belongs to dumpcap's packet socket; the parent of a process
may take a copy of its descriptors (pidfd_getfd(2), Linux 5.6). Reading sets the counter back to 0 (packet(7),
PACKET_STATISTICS), so what is read here is not in dumpcap's closing lines: the two are to be added.
"""

import ctypes
import os
import socket
import struct
from pathlib import Path

_PIDFD_GETFD = 438
"""The number of the system call, the same on all architectures."""
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_STATISTICS = struct.Struct("III")
"""tpacket_stats_v3: packets, dropped, how often the ring was full."""


class DropCounter:
    """The drops of one dumpcap; made once it captures."""

    def __init__(self, pid: int) -> None:
        self._sockets = _packet_sockets(pid)

    @property
    def works(self) -> bool:
        """Whether this process may read it; without ptrace rights over dumpcap it may not."""
        return bool(self._sockets)

    def since_last(self) -> int:
        """Packets dropped since the last call."""
        return sum(self._read(each) for each in self._sockets)

    def close(self) -> None:
        """Give the copies back."""
        for each in self._sockets:
            each.close()
        self._sockets = []

    def _read(self, copy: socket.socket) -> int:
        found = copy.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        return int(_STATISTICS.unpack(found.ljust(_STATISTICS.size, b"\0"))[1])


def _packet_sockets(pid: int) -> list[socket.socket]:
    """Copies of the packet sockets of a process; none where the kernel or its rights do not allow it."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return []
    try:
        numbers = [int(link.name) for link in Path(f"/proc/{pid}/fd").iterdir() if _is_socket(link)]
        copies = [copy for number in numbers if (copy := _copied(process, number)) is not None]
    except OSError:
        return []
    finally:
        os.close(process)
    for copy in copies:
        if copy.family != socket.AF_PACKET:
            copy.close()
    return [copy for copy in copies if copy.fileno() >= 0]


def _is_socket(link: Path) -> bool:
    try:
        return str(link.readlink()).startswith("socket:")
    except OSError:
        return False


def _copied(process: int, number: int) -> socket.socket | None:
    copy = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, number, 0)
    return socket.socket(fileno=copy) if copy >= 0 else None
