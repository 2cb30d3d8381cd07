"""Sanity: what is found at a bench, what is done about it, and what becomes of a night on a bench that is not fit."""

import math
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from fixtures.night import Night, left_changed
from harness.base.errors import ConfigurationFault, HarnessFault, LabFault
from harness.capture.mirrors import sought_at
from harness.drivers.protocols import Link, PathRef, Power
from harness.episodes.manifest import Finding, PutBack
from harness.episodes.sanity import Sanity, stray, unfit
from harness.episodes.watching import Quiet
from harness.inventory import Bench, Inventory, OutletRef, PortRef, Role, find_bench

WHOLE = find_bench("virtual").inventory
INVENTORY = WHOLE.model_copy(update={"captures": {}})
"""Without capture points, as there is no capture here."""


@dataclass
class Door:
    """Devices in memory, all as they are to be but for `states` ("DEVICE TARGET"); `dead` and `stuck` ones by name.

    `dies_with`: what is dead once something was set right; `boots_in`: real seconds after which nothing is dead.
    """

    states: dict[str, str] = field(default_factory=dict)
    dead: dict[str, Exception] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    slow: float = 0.0
    skew: tuple[float, float] = (0.0, 0.0)
    dies_with: dict[str, Exception] = field(default_factory=dict)
    boots_in: float = math.inf
    began: float = field(default_factory=time.monotonic)

    def port(self, ref: PortRef) -> Link:
        self._need(ref.switch)
        return Link(self.states.get(f"{ref.switch} {ref.port}", "on"))

    def blocked(self, router: str) -> tuple[PathRef, ...]:
        self._need(router)
        of_router = (name.removeprefix(f"{router} ") for name, state in self.states.items() if state == "off")
        return tuple(PathRef.of(router, target) for target in of_router if " - " in target)

    def outlet(self, ref: OutletRef) -> Power:
        self._need(ref.pdu)
        return Power(self.states.get(f"{ref.pdu} {ref.outlet}", "on"))

    def greet(self, role: Role, by: str) -> None:
        self._need(f"{role} {by}")

    def skew_of(self, point: str) -> tuple[float, float]:  # noqa: ARG002
        return self.skew

    def set_right(self, ref: PortRef | PathRef | OutletRef, wanted: Link | Power) -> None:
        if isinstance(ref, PathRef):
            name = str(ref)
        else:
            name = f"{ref.switch} {ref.port}" if isinstance(ref, PortRef) else f"{ref.pdu} {ref.outlet}"
        self.dead |= self.dies_with
        if name in self.stuck:
            raise LabFault("it does not do so.", device=name)
        self.states[name] = wanted.value

    def _need(self, device: str) -> None:
        time.sleep(self.slow)
        if device in self.dead and time.monotonic() - self.began < self.boots_in:
            raise self.dead[device]


class Recorder:
    """No capture runs, so no packet is looked for."""

    def runs(self, point: str) -> bool:  # noqa: ARG002
        return False


def sanity(door: Door, folder: Path, inventory: Inventory = INVENTORY, said: list[str] | None = None) -> Sanity:
    tell = (said if said is not None else []).append
    return Sanity(inventory, door, Recorder(), folder, tell)  # type: ignore[arg-type]


def with_settings(**changed: object) -> Inventory:
    return INVENTORY.model_copy(update={"settings": INVENTORY.settings.model_copy(update=changed)})


def test_nothing_is_found_where_all_is_well(tmp_path: Path) -> None:
    assert sanity(Door(), tmp_path).after() == []


@pytest.mark.parametrize("thing", ["sw-phones port3", "core 10.77.3.101 - 10.77.1.0/24", "pdu-1 4"])
def test_what_is_off_is_set_right_once(thing: str, tmp_path: Path) -> None:
    said: list[str] = []
    door = Door({thing: "off"})
    (finding,) = sanity(door, tmp_path, said=said).after()
    assert door.states[thing] == "on"
    assert (finding.mended, finding.blame) == (True, "lab")
    assert unfit([finding]) is None
    assert said[-1].endswith("is set to on: mended)")


def test_what_stays_off_makes_the_bench_unfit(tmp_path: Path) -> None:
    findings = sanity(Door({"sw-phones port3": "off"}, stuck={"sw-phones port3"}), tmp_path).before(lambda: None)
    fault = unfit(findings, left_by="home_lost")
    assert isinstance(fault, LabFault)
    assert str(fault).startswith("sw-phones port3: it is off, and the inventory says on. It was left so by home_lost.")


