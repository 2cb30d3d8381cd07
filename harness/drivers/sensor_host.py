"""A machine that captures for us: commands over SSH whose output is read as it comes. It changes nothing there."""

import paramiko

from harness.base.errors import LabFault
from harness.drivers.ssh import SshTarget, open_client, reason_of
from harness.drivers.ssh_watch import notice_silence

_WINDOW = 1 << 24
"""Bytes in flight to us: a burst on the other machine must not wait for a round trip."""


class SensorHost:
    """One session with the machine `target`; each command has a channel of its own."""

    def __init__(self, target: SshTarget) -> None:
        self._target = target
        self._client: paramiko.SSHClient | None = None

    def run(self, command: str) -> paramiko.Channel:
        """Start a command line. Raises ConfigurationFault or LabFault where the machine does not let us."""
        if self._client is None:
            self._client = open_client(self._target)
            notice_silence(self._client)
        transport = self._client.get_transport()
        try:
            if transport is None:
                raise EOFError
            channel = transport.open_session(window_size=_WINDOW, timeout=self._target.connect_within)
            channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise LabFault(
                f"no command can be started there ({reason_of(error)}).",
                device=self._target.device,
                next_step="log in there by hand; look at its sshd.",
            ) from None
        return channel

    def close(self) -> None:
        """End the session, and with it what still runs."""
        if self._client is not None:
            self._client.close()
            self._client = None
