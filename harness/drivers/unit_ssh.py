"""An IP Office unit by SSH: commands, and the reboot that ends its own session."""

from harness.base.clock import Deadline
from harness.base.errors import LabFault
from harness.base.transcripts import Transcript
from harness.drivers.ssh import SshTarget, greets
from harness.drivers.ssh_commands import End, SshCommands

ANSWER_WITHIN = 30.0
"""Real seconds for one command; a unit's `reboot` takes a while to say goodbye."""
GONE_WITHIN = 15.0
"""Real seconds after a `reboot` that dropped its session until the unit must not greet any more."""
GREETS_WITHIN = 1.0
"""Real seconds for the greeting of a unit that is up."""


class UnitSsh(SshCommands):
    """One unit. `answer_within` and `gone_within` are in real seconds."""

    def __init__(
        self,
        target: SshTarget,
        reboot_command: str,
        transcript: Transcript,
        *,
        answer_within: float = ANSWER_WITHIN,
        gone_within: float = GONE_WITHIN,
    ) -> None:
        super().__init__(target, transcript, answer_within)
        self._reboot_command, self._gone_within = reboot_command, gone_within

    def reboot(self) -> None:
        """Send the reboot command; the unit takes it by dropping the connection, or by returning no error."""
        end, status, _ = self.execute(self._reboot_command)
        self.close()
        self._transcript.remark(f"after '{self._reboot_command}': {end.value}")
        if end is End.OVERDUE:
            raise self.fault(
                f"'{self._reboot_command}' neither returned nor dropped the connection"
                f" within {self._answer_within:g} s."
            )
        if end is End.DROPPED and not self._goes_down():
            raise self.fault(
                f"the session dropped in the middle of '{self._reboot_command}', but the unit does not reboot:"
                f" it greets {self._gone_within:g} s later."
            )
        if end is End.RETURNED and status != 0:
            raise self.fault(f"'{self._reboot_command}' failed with status {status}: the unit does not reboot.")

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
