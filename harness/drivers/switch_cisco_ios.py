"""Switch ports by the command line of Cisco IOS; FRRouting's vtysh speaks it, too."""

import re

from harness.base.clock import Deadline
from harness.base.errors import ConfigurationFault, LabFault
from harness.base.transcripts import Transcript
from harness.drivers.cli_session import CliSession
from harness.drivers.protocols import Link
from harness.drivers.ssh import SshTarget

ANSWER_WITHIN = 10.0
"""Real seconds for one command: FRRouting needs some 0.1 s to take a port down, old switches seconds."""
READ_BACK_WITHIN = 10.0
"""Real seconds after the command until the port must be seen in the state that was set."""

_REFUSED = re.compile(r"^% *(?P<reason>\S.*)$", re.MULTILINE)
_STATE = re.compile(
    r"^(?P<frr>Interface )?\S+ is (?P<state>administratively down|up|down)\b(?P<rest>.*)$",
    re.MULTILINE,
)


def port_state(answer: str) -> Link:
    """The state of a port from the answer to `show interface PORT`.

    FRRouting writes "Interface port1 is down" and no more for a shut port. IOS writes "administratively
    down" for it, and a plain "down" for an open port without link, or for one that it shut itself
    ("err-disabled").
    A "pseudo interface" is one that FRRouting has only heard of in a command: no port at all.
    """
    found = _STATE.search(answer)
    if found is None or "err-disabled" in found["rest"] or "pseudo interface" in answer:
        return Link.UNKNOWN
    if found["state"] == "up":
        return Link.ON
    shut = found["state"] == "administratively down" or found["frr"] is not None
    return Link.OFF if shut else Link.ON


class CiscoIosSwitch:
    """A switch of dialect `cisco_ios`. `answer_within` and `read_back_within` are real seconds."""

    def __init__(
        self,
        target: SshTarget,
        transcript: Transcript,
        *,
        answer_within: float = ANSWER_WITHIN,
        read_back_within: float = READ_BACK_WITHIN,
    ) -> None:
        self._name, self._transcript = target.device, transcript
        self._session = CliSession(target, "cisco_ios", transcript, answer_within)
        self._read_back_within = read_back_within

    def connect(self) -> None:
        """Open the session beforehand, so that a cut takes no longer than its command."""
        self._session.connect()

    def shut(self, port: str) -> None:
        """Shut `port`; returns when the switch says that it is shut."""
        self._session.keep(lambda: self._set(port, "shutdown", Link.OFF), self._device(port))

    def open(self, port: str) -> None:
        """Open `port`; returns when the switch says that it is open."""
        self._session.keep(lambda: self._set(port, "no shutdown", Link.ON), self._device(port))

    def state(self, port: str) -> Link:
        """What the switch says of `port` now; UNKNOWN where its answer cannot be read."""
        return self._session.keep(lambda: self._state(port), self._device(port))

    @property
    def dropped(self) -> bool:
        """Whether the switch has left the kept session; cheap."""
        return self._session.dropped

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def _set(self, port: str, command: str, wanted: Link) -> None:
        # FRRouting takes commands for ports that do not exist, but refuses to show them. A port that is as
        # wanted, by a command whose session dropped before its answer, is not commanded again.
        if self._state(port) is wanted:
            return
        self._ask("configure terminal", port)
        try:
            self._ask(f"interface {port}", port)
            self._ask(command, port)
        except ConfigurationFault:
            self._ask("end", port)  # refused; in a session that dropped there is nothing to leave
            raise
        self._ask("end", port)
        self._read_back(port, wanted)

    def _read_back(self, port: str, wanted: Link) -> None:
        seen = [Link.UNKNOWN]

        def as_wanted() -> bool:
            seen.append(self._state(port))
            return seen[-1] is wanted

        if not Deadline.after(self._read_back_within).poll(as_wanted, every=0.02):
            raise LabFault(
                f"the port was to be {wanted}, but is {seen[-1]} {self._read_back_within:g} s later.",
                device=self._device(port),
                next_step="look at the port on the switch: is it the one, may this login change it?",
            )

    def _state(self, port: str) -> Link:
        return port_state(self._ask(f"show interface {port}", port))

    def _ask(self, command: str, port: str) -> str:
        answer = self._session.ask(command)
        refused = _REFUSED.search(answer)
        if refused:
            raise ConfigurationFault(
                f"the switch refuses '{command}': {refused['reason']}.",
                device=self._device(port),
                next_step="check port name, dialect and the rights of this login in the inventory.",
            )
        return answer

    def _device(self, port: str) -> str:
        return f"{self._name} {port}"
