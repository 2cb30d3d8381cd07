"""The door: nothing is changed before the journal says so on disk; what is open is undone in order, again and again."""

import ast
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

import pytest
from pydantic import SecretStr

from harness.base.errors import ConfigurationFault, LabFault
from harness.base.stimulus import LICENCES_USED, Guise
from harness.base.transcripts import Transcripts
from harness.base.units import EpochSeconds
from harness.drivers.answers import Answer, ProbeAnswer
from harness.drivers.protocols import Link, PathRef, Power
from harness.inventory import OutletRef, PortRef, Protocol, Role, find_bench
from harness.journal.door import Door
from harness.journal.record import Journal, LabChange

ROOT = Path(__file__).parents[2]
PORT, OUTLET = PortRef(switch="sw-home", port="port1"), OutletRef(pdu="pdu-1", outlet=3)
PATH = PathRef.of("core", "10.77.3.101 - 10.77.1.0/24")
PORT_CHANGE = LabChange("port", "sw-home", "port1", "on")
OUTLET_CHANGE = LabChange("outlet", "pdu-1", "3", "on")
PATH_CHANGE = LabChange("path", "core", PATH.target, "on")
PROBE_CHANGE = LabChange("registration", "home", "sip", "off")
CHANGING = {"shut", "open", "block", "on", "off", "register", "withdraw", "reboot"}
"""The drivers' verbs after which the lab is another."""


@dataclass
class Devices:
    """Devices in memory, which note at each change what the journal on disk says at that moment.

    `broken`: targets that fail, and with what in turn.
    """

    journal: Path
    states: dict[str, str] = field(default_factory=lambda: {"port1": "on", "3": "on", PATH.target: "on"})
    seen: list[tuple[str, str, list[LabChange]]] = field(default_factory=list)
    broken: dict[str, Iterator[Exception]] = field(default_factory=dict)
    answers: Answer = Answer.ACCEPTED
    dropped: bool = False
    printed: str = ""
    strangers: list[bool] = field(default_factory=list)
    passwords: list[SecretStr | None] = field(default_factory=list)

    def switch(self, name: str) -> "Devices":  # noqa: ARG002
        return self

    def pdu(self, name: str) -> "Devices":  # noqa: ARG002
        return self

    def router(self, name: str) -> "Devices":  # noqa: ARG002
        return self

    def probe(self, protocol: Protocol, *, stranger: bool) -> "Devices":  # noqa: ARG002
        self.strangers.append(stranger)
        return self

    def unit(self, role: Role) -> "Devices":  # noqa: ARG002
        return self

    def state(self, target: str | int | PathRef) -> Link:
        return Link(self.states[_named(target)])

    def shut(self, port: str) -> None:
        self._set(port, "off")

    def block(self, path: PathRef) -> None:
        self._set(path.target, "off")

    def open(self, target: str | PathRef) -> None:
        self._set(_named(target), "on")

    def off(self, outlet: int) -> None:
        self._set(str(outlet), "off")

    def on(self, outlet: int) -> None:
        self._set(str(outlet), "on")

    def register(self, role: Role, password_override: SecretStr | None = None) -> ProbeAnswer:
        self.passwords.append(password_override)
        self._note(str(role), "register")
        return ProbeAnswer(self.answers, Protocol.SIP, "391", role, EpochSeconds(0))

    def withdraw(self, role: Role, handle: str = "") -> ProbeAnswer:  # noqa: ARG002
        self._note(str(role), "withdraw")
        return ProbeAnswer(self.answers, Protocol.SIP, "391", role, EpochSeconds(0))

    def run(self, command: str) -> str:
        assert command == "show licences"
        return self.printed

    def reboot(self) -> None:
        self._note("unit", "reboot")

    def close(self) -> None:
        """Nothing is open."""

    def _set(self, target: str, state: str) -> None:
        self._note(target, state)
        self.states[target] = state

    def _note(self, target: str, what: str) -> None:
        self.seen.append((target, what, [change for _, change in Journal(self.journal).open_changes]))
        fault = next(self.broken.get(target, iter(())), None)
        if fault is not None:
            raise fault