def test_what_cannot_be_told_is_not_set_blindly(tmp_path: Path) -> None:
    door = Door({"sw-phones port3": "unknown"})
    (finding,) = sanity(door, tmp_path).after()
    assert (finding.remedy, finding.mended) == ("", False)
    assert door.states["sw-phones port3"] == "unknown"


def test_what_breaks_while_something_is_set_right_is_found_too(tmp_path: Path) -> None:
    dead: dict[str, Exception] = {"sw-phones": LabFault("no answer.", device="sw-phones")}
    findings = sanity(Door({"sw-phones port3": "off"}, dies_with=dead), tmp_path).after()
    assert [(finding.device, finding.mended) for finding in findings] == [
        ("sw-phones port3", True),
        ("sw-phones", False),
    ]
    assert unfit(findings) is not None


def test_what_is_told_in_other_words_is_not_mended(tmp_path: Path) -> None:
    """Only what something was done about can be."""
    door = Door({"sw-phones port3": "off"}, dead={"pdu-1": LabFault("no answer.", device="pdu-1")})
    door.dies_with = {"pdu-1": LabFault("connection refused.", device="pdu-1")}
    found = {finding.device: finding.mended for finding in sanity(door, tmp_path).after()}
    assert found == {"sw-phones port3": True, "pdu-1": False}


def test_a_unit_that_boots_is_given_the_time(tmp_path: Path) -> None:
    door = Door(dead={"home ssh": LabFault("no answer.", device="home")}, boots_in=1.5)
    (finding,) = sanity(door, tmp_path).before(lambda: None)
    assert (finding.mended, finding.remedy) == (True, "given time to boot")


def test_a_unit_that_does_not_boot_in_its_time_is_dead(tmp_path: Path) -> None:
    began = time.monotonic()
    door = Door(dead={"home ssh": LabFault("no answer.", device="home")})
    findings = sanity(door, tmp_path).before(lambda: None)
    boot = INVENTORY.settings.scale.to_real(max(system.boot_time for system in INVENTORY.systems.values()))
    assert boot <= time.monotonic() - began < boot + 3
    assert isinstance(unfit(findings), LabFault)


def test_a_refused_login_is_not_tried_again(tmp_path: Path) -> None:
    asked: list[str] = []

    class Counting(Door):
        def greet(self, role: Role, by: str) -> None:
            asked.append(f"{role} {by}")
            super().greet(role, by)

    door = Counting(dead={"home ssh": ConfigurationFault("refuses the login.", device="home")})
    assert isinstance(unfit(sanity(door, tmp_path).before(lambda: None)), ConfigurationFault)
    assert asked.count("home ssh") == 1


def test_a_capture_that_does_not_start_anew_makes_the_bench_unfit(tmp_path: Path) -> None:
    def fails() -> None:
        raise LabFault("dumpcap does not start.")

    findings = sanity(Door(), tmp_path, WHOLE).before(fails)
    assert {finding.mended for finding in findings} == {False}
    assert {finding.device for finding in findings} == {
        f"capture point {name} ({point.interface})" for name, point in WHOLE.captures.items()
    }


def test_every_dead_device_is_found_in_the_time_of_one(tmp_path: Path) -> None:
    names = ["sw-home", "sw-failover", "pdu-1", "home ssh", "failover console"]
    door = Door(dead={name: LabFault("no answer.", device=name) for name in names}, slow=0.3)
    began = time.monotonic()
    findings = sanity(door, tmp_path).after()
    assert {finding.device for finding in findings} == set(names)
    # Five outlets or ports a device are read one after another, the devices at once.
    assert time.monotonic() - began < 6 * 0.3 + 1
    fault = unfit(findings)
    assert fault is not None
    assert "(And 4 more: " in fault.message


def test_a_wrong_password_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    door = Door(dead={"home ssh": ConfigurationFault("refuses the login.", device="home")})
    assert isinstance(unfit(sanity(door, tmp_path).after()), ConfigurationFault)


def test_a_disk_without_room_for_the_night(tmp_path: Path) -> None:
    (finding,) = sanity(Door(), tmp_path, with_settings(room_mib=1 << 40)).after()
    assert "and a night may need 1099511627776" in finding.message
    assert finding.blame == "harness"


