"""What the unit's command line answers, by SSH and on the console alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.inventory import System

VERSION = "IP Office (emulated) 12.2.0.0"
Status = Callable[[], dict[str, Any] | None]
LogOut = Callable[[str], dict[str, Any] | None]


@dataclass(frozen=True)
class Answer:
    """What a command printed, its exit status, and whether it ends the session or the unit's run."""

    text: str
    status: int = 0
    leaves: bool = False
    reboots: bool = False


def answer(line: str, system: System, status: Status, log_out: LogOut) -> Answer:
    """The answer to one line; `status` and `log_out` ask the services, which give None while they are not there."""
    words = line.split()
    match words:
        case []:
            return Answer("")
        case ["exit" | "logout" | "quit"]:
            return Answer("", leaves=True)
        case ["reboot"]:
            return Answer("The system is going down for reboot now.", reboots=True)
        case ["echo", *rest]:
            return Answer(" ".join(rest))
        case ["show", "version"]:
            return Answer(VERSION)
        case ["logout", extension]:
            return _logged_out(extension, log_out(extension))
        case ["show", ("registrations" | "licences") as what]:
            return _shown(what, system, status())
    return Answer(f"{words[0]}: unknown command", status=127)


def _logged_out(extension: str, done: dict[str, Any] | None) -> Answer:
    if done is None:
        return Answer("the services are not running", status=1)
    return Answer("") if done["was_here"] else Answer(f"{extension}: not registered here", status=1)


def _shown(what: str, system: System, status: dict[str, Any] | None) -> Answer:
    if status is None:
        return Answer("the services are not running", status=1)
    if what == "licences":
        return Answer(f"licences: {system.licences or 0}\nused: {status['licences_used']}")
    line = "up" if status["line"] else "down"
    return Answer("\n".join([f"mode: {status['mode']}", f"line: {line}", *status["registered"]]))