def _named(target: str | int | PathRef) -> str:
    return target.target if isinstance(target, PathRef) else str(target)


@dataclass
class Rig:
    """A door to devices in memory."""

    journal: Journal
    devices: Devices
    door: Door


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return another(tmp_path, Devices(tmp_path / "journal"))


def another(folder: Path, devices: Devices) -> Rig:
    """As a second run finds the same lab."""
    journal = Journal(folder / "journal")
    door = Door(find_bench("virtual"), journal, Transcripts(None), "a test")
    door._devices = devices  # type: ignore[assignment]
    return Rig(journal, devices, door)


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (lambda door: door.set_port(PORT, Link.OFF, "cut"), PORT_CHANGE),
        (lambda door: door.set_path(PATH, Link.OFF, "block", "phone"), PATH_CHANGE),
        (lambda door: door.set_outlet(OUTLET, Power.OFF, "power_off", "phone"), OUTLET_CHANGE),
        (lambda door: door.register(Protocol.SIP, Role.HOME), PROBE_CHANGE),
    ],
    ids=["port", "path", "outlet", "registration"],
)
def test_a_change_is_on_disk_before_the_device_is_told(
    rig: Rig, make: Callable[[Door], object], change: LabChange
) -> None:
    make(rig.door)
    ((_, _, open_then),) = rig.devices.seen
    assert open_then == [change]
    assert [found for _, found in Journal(rig.journal.path).open_changes] == [change]


@pytest.mark.parametrize("answer", [answer for answer in Answer if answer is not Answer.ACCEPTED])
def test_a_registration_that_may_have_been_let_in_stays_open(rig: Rig, answer: Answer) -> None:
    rig.devices.answers = answer
    rig.door.register(Protocol.SIP, Role.HOME)
    assert bool(rig.journal.open_changes) is (answer is Answer.UNANSWERED)


def test_bringing_back_what_was_settles_the_change(rig: Rig) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.door.set_port(PORT, Link.ON, "restore")
    assert rig.devices.seen[-1][2] == [PORT_CHANGE], "settled before the device was told"
    assert rig.journal.open_changes == []


def test_a_cut_that_is_given_twice_is_undone_once_and_rightly(rig: Rig, tmp_path: Path) -> None:
    """As after a first one that took effect, but could not be read back."""
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.door.set_port(PORT, Link.OFF, "cut")
    assert [change for _, change in rig.journal.open_changes] == [PORT_CHANGE]
    rig.door.set_port(PORT, Link.ON, "restore")
    assert rig.journal.open_changes == []
    assert another(tmp_path, rig.devices).door.put_back(1, lambda _: None).restored == ()
    assert rig.devices.states["port1"] == "on"


def test_a_fault_that_nobody_foresaw_keeps_nothing_else_from_being_undone(rig: Rig, tmp_path: Path) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.door.set_outlet(OUTLET, Power.OFF, "power_off", "phone")
    rig.devices.broken["3"] = repeat(ValueError("what is this"))
    found = another(tmp_path, rig.devices).door.put_back(0, lambda _: None)
    assert found.restored == ("sw-home port1 back to on",)
    assert "ValueError: what is this." in found.failures[0]


def test_setting_right_leaves_nothing_open_even_where_it_fails(rig: Rig) -> None:
    rig.devices.broken["port1"] = repeat(LabFault("no answer."))
    with pytest.raises(LabFault):
        rig.door.set_right(PORT, Link.ON)
    assert rig.devices.seen[0][2] == [PORT_CHANGE]
    assert rig.journal.open_changes == []


def test_a_registration_whose_withdrawal_nobody_answered_stays_open(rig: Rig) -> None:
    rig.door.register(Protocol.SIP, Role.HOME)
    rig.devices.answers = Answer.UNANSWERED
    rig.door.withdraw(Protocol.SIP, Role.HOME)
    assert [change.kind for _, change in rig.journal.open_changes] == ["registration"]
    rig.devices.answers = Answer.ACCEPTED
    rig.door.withdraw(Protocol.SIP, Role.HOME)
    assert rig.journal.open_changes == []