@pytest.mark.parametrize(("skew", "found"), [((-0.1, 0.1), 0), ((1.9, 2.2), 0), ((2.1, 2.3), 1), ((-9.0, -8.9), 1)])
def test_a_clock_that_surely_differs_is_found_before_the_night(
    skew: tuple[float, float], found: int, tmp_path: Path
) -> None:
    point = WHOLE.captures["home"].model_copy(update={"sensor": object(), "sees": ()})
    inventory = WHOLE.model_copy(update={"captures": {"home": point}})
    findings = sanity(Door(skew=skew), tmp_path, inventory).before(lambda: None)
    assert len(findings) == found
    assert all("its clock differs from the harness's by" in finding.message for finding in findings)


def test_where_a_packet_is_looked_for() -> None:
    home, failover, phones = sought_at(WHOLE)
    assert (home.address, failover.address) == (IPv4Address("10.77.1.10"), IPv4Address("10.77.2.10"))
    assert phones.address in INVENTORY.sites["phones"].subnet
    scope = INVENTORY.dhcp_scopes["phones"]
    assert not scope.low <= phones.address <= scope.high
    request = bytes.fromhex("0806000108000604000102770000000a0a4d0301000000000000") + phones.address.packed
    assert phones.pattern.search(b"tagged" + request + b"padding")
    assert not phones.pattern.search(request[:-4] + IPv4Address("10.77.3.100").packed)
    assert home.pattern.search(b"head" + home.payload + b"tail")
    assert home.payload != sought_at(WHOLE)[0].payload
    assert {each.payload[0] >> 6 for _ in range(50) for each in sought_at(WHOLE)[:2]} <= {0, 1}, "RTP begins with 2"


def test_a_packet_that_was_seen_before_is_not_seen_again(tmp_path: Path) -> None:
    home, *_ = sought_at(WHOLE)
    file = tmp_path / "home_00001.pcapng"
    file.write_bytes(home.payload)
    home.begin([file])
    assert not home._found([file])
    file.write_bytes(file.read_bytes() + home.payload)
    assert home._found([file])


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night((find_bench("virtual"),), tmp_path, Quiet(), 0.0)


def port_found(when: str, *, mended: bool = False) -> Finding:
    return Finding.model_validate(
        {"when": when, "blame": "lab", "device": "sw-phones port3", "message": "it is off.", "mended": mended}
    )


def test_a_bench_that_was_unfit_is_used_no_more(night: Night) -> None:
    bench = night._take()
    night.findings["home_lost"] = (port_found("before"),)
    with pytest.raises(LabFault, match="it is off"):
        night._look_at(bench, "home_lost")
    night._give(bench)
    for _ in range(2):
        with pytest.raises(LabFault, match="it is off"):
            night._take()


def test_a_fault_that_blocks_many_tests_is_reported_as_shortly_for_the_last_as_for_the_first(night: Night) -> None:
    night._stopping.set()
    ways = []
    for _ in range(3):
        with pytest.raises(HarnessFault, match="was stopped") as raised:
            night.recording("home_lost")
        ways.append(len(raised.traceback))
    assert ways[0] == ways[1] == ways[2]


def test_a_bench_that_was_put_right_is_used_on(night: Night) -> None:
    bench = night._take()
    night.findings["home_lost"] = (port_found("before", mended=True), stray("phone-J179", "after"))
    night._look_at(bench, "home_lost")
    night._give(bench)
    assert night._take() == bench


def test_of_two_benches_the_other_goes_on(tmp_path: Path) -> None:
    benches: tuple[Bench, ...] = (find_bench("virtual"), find_bench("virtual@2"))
    night = Night(benches, tmp_path, Quiet(), 0.0)
    first = night._take()
    night.findings["home_lost"] = (port_found("before"),)
    with pytest.raises(LabFault, match="it is off"):
        night._look_at(first, "home_lost")
    night._give(first)
    second = night._take()
    assert second.name == "virtual@2"
    night._give(second)
    assert night._take() == second


def test_the_episode_that_left_it_so_is_named(night: Night) -> None:
    bench = night._take()
    night.findings["home_lost"] = (port_found("after"),)
    night._look_at(bench, "home_lost")
    night.put_back["home_lost"] = PutBack(clean=True)
    assert left_changed(night) == ["home_lost: sw-phones port3: it is off."]
    night.findings["phone_repowered"] = (port_found("before"),)
    with pytest.raises(LabFault, match="It was left so by home_lost"):
        night._look_at(bench, "phone_repowered")
