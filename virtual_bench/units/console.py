"""A serial console: login, the unit's commands, what the unit prints while it boots."""

from collections.abc import Callable
from enum import Enum

from virtual_bench.units.commands import Answer

ERASE, KILL = (b"\x08", b"\x7f"), b"\x15"
"""Take back the last character; all of the line."""


class _Asks(Enum):
    """What the console waits for."""

    NOTHING = "nothing"
    """The unit boots: what is typed is lost."""
    NAME = "login: "
    PASSWORD = "Password: "
    COMMAND = "command"


class Console:
    """The terminal's side of a serial line: echoes, edits one line, runs commands.

    `write` puts bytes on the line; `run` answers a command. A reboot ends a login, not the line.
    """

    def __init__(
        self,
        name: str,
        user: str,
        password: str,
        write: Callable[[bytes], None],
        run: Callable[[str], Answer],
    ) -> None:
        self._name, self._user, self._password = name, user, password
        self._write, self._run = write, run
        self._asks, self._line, self._named = _Asks.NOTHING, b"", ""
        self._after_return = False

    def say(self, text: str) -> None:
        """Print lines of the unit's own."""
        self._write(("\r\n".join(text.split("\n")) + "\r\n").encode())

    def boot(self) -> None:
        """The unit goes down: nobody is logged in any more, nothing is asked."""
        self._asks, self._line = _Asks.NOTHING, b""

    def ready(self) -> None:
        """The unit is up: ask for a login."""
        self._ask(_Asks.NAME)

    def feed(self, data: bytes) -> None:
        """Take what was typed."""
        for byte in (data[i : i + 1] for i in range(len(data))):
            if self._asks is _Asks.NOTHING:
                continue
            follows_return, self._after_return = self._after_return, byte == b"\r"
            if byte == b"\n" and follows_return:
                continue
            if byte in b"\r\n":
                self._entered()
            elif byte in ERASE:
                self._erase()
            elif byte == KILL:
                while self._line:
                    self._erase()
            elif byte >= b" ":
                self._line += byte
                self._echo(byte)

    def _echo(self, data: bytes) -> None:
        if self._asks is not _Asks.PASSWORD:
            self._write(data)

    def _erase(self) -> None:
        if self._line:
            self._line = self._line[:-1]
            self._echo(b"\x08 \x08")

    def _entered(self) -> None:
        line, self._line = self._line.decode(errors="replace"), b""
        self._write(b"\r\n")
        match self._asks:
            case _Asks.NAME:
                self._named = line.strip()
                self._ask(_Asks.PASSWORD if self._named else _Asks.NAME)
            case _Asks.PASSWORD:
                self._log_in(line)
            case _Asks.COMMAND:
                self._command(line)

    def _log_in(self, password: str) -> None:
        if (self._named, password) == (self._user, self._password):
            self._ask(_Asks.COMMAND)
        else:
            self.say("Login incorrect")
            self._ask(_Asks.NAME)

    def _command(self, line: str) -> None:
        answer = self._run(line)
        if answer.text:
            self.say(answer.text)
        if not answer.reboots:
            self._ask(_Asks.NAME if answer.leaves else _Asks.COMMAND)

    def _ask(self, what: _Asks) -> None:
        self._asks = what
        self._write((f"{self._name}> " if what is _Asks.COMMAND else what.value).encode())
