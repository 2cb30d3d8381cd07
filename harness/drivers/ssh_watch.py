"""Deadlines for an SSH session where paramiko has none of its own."""

import socket
import threading
from typing import cast

import paramiko

SILENT_FOR = 5.0
"""Real seconds after which a far end that acknowledges nothing counts as gone."""


class Watchdog:
    """Ends the whole session at the deadline: paramiko waits for some answers without one."""

    def __init__(self, client: paramiko.SSHClient | None, seconds: float) -> None:
        self.bit = False
        self._client = client
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True

    def _bite(self) -> None:
        self.bit = True
        if self._client is not None:
            self._client.close()

    def __enter__(self) -> "Watchdog":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def notice_silence(client: paramiko.SSHClient) -> None:
    """Have a far end that vanished without a word noticed: a rebooting unit may send no FIN."""
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(1)
        connection = cast(socket.socket, transport.sock)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENT_FOR * 1000))
