"""An IP Office unit by its serial console: login, a short list of commands, reboot, waiting for words.

A console is shared with the unit's kernel and boot loader: what they print may stand anywhere, so an answer
ends where the prompt is seen again, wherever that is, and never by a silence. Its line may be noisy, or shared
with somebody who types: what was on it is wiped out first, and return is pressed only once the echo is right.
"""

import re
from collections import Counter
from collections.abc import Callable

from harness.base.clock import Deadline
from harness.base.errors import ConfigurationFault, LabFault
from harness.base.transcripts import Transcript
from harness.base.units import EpochSeconds
from harness.drivers.console_port import WIPE, ConsolePort
from harness.inventory import Console

ANSWER_WITHIN = 15.0
"""Real seconds for one answer at a console: login programs wait some seconds after a wrong password."""
ASK_AGAIN_EVERY = 0.3
"""Real seconds between two carriage returns while looking for a prompt."""
REFUSAL_WITHIN = 1.0
"""Real seconds in which a unit that refuses to reboot says so."""

NAMES_AT_MOST = 3
"""Tries to give a name that noise does not change behind its echo; three failures block an account for a minute."""
ECHO_WITHIN = 1.0
"""Real seconds for the echo of a line to be complete."""

_LOGIN_ASKED = r"login:"
_LOGIN = rf"{_LOGIN_ASKED} ?$"
_PASSWORD_ASKED = r"[Pp]assword:"
_WRONG = r"(?i)(login incorrect|access denied|authentication fail)"
_PROMPT = re.compile(r"^(?!\[ *\d+\.\d+\])(\S[^\n#$>]*[#$>]|[#$>])(?= |$)", re.MULTILINE)
_LINE_BEHIND = r"\n.*\S.*\n"
_REFUSED = re.compile(r"(?i)(not found|unknown command|permitted|denied|invalid|must be (root|superuser))")


def learn_prompt(text: str) -> str | None:
    """The prompt in `text`, what was read while carriage returns were sent: the one that came twice.

    A line of the unit's kernel or of its greeting may look like a prompt, but does not come again.
    """
    seen = Counter(_PROMPT.findall(text))
    return next((prompt for prompt, times in seen.most_common(1) if times >= 2), None)


