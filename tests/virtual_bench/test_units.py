import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.inventory import Role, VirtualSettings, find_bench
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.truth import TruthLog
from virtual_bench.units.admission import Decision
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.commands import Answer, answer
from virtual_bench.units.console import Console
from virtual_bench.units.link_watch import _links
from virtual_bench.units.records import User
from virtual_bench.units.surroundings import Surroundings

SYSTEM = find_bench("virtual").inventory.systems[Role.HOME]


def log_out(extension: str) -> dict[str, object]:
    return {"was_here": extension == "301"}


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
        ("logout 301", Answer("")),
        ("logout 999", Answer("999: not registered here", status=1)),
        ("frobnicate now", Answer("frobnicate: unknown command", status=127)),
    ],
)
def test_commands_have_their_answers(line: str, expected: Answer) -> None:
    assert answer(line, SYSTEM, status, log_out) == expected


def test_reboot_says_so_and_services_that_boot_tell_nothing() -> None:
    assert answer("reboot", SYSTEM, status, log_out).reboots
    assert answer("show licences", SYSTEM, lambda: None, log_out).status == 1


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


class Nobody:
    """A doorkeeper of a system without users."""

    checks_passwords = True

    def decide(self, extension: str, *, refresh: bool) -> Decision:
        del extension, refresh
        return Decision.UNKNOWN

    def user(self, extension: str) -> User | None:
        del extension
        return None


@pytest.mark.parametrize(
    ("bench", "anyway", "sip", "h323"),
    [
        ("virtual", False, True, True),
        ("virtual-no-sip", False, False, True),
        ("virtual-no-h323", False, True, False),
        ("virtual-no-sip", True, True, True),
        ("virtual-no-h323", True, True, True),
    ],
)
def test_what_is_stated_to_be_off_has_no_service(
    bench: str, anyway: bool, sip: bool, h323: bool, tmp_path: Path
) -> None:
    found, truth = find_bench(bench), TruthLog(tmp_path, "failover")
    virtual = VirtualSettings(defects=("serves-sip-anyway",) if anyway else ())
    changed = replace(found, inventory=found.inventory.model_copy(update={"virtual": virtual}))
    around = Surroundings(changed, Role.FAILOVER, ScaledClock(60), truth)
    bindings = Bindings(lambda: None)
    assert (around.registrar(Nobody(), bindings) is not None) is sip
    assert (around.gatekeeper(Nobody(), bindings) is not None) is h323


def test_a_defect_is_played_by_its_own_unit_alone(tmp_path: Path) -> None:
    found = find_bench("virtual")
    virtual = VirtualSettings(defects=("one-number-for-all", "early-admission"))
    changed = replace(found, inventory=found.inventory.model_copy(update={"virtual": virtual}))
    home, failover = (
        Surroundings(changed, role, ScaledClock(60), TruthLog(tmp_path, str(role))).conduct for role in Role
    )
    assert (home.numbers_apart, failover.numbers_apart) == (False, True)
    assert (home.opens_after, failover.opens_after) == (180, 150)
