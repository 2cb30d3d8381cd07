"""The pure parts of the virtual bench's plumbing: what is built, written and answered, without root."""

import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from harness.base.errors import ConfigurationFault
from harness.inventory import Bench, Inventory, VirtualSettings, find_bench
from virtual_bench import control, fabric
from virtual_bench.accounts import Account, hashed, write_accounts
from virtual_bench.mirror import Mirror, mirrors, rules
from virtual_bench.outlet_table import OutletTable, serve
from virtual_bench.process import Program, preparation
from virtual_bench.readiness import SNMP_DISCOVERY, services
from virtual_bench.router import relay
from virtual_bench.secrets import make_secrets, references
from virtual_bench.sshd import SshServer, known_host
from virtual_bench.state import (
    Device,
    Running,
    clear,
    load_effective,
    read_running,
    with_defects,
    with_overrides,
    write_effective,
)

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE = ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    found = find_bench("virtual@test", REPOSITORY / "lab_inventory")
    found.state.mkdir()
    return found


@pytest.fixture
def inventory(bench: Bench) -> Inventory:
    return bench.inventory


class TestFabric:
    def test_every_end_of_a_cable_is_an_interface_of_its_own(self, inventory: Inventory) -> None:
        ends = [(end.network, end.interface) for cable in fabric.cables(inventory) for end in (cable.one, cable.other)]
        assert len(ends) == len(set(ends))

    def test_every_device_has_a_network_and_a_cable(self, inventory: Inventory) -> None:
        cabled = {end.network for cable in fabric.cables(inventory) for end in (cable.one, cable.other)}
        assert cabled == set(fabric.networks(inventory))

    def test_a_phone_is_cabled_to_its_port_with_its_address(self, inventory: Inventory) -> None:
        cable = next(cable for cable in fabric.cables(inventory) if cable.other.network == "phone-J179")
        assert (cable.one.network, cable.one.interface) == ("sw-phones", "port1")
        assert cable.other.mac == "02:77:00:00:03:01"
        line = fabric.cable_commands(cable, {"sw-phones": "/a", "phone-J179": "/b"})
        assert line == ("link add port1 netns /a type veth peer name eth0 address 02:77:00:00:03:01 netns /b")

    def test_a_unit_has_its_address_and_a_phone_has_none(self, inventory: Inventory) -> None:
        unit = fabric.network_commands(inventory, "failover")
        assert "address add 10.77.2.10/24 dev eth0" in unit
        assert "route add default via 10.77.2.1" in unit
        assert not any("address add" in line for line in fabric.network_commands(inventory, "phone-1608"))

    def test_a_port_that_is_to_be_off_stays_down(self, bench: Bench) -> None:
        changed = with_overrides(bench, {"switches.sw-phones.ports.port2.state": "off"}).inventory
        commands = fabric.network_commands(changed, "sw-phones")
        assert "link set port2 down" in commands
        assert "link set port1 up" in commands

    def test_the_router_has_a_leg_in_each_site(self, inventory: Inventory) -> None:
        addresses = {line.split()[2] for line in fabric.network_commands(inventory, "core") if "address add" in line}
        assert addresses == {"10.77.1.1/24", "10.77.2.1/24", "10.77.3.1/24", "10.77.4.1/24", "10.77.99.10/24"}

    def test_a_terminal_server_is_where_the_consoles_say(self, inventory: Inventory) -> None:
        assert fabric.terminal_servers(inventory) == {"terminal-server": "10.77.99.31"}

    def test_a_name_too_long_for_an_interface_is_refused(self, bench: Bench) -> None:
        changed = with_overrides(bench, {"captures.home.interface": "capture-of-the-home-port"})
        with pytest.raises(ConfigurationFault, match="too long for an interface"):
            fabric.check(changed.inventory)

    def test_a_router_that_no_virtual_bench_has_is_refused(self, bench: Bench) -> None:
        data = bench.inventory.model_dump(mode="json", exclude_none=True)
        data["routers"]["edge"] = data["routers"]["core"]
        with pytest.raises(ConfigurationFault, match=r"edge: a virtual bench has one router"):
            fabric.check(Inventory.model_validate(data))

    def test_an_outlet_for_something_without_a_plug_is_refused(self, bench: Bench) -> None:
        changed = with_overrides(bench, {"pdus.pdu-1.outlets.8": "kettle"})
        with pytest.raises(ConfigurationFault, match="no device 'kettle'"):
            fabric.check(changed.inventory)


