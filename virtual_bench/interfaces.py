"""One network interface, by ioctl on a socket of its network namespace (netdevice(7), ethtool)."""

import array
import fcntl
import socket
import struct

from virtual_bench.namespaces import within_network

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCETHTOOL = 0x8913, 0x8914, 0x8946
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_ETHTOOL_STXCSUM = 0x17


class Interface:
    """The interface `name` in the network namespace `network`. Raises OSError where there is none."""

    def __init__(self, network: int, name: str) -> None:
        self._name = name.encode()
        with within_network(network):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def set_up(self, up: bool) -> None:
        """Take the interface up or down; down, the other end of its cable loses carrier."""
        flags = self._flags()
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(self._socket, _SIOCSIFFLAGS, struct.pack("16sH14x", self._name, flags))

    def is_up(self) -> bool:
        """Whether it was told to be up, with or without a live end of its cable."""
        return bool(self._flags() & _IFF_UP)

    def has_carrier(self) -> bool:
        """Whether it is up and the other end of its cable, too."""
        return bool(self._flags() & _IFF_RUNNING)

    def compute_checksums(self) -> None:
        """Have the kernel fill in checksums and segment TCP itself.

        What is left to hardware is never done on a veth: a capture would show checksums that are
        wrong and segments that no cable carries.
        """
        value = array.array("I", [_ETHTOOL_STXCSUM, 0])
        address, _ = value.buffer_info()
        fcntl.ioctl(self._socket, _SIOCETHTOOL, struct.pack("16sP16x", self._name, address))

    def __enter__(self) -> "Interface":
        return self

    def __exit__(self, *_: object) -> None:
        """Let the namespace go."""
        self._socket.close()

    def _flags(self) -> int:
        answer = fcntl.ioctl(self._socket, _SIOCGIFFLAGS, struct.pack("16sH14x", self._name, 0))
        return int(struct.unpack("16sH14x", answer)[1])