def test_the_licences_in_use_are_read_as_the_inventory_says(rig: Rig) -> None:
    rig.devices.printed = "licences: 20\nused: 07"
    before = time.time()
    found = rig.door.licences_used(Role.FAILOVER)
    assert (found.verb, found.target, found.note) == (LICENCES_USED, "failover", "7")
    assert before <= found.not_before <= found.not_after <= time.time()
    rig.devices.printed = "used: many"
    with pytest.raises(ConfigurationFault, match="shows no number"):
        rig.door.licences_used(Role.FAILOVER)
    with pytest.raises(ConfigurationFault, match="does not say how"):
        rig.door.licences_used(Role.HOME)


@pytest.mark.parametrize("guise", Guise)
def test_whoever_the_probe_was_let_in_as_is_taken_back(rig: Rig, tmp_path: Path, guise: Guise) -> None:
    rig.door.register(Protocol.H323, Role.FAILOVER, guise)
    assert another(tmp_path, rig.devices).door.put_back(1, lambda _: None).clean
    stranger = guise is Guise.STRANGER
    assert rig.devices.strangers == [stranger, stranger]
    assert [password is not None for password in rig.devices.passwords] == [guise is Guise.WRONG_PASSWORD]
    rig.door.register(Protocol.H323, Role.FAILOVER, guise)
    rig.door.withdraw(Protocol.H323, Role.FAILOVER, guise)
    assert rig.journal.open_changes == []


def test_a_port_that_was_shut_before_stays_shut(rig: Rig, tmp_path: Path) -> None:
    rig.devices.states["port1"] = "off"
    rig.door.set_port(PORT, Link.OFF, "cut")
    second = another(tmp_path, rig.devices)
    assert second.door.put_back(1, lambda _: None).restored == ("sw-home port1 back to off",)
    assert rig.devices.states["port1"] == "off"


def test_power_before_ports_before_paths_before_registrations_the_latest_of_each_first(
    rig: Rig, tmp_path: Path
) -> None:
    rig.devices.states["port2"] = "on"
    rig.door.register(Protocol.SIP, Role.HOME)
    rig.door.set_path(PATH, Link.OFF, "block", "phone")
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.door.set_port(PortRef(switch="sw-home", port="port2"), Link.OFF, "cut")
    rig.door.set_outlet(OUTLET, Power.OFF, "power_off", "phone")
    rig.devices.seen.clear()
    assert another(tmp_path, rig.devices).door.put_back(1, lambda _: None).clean
    assert [(target, what) for target, what, _ in rig.devices.seen] == [
        ("3", "on"),
        ("port2", "on"),
        ("port1", "on"),
        (PATH.target, "on"),
        ("home", "withdraw"),
    ]


def test_undoing_twice_does_no_harm(rig: Rig, tmp_path: Path) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    first, second = another(tmp_path, rig.devices), another(tmp_path, rig.devices)
    assert first.door.put_back(1, lambda _: None).clean
    assert second.door.put_back(1, lambda _: None).clean
    assert rig.devices.states["port1"] == "on"
    assert another(tmp_path, rig.devices).journal.open_changes == []


def test_damage_of_the_journal_is_told_once(rig: Rig, tmp_path: Path) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.journal.path.write_bytes(rig.journal.path.read_bytes() + b"00000000 {")
    told: list[str] = []
    second = another(tmp_path, rig.devices)
    assert second.door.put_back(1, told.append).restored == ("sw-home port1 back to on",)
    assert second.door.put_back(1, told.append).restored == ()
    assert told == [
        f"10 bytes of {rig.journal.path} are damaged and were passed over; look at ports and outlets",
        "putting sw-home port1 back to on",
    ]