class TestMirror:
    def test_each_capture_point_is_one(self, inventory: Inventory) -> None:
        phones = next(mirror for mirror in mirrors(inventory) if mirror.interface == "cap-phones")
        assert phones.switch == "sw-phones"
        assert phones.ports == ("port1", "port2", "port3", "port4", "port5")
        assert phones.others == ("uplink",)

    def test_with_one_port_every_frame_of_it_is_copied(self) -> None:
        text = rules(Mirror("sw", ("port1",), ("uplink",), "mirror0", "cap"), 0)
        assert re.findall(r"hook (\w+) device \"(\w+)\"", text) == [("ingress", "port1"), ("egress", "port1")]

    def test_with_several_ports_a_broadcast_is_copied_where_it_enters(self) -> None:
        text = rules(Mirror("sw", ("port1", "port2"), ("uplink",), "mirror1", "cap"), 1)
        entering = next(line for line in text.splitlines() if 'ingress device "uplink"' in line)
        assert "broadcast, multicast" in entering
        assert "0x2" in entering

    def test_a_capture_point_of_two_switches_is_refused(self, bench: Bench) -> None:
        data = bench.inventory.model_dump(mode="json", exclude_none=True)
        data["captures"]["home"]["sees"] = ["home", "failover"]
        with pytest.raises(ConfigurationFault, match="one switch"):
            mirrors(Inventory.model_validate(data))


class TestState:
    def test_the_effective_inventory_comes_back_as_it_was(self, bench: Bench) -> None:
        changed = with_defects(with_overrides(bench, {"virtual.failback": "pushed"}), ["early-admission"])
        write_effective(changed)
        loaded = load_effective(bench.state)
        assert loaded.inventory == changed.inventory
        assert loaded.name == "virtual@test"
        assert loaded.inventory.virtual is not None
        assert loaded.inventory.virtual.failback == "pushed"
        assert loaded.inventory.virtual.defects == ("early-admission",)

    @pytest.mark.parametrize(
        "key", ["virtual.nonsense", "settings.time_scale", "bench.deeper", "phones.phone-1140E.model"]
    )
    def test_an_override_that_does_not_fit_is_refused_by_its_key(self, bench: Bench, key: str) -> None:
        with pytest.raises(ConfigurationFault, match=re.escape(key)):
            with_overrides(bench, {key: "nonsense"})

    def test_what_the_supervisor_wrote_is_read(self, tmp_path: Path) -> None:
        written = Running(7, 1.5, ("x",), {"core": Device("router", "/proc/7/fd/9", 8, True)})
        written.write(tmp_path)
        assert read_running(tmp_path) == written

    def test_no_bench_is_none(self, tmp_path: Path) -> None:
        assert read_running(tmp_path) is None

    def test_clearing_leaves_what_others_keep_there(self, bench: Bench) -> None:
        write_effective(bench)
        (bench.state / "journal").mkdir()
        clear(bench.state)
        assert [path.name for path in bench.state.iterdir()] == ["journal"]


class TestSecrets:
    def test_each_one_mentioned_is_made_for_its_owner_alone(self, bench: Bench) -> None:
        make_secrets(bench.state, bench.inventory)
        files = {ref.file for ref in references(bench.inventory)}
        assert set((bench.state / "secrets").iterdir()) == files
        assert {stat.S_IMODE(path.stat().st_mode) for path in files if path} == {0o600}
        assert stat.S_IMODE((bench.state / "secrets").stat().st_mode) == 0o700

    def test_they_are_new_each_time(self, bench: Bench) -> None:
        values = []
        for _ in range(2):
            make_secrets(bench.state, bench.inventory)
            values.append((bench.state / "secrets" / "home").read_text())
        assert values[0] != values[1]

    def test_a_secret_kept_elsewhere_is_left_alone(self, bench: Bench, tmp_path: Path) -> None:
        changed = with_overrides(bench, {"phones.phone-1608.password.file": str(tmp_path / "mine")})
        make_secrets(bench.state, changed.inventory)
        assert not (tmp_path / "mine").exists()


