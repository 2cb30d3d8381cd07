"""An IP Office unit by SSH: commands, and the reboot that ends its own session."""

import codecs
from collections.abc import Iterator
from enum import Enum

import paramiko

from harness.base.clock import Deadline
from harness.base.errors import BenchError, LabFault
from harness.base.transcripts import Transcript
from harness.drivers.lines import ReceivedLines
from harness.drivers.ssh import SshTarget, greets, open_client, reason_of
from harness.drivers.ssh_watch import Watchdog, notice_silence

ANSWER_WITHIN = 30.0
"""Real seconds for one command; a unit's `reboot` takes a while to say goodbye."""
GONE_WITHIN = 15.0
"""Real seconds after a `reboot` that dropped its session until the unit must not greet any more."""
GREETS_WITHIN = 1.0
"""Real seconds for the greeting of a unit that is up."""
CHANNEL_WITHIN = 5.0
"""Real seconds for the unit to take one more command on an open session."""


class _End(Enum):
    """How a command ended."""

    RETURNED = "returned"
    DROPPED = "dropped"
    OVERDUE = "overdue"


class UnitSsh:
    """One unit; its login is opened once and kept. `answer_within` is in real seconds."""

    def __init__(
        self,
        target: SshTarget,
        reboot_command: str,
        transcript: Transcript,
        *,
        answer_within: float = ANSWER_WITHIN,
        gone_within: float = GONE_WITHIN,
    ) -> None:
        self._gone_within = gone_within
        self._target, self._reboot_command, self._transcript = target, reboot_command, transcript
        self._answer_within = answer_within
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
        end, status, output = self._execute(command)
        if end is _End.DROPPED:
            self.close()
            # Nobody knows whether it was done, and not every command may be given twice.
            raise self._fault(f"the session dropped in the middle of '{command}'.")
        if end is _End.OVERDUE:
            self.close()
            raise self._fault(f"'{command}' did not end within {self._answer_within:g} s.")
        if status != 0:
            raise self._fault(f"'{command}' failed with status {status}.")
        return output

    def reboot(self) -> None:
        """Send the reboot command; the unit takes it by dropping the connection, or by returning no error."""
        end, status, _ = self._execute(self._reboot_command)
        self.close()
        self._transcript.remark(f"after '{self._reboot_command}': {end.value}")
        if end is _End.OVERDUE:
            raise self._fault(
                f"'{self._reboot_command}' neither returned nor dropped the connection"
                f" within {self._answer_within:g} s."
            )
        if end is _End.DROPPED and not self._goes_down():
            raise self._fault(
                f"the session dropped in the middle of '{self._reboot_command}', but the unit does not reboot:"
                f" it greets {self._gone_within:g} s later."
            )
        if end is _End.RETURNED and status != 0:
            raise self._fault(f"'{self._reboot_command}' failed with status {status}: the unit does not reboot.")

    def _goes_down(self) -> bool:
        """Whether the unit stops greeting: a session may drop without any reboot."""
        return Deadline.after(self._gone_within).poll(lambda: not greets(self._target, GREETS_WITHIN), every=0.1)

    def reachable(self) -> bool:
        """Whether it answers a command now; a wrong password or host key still raises."""
        try:
            return self.run("echo here").strip() == "here"
        except LabFault as fault:
            self._transcript.remark(f"not reachable: {fault.message}")
            return False

    def close(self) -> None:
        """End the session."""
        if self._client is not None:
            self._client.close()
            self._client = None
            self._transcript.remark("session closed")

    def _execute(self, command: str) -> tuple[_End, int, str]:
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
            return _End.OVERDUE, -1, output
        return (_End.DROPPED if status == -1 else _End.RETURNED), status, output

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
            raise self._fault(f"it takes the login, but no command ({reason_of(error)}).") from None

    def _open_channel(self) -> paramiko.Channel:
        transport = self._client.get_transport() if self._client is not None else None
        if transport is None:
            raise EOFError
        return transport.open_session(timeout=CHANNEL_WITHIN)

    def _fault(self, message: str) -> LabFault:
        self._transcript.remark(message)
        return LabFault(
            message,
            device=self._target.device,
            next_step="see its transcript, then try the command by hand with the same login.",
        )


def _texts(channel: paramiko.Channel) -> Iterator[str]:
    """What the command prints, until it ends or the connection does."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while data := channel.recv(65536):
        yield decode(data)