class SerialConsole:
    """One console of a unit. `answer_within` is in real seconds; `reboot_command` one of its commands."""

    def __init__(
        self,
        name: str,
        console: Console,
        transcript: Transcript,
        *,
        reboot_command: str = "reboot",
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self._name, self._console, self._transcript = name, console, transcript
        self._reboot_command, self._answer_within = reboot_command, answer_within
        self._port = ConsolePort(name, console.url, console.baud, transcript)
        self._prompt = ""

    def connect(self) -> None:
        """Take the console and read it from now on."""
        self._port.open()

    def greet(self) -> None:
        """Have the unit show that it is there, by a login or a prompt; nobody is logged in by that. Raises LabFault."""
        self.connect()
        self._press_return_until(_LOGIN, self._port.log.end)

    def login(self) -> None:
        """Log in, unless somebody is. Raises ConfigurationFault for a refused login, else LabFault."""
        self.connect()
        if self._press_return_until(_LOGIN, self._port.log.end):
            self._give_name()

    def run(self, command: str) -> str:
        """What `command` printed, what the kernel printed meanwhile included."""
        self._check(command)
        answer, ended = self._ask(command, lambda: _anywhere(self._prompt), self._answer_within)
        if not ended:
            self._prompt = ""
            raise self._fault(f"did not come back from '{command}' within {self._answer_within:g} s")
        return answer.removesuffix(self._prompt).lstrip("\n")

    def reboot(self) -> None:
        """Send the reboot command; LabFault where the unit says no, or nothing at all, not even its echo."""
        self._check(self._reboot_command)
        answer, _ = self._ask(self._reboot_command, lambda: _LINE_BEHIND, REFUSAL_WITHIN)
        self._prompt = ""  # whatever comes next asks for a login again
        if _REFUSED.search(answer):
            raise self._fault(f"refused '{self._reboot_command}'")

    def wait_for(self, pattern: str, seconds: float, since: EpochSeconds | None = None) -> EpochSeconds:
        """When `pattern` was first read after `since` (default: now); LabFault after `seconds` (real)."""
        self.connect()
        log = self._port.log
        found = log.wait_for(pattern, log.end if since is None else log.position_at(since), seconds)
        if found is None:
            raise self._fault(f"did not show /{pattern}/ within {seconds:g} s")
        return found.at

    def close(self) -> None:
        """Let go of the console; the login there stays as it is."""
        self._port.close()

    def _check(self, command: str) -> None:
        if command not in self._console.commands:
            raise ConfigurationFault(
                f"'{command}' is not among the commands of this console; it was not sent.",
                device=self._name,
                next_step="if it can do no harm, add it to the console's 'commands' in the inventory.",
            )

    def _ask(self, command: str, until: Callable[[], str], within: float) -> tuple[str, bool]:
        """What came after `command` until a pattern or for `within` real seconds, and whether that came.

        Where noise came between echo and return, and the unit knew no such command, it is given again.
        """
        deadline = Deadline.after(self._answer_within)
        while True:
            start = self._enter(command)
            found = self._port.log.wait_for(until(), start, within)
            came = self._port.log.since(start)
            answer = came[: found.end - start] if found else came
            if not (answer.partition("\n")[0].strip() and _REFUSED.search(answer)):
                return answer, found is not None
            if deadline.passed:
                raise self._disturbed(command)

    def _enter(self, command: str) -> int:
        """Type `command` at a prompt and press return; where its answer begins. LabFault where that cannot be."""
        deadline = Deadline.after(self._answer_within)
        while not deadline.passed:
            if not self._prompt:
                self.login()
            # Another prompt may be there by now: somebody has logged out, or the unit has booted.
            if self._type("", _anywhere(self._prompt), "\r") is None:
                self._prompt = ""
                continue
            echoed = self._type(command, _anywhere(self._prompt) + " ?" + re.escape(command))
            if echoed is not None:
                self._port.write("")
                return echoed
        raise self._disturbed(command)

    def _type(self, text: str, echo: str, end: str = "") -> int | None:
        """Type `text` on an empty line; where `echo`, a regular expression, then ended it. None: it did not."""
        start = self._line_begin() if text else self._port.log.end
        self._port.write(WIPE + text, end)
        found = self._port.log.wait_for(f"{echo} ?\\Z", start, ECHO_WITHIN)
        return found.end if found else None

    def _line_begin(self) -> int:
        """Where the last line of the log begins."""
        log = self._port.log
        return log.end - len(log.since(0).rpartition("\n")[2])

    def _press_return_until(self, pattern: str, start: int) -> bool:
        """Until `pattern` is seen after `start` (True) or a prompt is (False); LabFault after `answer_within`."""
        deadline = Deadline.after(self._answer_within)
        while not deadline.passed:
            self._port.write(WIPE)
            if self._port.log.wait_for(pattern, start, min(ASK_AGAIN_EVERY, deadline.left)):
                return True
            self._prompt = learn_prompt(self._port.log.since(start)) or ""
            if self._prompt:
                return False
        raise self._fault(f"neither asked for a login nor showed a prompt within {self._answer_within:g} s")

    def _give_name(self) -> None:
        login = self._console.login
        if login is None:
            raise ConfigurationFault(
                "the console asks for a login, but the inventory has none for it.",
                device=self._name,
                next_step="add 'login: {user: …, password: {…}}' to this console.",
            )
        for _ in range(NAMES_AT_MOST):
            if self._is_asked_for_password(login.user):
                break
            self._port.write(WIPE)  # no password: it is somebody else's that is asked for
        else:
            raise self._disturbed(login.user)
        start = self._port.log.end  # before the password is sent: its answer may be there at once
        self._port.write(WIPE + login.password.resolve())
        if self._press_return_until(_WRONG, start):
            answer = self._port.log.since(start)
            if re.split(_WRONG, answer, maxsplit=1)[0].strip():
                raise self._fault(f"refuses the login of '{login.user}', and there is noise on its line")
            raise ConfigurationFault(
                f"the console refuses the login of '{login.user}'.",
                device=self._name,
                next_step="check user and password of this console in the inventory.",
            )

    def _is_asked_for_password(self, user: str) -> bool:
        """Give the name; whether it was taken as it is: noise may come between its echo and the return."""
        deadline, echoed = Deadline.after(self._answer_within), None
        while echoed is None:
            if deadline.passed:
                raise self._disturbed(user)
            if self._type("", _LOGIN_ASKED, "\r") is not None:
                echoed = self._type(user, rf"{_LOGIN_ASKED} ?{re.escape(user)}")
        self._port.write("")
        if not self._port.log.wait_for(_PASSWORD_ASKED, echoed, self._answer_within):
            raise self._fault("did not ask for a password")
        return not self._port.log.since(echoed).partition("\n")[0].strip()

    def _disturbed(self, text: str) -> LabFault:
        self._transcript.remark("its echo is not what was typed")
        return LabFault(
            f"the console did not echo '{text}' as it was typed, in {self._answer_within:g} s; it was not entered.",
            device=self._name,
            next_step="see its transcript: is the line noisy, or does somebody else type there?",
        )

    def _fault(self, what: str) -> LabFault:
        self._transcript.remark(what)
        return LabFault(
            f"the console {what}.",
            device=self._name,
            next_step="see its transcript; is the right unit behind this console, at this baud rate?",
        )


def _anywhere(prompt: str) -> str:
    """A pattern for `prompt`, with noise before it on its line, unless it is too short to tell from noise."""
    return re.escape(prompt) if len(prompt) >= 4 else f"^{re.escape(prompt)}"
