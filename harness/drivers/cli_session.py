"""A kept session with a device's command line, by netmiko.

netmiko logs in and knows the dialect's paging. Commands are written to its channel here, and end with the
very prompt that the login ended with: netmiko's own command methods wait for an echo or a silence by
timers of their own, longer than a whole cut takes, and its `is_alive` says nothing of the device.
"""

import io
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import netmiko
import paramiko
from netmiko.exceptions import NetmikoBaseException

from harness.base.clock import Deadline
from harness.base.errors import LabFault
from harness.base.transcripts import Transcript
from harness.drivers.lines import ReceivedLines
from harness.drivers.ssh import SshTarget, login_fault, reason_of
from harness.drivers.ssh_watch import notice_silence

T = TypeVar("T")

FOREIGN_PROMPT_AFTER = 1.0
"""Real seconds of silence after which a last line that looks like a prompt is taken for one: of a renamed device."""
_LIKE_A_PROMPT = re.compile(r"^\S+[#>] ?\Z", re.MULTILINE)


class SessionDroppedError(Exception):
    """The session ended, or does not answer as it did after the login. Never leaves the drivers.

    `next_step`: what to look at where a new session is no better.
    """

    next_step = "check that the device is up and takes one more session."


class PromptLostError(SessionDroppedError):
    """An answer came, but not the prompt of the login behind it."""

    next_step = "see its transcript: is the device asking something?"


class CliSession:
    """One session, opened by `connect` or by the first command, reopened once when found dropped.

    `dialect` is netmiko's device type, `answer_within` real seconds for one command.
    """

    def __init__(self, target: SshTarget, dialect: str, transcript: Transcript, answer_within: float) -> None:
        self._target, self._dialect, self._transcript = target, dialect, transcript
        self._answer_within = answer_within
        self._received = _Received(transcript)
        self._connection: Any = None
        self._prompt = re.compile(r"\Z")

    def connect(self) -> None:
        """Log in, if no session is open. Raises ConfigurationFault or LabFault."""
        if self._connection is not None:
            return
        self._transcript.remark(f"opening a session with {self._target!r}")
        try:
            self._connection = self._log_in()
        except (NetmikoBaseException, paramiko.SSHException, OSError, EOFError, ValueError) as error:
            # netmiko raises its own exceptions while it handles paramiko's, which tell what really was.
            fault = login_fault(error.__context__ or error, self._target)
            self._transcript.remark(fault.message)
            raise fault from None
        name = re.escape(self._connection.base_prompt)
        self._prompt = re.compile(rf"^{name}\S*[#>] ?\Z", re.MULTILINE)
        notice_silence(self._connection.remote_conn_pre)
        self._transcript.remark("session open")

    @property
    def dropped(self) -> bool:
        """Whether a session is open that the far end has left; cheap."""
        return self._connection is not None and bool(self._connection.remote_conn.closed)

    def keep(self, work: Callable[[], T], device: str) -> T:
        """`work`, done again from the start on a new session where the kept one was found dropped.

        So `work` must be such that doing it twice is doing it once.
        """
        fresh = self._connection is None
        self.connect()
        try:
            return work()
        except SessionDroppedError as drop:
            self.close(str(drop))
            if fresh:
                raise _fault(str(drop), drop, device) from None
        self.connect()
        try:
            return work()
        except SessionDroppedError as drop:
            self.close(str(drop))
            raise _fault(f"{drop} twice", drop, device) from None

    def ask(self, command: str) -> str:
        """The answer to `command`, without echo and prompt; only within `keep`."""
        self._transcript.sent(command)
        try:
            self._connection.read_channel()  # what came unasked is in the transcript; it answers nothing
            self._connection.write_channel(command + "\n")
            answer, complete = self._read_answer(Deadline.after(self._answer_within))
        except (NetmikoBaseException, OSError, EOFError) as error:
            raise SessionDroppedError(f"the session dropped ({reason_of(error)})") from None
        if complete:
            return answer.partition("\n")[2].rpartition("\n")[0]
        if not answer.strip():
            raise SessionDroppedError(f"nothing was answered to '{command}' in {self._answer_within:g} s")
        # The session is not used any more: a late answer would be taken for the next one's.
        raise PromptLostError(f"'{command}' did not end with the prompt of the login")

    def close(self, reason: str = "as asked") -> None:
        """End the session; the device is told nothing more."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._received.end_line()
        try:
            connection.paramiko_cleanup()
        except (paramiko.SSHException, OSError, EOFError) as error:
            self._transcript.remark(f"there was nobody left to say goodbye to ({reason_of(error)})")
        self._transcript.remark(f"session closed: {reason}")

    def _log_in(self) -> Any:
        target = self._target
        return netmiko.ConnectHandler(
            device_type=self._dialect,
            host=target.host,
            port=target.port,
            username=target.user,
            password=target.password,
            ssh_strict=True,
            system_host_keys=False,
            alt_host_keys=True,
            alt_key_file=str(target.known_hosts),
            use_keys=False,
            allow_agent=False,
            conn_timeout=target.connect_within,
            banner_timeout=target.connect_within,
            auth_timeout=target.connect_within,
            read_timeout_override=target.connect_within,
            fast_cli=True,
            session_log=self._received,
        )

    def _read_answer(self, deadline: Deadline) -> tuple[str, bool]:
        """What came until the prompt, the deadline or what looks like another prompt; whether the prompt did."""
        text, foreign = "", None
        while not self._prompt.search(text):
            fresh = self._connection.read_channel()
            if fresh:
                text += fresh
                foreign = Deadline.after(FOREIGN_PROMPT_AFTER) if _LIKE_A_PROMPT.search(text) else None
                continue
            if self._connection.remote_conn.closed:
                raise SessionDroppedError("the device ended the session")
            if deadline.passed or (foreign is not None and foreign.passed):
                return text, False
            time.sleep(0.002)
        return text, True


def _fault(what: str, drop: SessionDroppedError, device: str) -> LabFault:
    return LabFault(f"{what}.", device=device, next_step=drop.next_step)


class _Received(io.BufferedIOBase):
    """What netmiko reads, as lines of the transcript."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__()
        self._lines = ReceivedLines(transcript)

    def write(self, data: Any) -> int:
        self._lines.feed(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def end_line(self) -> None:
        """Write what has no end of line yet. Not `flush`: netmiko calls that after each read, in mid-line."""
        self._lines.flush()
