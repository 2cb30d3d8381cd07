"""Commands over one kept SSH session, each with its own channel, transcript and deadline."""

import codecs
from collections.abc import Iterator
from enum import Enum

import paramiko

from harness.base.errors import BenchError, LabFault
from harness.base.transcripts import Transcript
from harness.drivers.lines import ReceivedLines
from harness.drivers.ssh import SshTarget, open_client, reason_of
from harness.drivers.ssh_watch import Watchdog, notice_silence

CHANNEL_WITHIN = 5.0
"""Real seconds for the device to take one more command on an open session."""


class End(Enum):
    """How a command ended."""

    RETURNED = "returned"
    DROPPED = "dropped"
    OVERDUE = "overdue"


class SessionDroppedError(LabFault):
    """The session ended in the middle of a command."""


class SshCommands:
    """One device; its login is opened once and kept. `answer_within`: real seconds for one command."""

    def __init__(self, target: SshTarget, transcript: Transcript, answer_within: float) -> None:
        self._target, self._transcript, self._answer_within = target, transcript, answer_within
        self._client: paramiko.SSHClient | None = None

    def connect(self) -> None:
        """Log in, if not logged in. Raises ConfigurationFault or LabFault."""
        if self._client is not None:
            return
        self._transcript.remark(f"opening a session with {self._target!r}")
        try:
            self._client = open_client(self._target)
        except BenchError as fault:
            self._transcript.remark(fault.message)
            raise
        notice_silence(self._client)
        self._transcript.remark("session open")

    def run(self, command: str) -> str:
        """What `command` printed, both streams; LabFault where it failed or did not end in time."""
        end, status, output = self.execute(command)
        if end is End.DROPPED:
            self.close()
            # Nobody knows whether it was done, and not every command may be given twice.
            raise self.fault(f"the session dropped in the middle of '{command}'.", SessionDroppedError)
        if end is End.OVERDUE:
            self.close()
            raise self.fault(f"'{command}' did not end within {self._answer_within:g} s.")
        if status != 0:
            raise self.fault(f"'{command}' failed with status {status}.")
        return output

    @property
    def dropped(self) -> bool:
        """Whether the device has left the kept session; cheap, asks nothing."""
        transport = self._client.get_transport() if self._client is not None else None
        return transport is not None and not transport.is_active()

    def close(self) -> None:
        """End the session."""
        if self._client is not None:
            self._client.close()
            self._client = None
            self._transcript.remark("session closed")

    def execute(self, command: str) -> tuple[End, int, str]:
        """How `command` ended, its exit status (-1: none was told) and what it printed."""
        channel, output = self._channel(), ""
        lines = ReceivedLines(self._transcript)
        with Watchdog(self._client, self._answer_within) as watchdog:
            self._transcript.sent(command)
            try:
                channel.set_combine_stderr(True)
                channel.exec_command(command)
                for text in _texts(channel):
                    output += text
                    lines.feed(text)
                status = channel.recv_exit_status()
            except (paramiko.SSHException, OSError, EOFError) as error:
                status = -1
                self._transcript.remark(f"the connection broke ({reason_of(error)})")
        lines.flush()
        if watchdog.bit:
            return End.OVERDUE, -1, output
        return (End.DROPPED if status == -1 else End.RETURNED), status, output

    def _channel(self) -> paramiko.Channel:
        """A channel of the kept login; of a new one where that was found dropped."""
        if self._client is not None:
            try:
                return self._open_channel()
            except (paramiko.SSHException, OSError, EOFError) as error:
                self._transcript.remark(f"the kept session had dropped ({reason_of(error)})")
                self.close()
        self.connect()
        try:
            return self._open_channel()
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.close()
            raise self.fault(f"it takes the login, but no command ({reason_of(error)}).") from None

    def _open_channel(self) -> paramiko.Channel:
        transport = self._client.get_transport() if self._client is not None else None
        if transport is None:
            raise EOFError
        return transport.open_session(timeout=CHANNEL_WITHIN)

    def fault(self, message: str, kind: type[LabFault] = LabFault) -> LabFault:
        """The lab fault behind `message`, which the transcript keeps, too."""
        self._transcript.remark(message)
        return kind(
            message,
            device=self._target.device,
            next_step="see its transcript, then try the command by hand with the same login.",
        )


def _texts(channel: paramiko.Channel) -> Iterator[str]:
    """What the command prints, until it ends or the connection does."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while data := channel.recv(65536):
        yield decode(data)