def test_one_dead_device_costs_the_others_nothing_and_stays_in_the_journal(rig: Rig, tmp_path: Path) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.door.set_outlet(OUTLET, Power.OFF, "power_off", "phone")
    rig.devices.broken["3"] = repeat(LabFault("no answer.", device="pdu-1 outlet 3"))
    began = time.monotonic()
    found = another(tmp_path, rig.devices).door.put_back(1.2, lambda _: None)
    assert 1.2 < time.monotonic() - began < 2.5, "tried until the deadline, and no longer"
    assert sum(target == "3" for target, _, _ in rig.devices.seen) >= 3
    assert found.restored == ("sw-home port1 back to on",)
    assert found.failures == ("pdu-1 3 back to on: pdu-1 outlet 3: no answer.",)
    assert [change for _, change in Journal(rig.journal.path).open_changes] == [OUTLET_CHANGE]


def test_what_comes_back_in_time_is_put_back(rig: Rig, tmp_path: Path) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.devices.broken["port1"] = iter([LabFault("no answer."), LabFault("no answer.")])
    rig.devices.seen.clear()
    assert another(tmp_path, rig.devices).door.put_back(5, lambda _: None).clean
    assert len(rig.devices.seen) == 3


def test_a_refused_login_is_not_tried_again(rig: Rig, tmp_path: Path) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.devices.seen.clear()
    rig.devices.broken["port1"] = repeat(ConfigurationFault("refuses the login.", device="sw-home"))
    assert not another(tmp_path, rig.devices).door.put_back(5, lambda _: None).clean
    assert len(rig.devices.seen) == 1


def test_no_other_code_gives_a_device_an_order() -> None:
    """Who may import what is held by the layers; this holds that nobody is handed a driver and uses it."""
    for path in [*(ROOT / "harness").rglob("*.py"), *(ROOT / "fixtures").rglob("*.py")]:
        if path.parent.name not in ("drivers", "journal"):
            assert not orders(path), path


def orders(path: Path) -> list[str]:
    """The changing verbs that a module calls on something reached through a door or a set of devices."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    found = [ast.unparse(call.func) for call in calls if isinstance(call.func, ast.Attribute)]
    return [
        words
        for words in found
        if words.rpartition(".")[2] in CHANGING
        and any(part in words for part in ("switch(", "router(", "pdu(", "unit(", "probe("))
    ]


def test_a_port_that_stays_shut_is_no_fault_though_its_session_dropped(rig: Rig) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.devices.dropped = True
    rig.door.check()


def test_a_port_that_others_opened_is_found_when_the_switch_left_its_session(rig: Rig) -> None:
    rig.door.set_port(PORT, Link.OFF, "cut")
    rig.devices.states["port1"] = "on"
    rig.door.check()  # its session is kept, so nothing is asked
    rig.devices.dropped = True
    with pytest.raises(LabFault, match=r"sw-home port1: it is on again .* not by this run.*did it reload"):
        rig.door.check()


def test_a_path_that_is_open_again_is_found_when_the_router_left_its_session(rig: Rig) -> None:
    rig.door.set_path(PATH, Link.OFF, "block", "phone")
    rig.devices.dropped = True
    rig.door.check()
    rig.devices.states[PATH.target] = "on"
    with pytest.raises(LabFault, match=r"core 10.77.3.101 - 10.77.1.0/24: it is on again .* not by this run"):
        rig.door.check()


@pytest.mark.parametrize(
    ("cut", "restore", "target"),
    [
        (
            lambda door: door.set_port(PORT, Link.OFF, "cut"),
            lambda door: door.set_port(PORT, Link.ON, "restore"),
            "port1",
        ),
        (
            lambda door: door.set_path(PATH, Link.OFF, "block", "phone"),
            lambda door: door.set_path(PATH, Link.ON, "unblock", "phone"),
            PATH.target,
        ),
        (
            lambda door: door.set_outlet(OUTLET, Power.OFF, "power_off", "phone"),
            lambda door: door.set_outlet(OUTLET, Power.ON, "power_on", "phone"),
            "3",
        ),
    ],
    ids=["port", "path", "outlet"],
)
def test_what_others_put_back_is_told_when_it_is_to_be_restored(
    rig: Rig, cut: Callable[[Door], None], restore: Callable[[Door], None], target: str
) -> None:
    cut(rig.door)
    rig.devices.states[target] = "on"
    with pytest.raises(LabFault, match="is on again in the middle of the outage"):
        restore(rig.door)
    assert rig.journal.open_changes == []
