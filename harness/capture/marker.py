"""The last packet of a capture: sent by ourselves, and looked for in the file before the capture is ended.

A dumpcap that is stopped at once loses what it has not been handed yet.
"""

import os
import secrets
import socket
from pathlib import Path

from harness.base.clock import Deadline
from harness.base.errors import ConfigurationFault, LabFault

ETHERTYPE = 0x88B5
"""Local experimental (IEEE 802): nobody else's protocol."""
_SENT_AGAIN_EVERY = 0.5


class Marker:
    """A frame with a random token on one interface, to its own address so that no switch forwards it.

    A capture point only receives, but dumpcap sees what is sent there, too.
    """

    def __init__(self, interface: str, file: Path) -> None:
        self._interface, self._file = interface, file
        self._token = b"end of capture " + secrets.token_bytes(16)
        self._from = file.stat().st_size
        self.send()

    def send(self) -> None:
        """Raises ConfigurationFault without the right to, LabFault where the interface is gone or down."""
        try:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packet_socket:
                packet_socket.bind((self._interface, 0))
                own = packet_socket.getsockname()[4]
                packet_socket.send(own + own + ETHERTYPE.to_bytes(2) + self._token.ljust(46, b"\0"))
        except PermissionError:
            raise ConfigurationFault(
                "no right to send the packet that ends the capture.",
                device=self._interface,
                next_step="run as root or with CAP_NET_RAW.",
            ) from None
        except OSError as error:
            raise LabFault(
                f"the packet that ends the capture cannot be sent ({os.strerror(error.errno or 0)}).",
                device=self._interface,
                next_step="see whether the interface is there and up: `ip link`.",
            ) from None

    def arrived(self, deadline: Deadline) -> bool:
        """Whether it is in the file by the deadline; sent again now and then."""
        while not deadline.passed:
            again = Deadline.after(min(_SENT_AGAIN_EVERY, deadline.left))
            if again.poll(self._in_file, every=0.01):
                return True
            self.send()
        return False

    def _in_file(self) -> bool:
        with self._file.open("rb") as stream:
            stream.seek(self._from)
            return self._token in stream.read()
