import json

import pytest

from harness.inventory import Role, find_bench
from virtual_bench.units.commands import Answer, answer
from virtual_bench.units.console import Console
from virtual_bench.units.link_watch import _links

SYSTEM = find_bench("virtual").inventory.systems[Role.HOME]


def status() -> dict[str, object]:
    return {"mode": "home", "line": True, "registered": ["301", "302"], "licences_used": 2}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Answer("")),
        ("exit", Answer("", leaves=True)),
        ("echo here", Answer("here")),
        ("show registrations", Answer("mode: home\nline: up\n301\n302")),
        ("show licences", Answer("licences: 20\nused: 2")),
        ("frobnicate now", Answer("frobnicate: unknown command", status=127)),
    ],
)
def test_commands_have_their_answers(line: str, expected: Answer) -> None:
    assert answer(line, SYSTEM, status) == expected


def test_reboot_says_so_and_services_that_boot_tell_nothing() -> None:
    assert answer("reboot", SYSTEM, status).reboots
    assert answer("show licences", SYSTEM, lambda: None).status == 1


class Terminal:
    """A console with what it printed."""

    def __init__(self) -> None:
        self.shown, self.ran = b"", list[str]()
        self.console = Console("IPOffice-home", "Administrator", "secret", self._write, self._run)

    def _write(self, data: bytes) -> None:
        self.shown += data

    def _run(self, line: str) -> Answer:
        self.ran.append(line)
        return Answer(f"did {line}", reboots=line == "reboot")

    def types(self, text: str) -> str:
        """What is shown in answer to `text`."""
        before = len(self.shown)
        self.console.feed(text.encode())
        return self.shown[before:].decode()


def test_a_login_at_the_console() -> None:
    terminal = Terminal()
    terminal.console.ready()
    assert terminal.shown == b"login: "
    assert terminal.types("Administrator\r").endswith("Password: ")
    assert "secret" not in terminal.types("secret\r\n")
    assert terminal.shown.endswith(b"IPOffice-home> ")
    assert terminal.types("show\x7fw versiom\x08n\r").endswith("did show version\r\nIPOffice-home> ")
    assert terminal.ran == ["show version"]


def test_a_wrong_password_is_refused() -> None:
    terminal = Terminal()
    terminal.console.ready()
    assert terminal.types("Administrator\rguess\r").endswith("Login incorrect\r\nlogin: ")


def test_while_the_unit_boots_nothing_that_is_typed_counts() -> None:
    terminal = Terminal()
    terminal.console.ready()
    terminal.types("Administrator\rsecret\rreboot\r")
    terminal.console.boot()
    assert terminal.types("show version\r") == ""
    terminal.console.ready()
    assert terminal.shown.endswith(b"login: ")
    assert terminal.ran == ["reboot"]


def test_link_messages_are_read() -> None:
    message = bytes.fromhex("200000001000000000000000000000000000010003000000431001000000000000")[:32]
    assert _links(message) == [(3, 0x11043)]
    assert json.dumps(_links(b"")) == "[]"