class TestAccounts:
    def test_the_account_replaces_one_of_the_same_name(self, tmp_path: Path) -> None:
        (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\nlab:x:5:5::/home/lab:/bin/sh\n")
        laid = write_accounts(tmp_path / "out", Account("lab", "secret"), host=tmp_path)
        assert set(laid.values()) == {"/etc/passwd", "/etc/shadow"}
        lines = (tmp_path / "out" / "passwd").read_text().splitlines()
        assert [line for line in lines if line.startswith("lab:")] == ["lab:x:0:0:lab:/run:/bin/sh"]

    def test_only_the_account_has_a_password(self, tmp_path: Path) -> None:
        (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
        write_accounts(tmp_path / "out", Account("lab", "secret"), host=tmp_path)
        shadow = dict(line.split(":")[:2] for line in (tmp_path / "out" / "shadow").read_text().splitlines())
        assert shadow["root"] == "*"
        assert shadow["lab"].startswith("$6$")
        assert stat.S_IMODE((tmp_path / "out" / "shadow").stat().st_mode) == 0o600

    def test_two_hashes_of_one_password_differ(self) -> None:
        assert hashed("secret") != hashed("secret")


class TestOutletTable:
    def answers(self, *lines: str) -> tuple[list[str], list[tuple[int, int]]]:
        state, asked = {1: 1, 4: 2}, []

        def exchange(outlet: int, command: int) -> int:
            asked.append((outlet, command))
            state[outlet] = command or state[outlet]
            return state[outlet]

        return list(serve(OutletTable(TABLE, [4, 1], exchange), iter(lines))), asked

    def test_it_is_alive(self) -> None:
        assert self.answers("PING")[0] == ["PONG"]

    def test_an_outlet_is_read(self) -> None:
        assert self.answers("get", f"{TABLE}.4")[0] == [f"{TABLE}.4", "integer", "2"]

    def test_an_outlet_that_is_not_there_is_none(self) -> None:
        assert self.answers("get", f"{TABLE}.2")[0] == ["NONE"]

    def test_a_walk_visits_all_and_ends(self) -> None:
        assert self.answers("getnext", TABLE)[0][0] == f"{TABLE}.1"
        assert self.answers("getnext", f"{TABLE}.1")[0][0] == f"{TABLE}.4"
        assert self.answers("getnext", f"{TABLE}.4")[0] == ["NONE"]

    @pytest.mark.parametrize("command", [1, 2, 3])
    def test_a_command_is_passed_on(self, command: int) -> None:
        assert self.answers("set", f"{TABLE}.4", f"integer {command}") == (["DONE"], [(4, command)])

    @pytest.mark.parametrize(
        ("oid", "value", "refusal"),
        [
            (f"{TABLE}.2", "integer 1", "not-writable"),
            (f"{TABLE}.1", "string 1", "wrong-type"),
            (f"{TABLE}.1", "integer 9", "wrong-value"),
            (f"{TABLE}.1", "integer", "wrong-value"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, oid: str, value: str, refusal: str) -> None:
        assert self.answers("set", oid, value) == ([refusal], [])


class TestPrograms:
    def test_surroundings_end_in_the_program(self, tmp_path: Path) -> None:
        script = preparation(Program(("true",), {tmp_path / "a b": "/etc/passwd"}, ("touch /run/x",)), "sw-home")
        lines = script.splitlines()
        assert lines[0] == "hostname sw-home"
        assert lines[-1] == 'exec "$@"'
        assert f"mount --bind '{tmp_path}/a b'" in script

    def test_the_relay_asks_both_systems(self, inventory: Inventory) -> None:
        relays = [part for part in relay(inventory) if part.startswith("--dhcp-relay")]
        assert relays == ["--dhcp-relay=10.77.3.1,10.77.1.10", "--dhcp-relay=10.77.3.1,10.77.2.10"]

    def test_a_relay_that_is_off_asks_nobody(self, inventory: Inventory) -> None:
        silent = inventory.model_copy(update={"virtual": VirtualSettings(dhcp_relay="off")})
        assert not any("relay" in part for part in relay(silent))

    def test_an_ssh_server_runs_its_command_and_nothing_else(self, tmp_path: Path) -> None:
        arguments = SshServer(tmp_path, "sw-home", "10.0.0.1", "lab", "exec /usr/bin/vtysh").arguments()
        assert "ForceCommand exec /usr/bin/vtysh" in arguments
        assert "AllowUsers lab" in arguments
        assert f"HostKey {tmp_path}/keys/sw-home.ed25519" in arguments

    def test_known_hosts_names_an_uncommon_port(self) -> None:
        assert known_host("10.0.0.1", 22) == "10.0.0.1"
        assert known_host("10.0.0.1", 2022) == "[10.0.0.1]:2022"

    def test_every_device_that_serves_is_waited_for(self, bench: Bench) -> None:
        assert {service.device for service in services(bench)} == {
            "sw-home", "sw-failover", "sw-phones", "core", "pdu-1", "terminal-server", "home", "failover",
        }  # fmt: skip

    def test_the_discovery_is_one_ber_sequence(self) -> None:
        assert SNMP_DISCOVERY[1] == len(SNMP_DISCOVERY) - 2


class TestControl:
    def test_a_socket_in_a_deep_folder_works(self, tmp_path: Path) -> None:
        deep = tmp_path / ("x" * 100) / ("y" * 100)
        deep.mkdir(parents=True)
        with control.listen(deep):
            assert control.supervisor_of(deep) == os.getpid()

    def test_a_socket_that_nobody_listens_at_is_no_supervisor(self, tmp_path: Path) -> None:
        control.listen(tmp_path).close()
        assert control.supervisor_of(tmp_path) is None
        assert control.supervisor_of(tmp_path / "nowhere") is None

    def test_a_bench_of_another_state_is_not_up(self, bench: Bench, tmp_path: Path) -> None:
        from virtual_bench.kind import VirtualBench

        assert not VirtualBench().is_up(replace(bench, state=tmp_path / "other"))
