"""An SSH server on loopback for the tests of the drivers: one password, one host key, a shell or commands."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

PASSWORD = "the-right-password"


class SshPeer(paramiko.ServerInterface):
    """Serves `shell(channel)` or `execute(channel, command)` to whoever logs in as "lab"."""

    def __init__(
        self,
        shell: Callable[[paramiko.Channel], None] | None = None,
        execute: Callable[[paramiko.Channel, str], None] | None = None,
    ) -> None:
        self.key = paramiko.ECDSAKey.generate()
        self.transports: list[paramiko.Transport] = []
        self._shell, self._execute = shell, execute
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def known_hosts(self, file: Path, key: paramiko.PKey | None = None) -> Path:
        """`file` with this server's host key, or with another one's."""
        key = key or self.key
        file.write_text(f"[127.0.0.1]:{self.port} {key.get_name()} {key.get_base64()}\n")
        return file

    def drop_all(self) -> None:
        """Cut every session short, as a device does that goes down."""
        for transport in self.transports:
            transport.close()

    def close(self) -> None:
        if self._listener.fileno() != -1:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread, which close alone does not
            self._listener.close()
        self.drop_all()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            self.transports.append(transport)
            transport.start_server(threading.Event(), self)

    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == ("lab", PASSWORD)
        return AUTH_SUCCESSFUL if right else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return OPEN_SUCCEEDED

    def check_channel_pty_request(self, *_: object) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        return self._start(self._shell, channel)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return self._start(self._execute, channel, command.decode())

    def _start(self, work: Callable[..., None] | None, *arguments: object) -> bool:
        if work is not None:
            threading.Timer(0.02, work, arguments).start()  # after the reply to this very request
        return work is not None
