"""Inventory files: what is refused, and how it is said."""

import json
from pathlib import Path

import pytest

from harness.base.errors import ConfigurationFault
from harness.inventory import Inventory, Role, catalogue, find_bench, load_inventory

FOLDER = Path(__file__).parents[2] / "lab_inventory"


def variant(tmp_path: Path, text: str) -> Path:
    """A file that extends the virtual bench."""
    path = tmp_path / "variant.yaml"
    path.write_text(f"extends: {FOLDER / 'virtual.yaml'}\nbench: variant\n{text}")
    return path


def fault_of(path: Path, tmp_path: Path) -> str:
    with pytest.raises(ConfigurationFault) as caught:
        load_inventory(path, tmp_path)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_committed_inventory_is_without_fault(path: Path, tmp_path: Path) -> None:
    assert load_inventory(path, tmp_path).phones


def test_a_file_extends_another(tmp_path: Path) -> None:
    path = variant(tmp_path, "settings: {time_scale: 10}\nphones: {phone-1608: null}\n"
                   "switches: {sw-phones: {ports: {port4: null}}}\npdus: {pdu-1: {outlets: {6: null}}}\n"
                   "captures: {phones: {sees: [phone-J179]}}\n")  # fmt: skip
    inventory = load_inventory(path, tmp_path)
    assert inventory.settings.time_scale == 10
    assert inventory.settings.disruptive == "allowed"
    assert "phone-1608" not in inventory.phones
    assert "phone-9641" in inventory.phones


def test_state_stands_for_the_benchs_own_folder(tmp_path: Path) -> None:
    inventory = load_inventory(FOLDER / "virtual.yaml", tmp_path)
    ssh = inventory.systems[Role.HOME].ssh
    assert ssh is not None
    assert ssh.password.file == tmp_path / "secrets" / "home"


def test_faults_name_file_line_field_and_what_was_expected(tmp_path: Path) -> None:
    path = variant(tmp_path, "settings:\n  time_scale: fast\n")
    assert f"{path}:4: settings.time_scale: Input should be a valid number" in fault_of(path, tmp_path)


def test_a_fault_in_what_is_extended_is_named_there(tmp_path: Path) -> None:
    parent = tmp_path / "parent.yaml"
    parent.write_text((FOLDER / "virtual.yaml").read_text().replace('extension: "302"', 'extension: "301"'))
    path = tmp_path / "child.yaml"
    path.write_text("extends: parent.yaml\nbench: child\n")
    line = (FOLDER / "virtual.yaml").read_text().splitlines().index('    extension: "302"') + 1
    assert (
        f"{parent}:{line}: phones.phone-1140E.extension: this extension is already that of phones.phone-J179"
        in fault_of(path, tmp_path)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("switches: {sw-home: {dialect: pdp11}}", "unknown dialect 'pdp11'; expected one of cisco_ios"),
        ("routers: {core: {dialect: pdp11}}", "unknown dialect 'pdp11'; expected one of linux_nftables"),
        ("sites: {phones: {router: edge}}", "sites.phones.router: unknown router 'edge'; expected one of core"),
        ("phones: {phone-1608: {model: J999}}", "unknown model 'J999'"),
        ("phones: {phone-9641: {model: J999}}", "unknown model 'J999'"),
        ("phones: {phone-1608: {port: {port: port3}}}", "port 'port3' of 'sw-phones' connects 'phone-9641'"),
        ("phones: {phone-1608: {outlet: {outlet: 5}}}", "outlet 5 of 'pdu-1' is for 'phone-9641'"),
        (
            "phones: {phone-1608: {mac: '02:77:00:00:03:03'}}",
            "this MAC address is already that of phones.phone-9641",
        ),
        ("phones: {phone-1608: {extension: '391'}}", "this extension is already that of phones.phone-1608"),
        ("phones: {phone-1608: {extension: '397'}}", "this extension is already that of phones.phone-1608"),
        ("phones: {phone-1608: {handsets: ['350']}}", "phones.phone-1608.handsets: a 1608 is no base of handsets"),
        (
            "phones: {phone-1608: {model: DECT-R4, handsets: ['350', '301']}}",
            "phones.phone-1608.handsets.1: this extension is already that of phones.phone-J179",
        ),
        (
            "phones: {phone-1608: {model: DECT-R4, handsets: ['350', '350']}}",
            "phones.phone-1608.handsets.1: this extension is already that of phones.phone-1608.handsets",
        ),
        ("phones: {phone-1608: {colour: red}}", "phones.phone-1608.colour: there is no such field"),
        ("systems: {home: {console: con-x}}", "unknown console 'con-x'"),
        ("systems: {failover: {ssh: null}}", "licences are counted by SSH; expected 'ssh' for this system, too"),
        ("systems: {failover: {licence_count: {used: '('}}}", "licence_count.used: no regular expression"),
        ("systems: {failover: {licence_count: {used: used}}}", "with 0 groups; expected one, the number"),
        ("phones: {phone-1608: {transport: wss}}", "model '1608' has another one; expected 'udp', 'tcp' or 'tls'"),
        ("phones: {phone-1608: {model: WebRTC}}", "model 'WebRTC' has another one; expected 'wss'"),
        ("phones: {phone-1608: {model: WebRTC, transport: wss}}", "the home system states no portal; expected"),
        ("failover_phones: {phone-own: {model: WebRTC, transport: wss}}", "the failover system states no portal"),
        ("probes: {sip: {like: phone-1608}}", "'phone-1608' does not speak sip"),
        ("captures: {home: null}", "no capture point sees the home system's port"),
        (
            "captures: {home: {netns: x, sensor: {address: 192.0.2.1, login: {user: a, password: {env: A}}}}}",
            "captures.home.netns: a namespace of another machine; expected 'netns' or 'sensor'",
        ),
        ("line: null", "line: this field is missing"),
        ("phones: {phone-9641: {ip: 6}}", "phones.phone-9641.ip: only SIP phones register by IPv6; expected 4"),
        (
            "phones: {phone-J179: {model: WebRTC, transport: wss, ip: 6}}\nsystems: {home: {portal: {}}}",
            "phones.phone-J179.ip: a portal is asked by IPv4; expected 4",
        ),
        ("phones: {phone-J179: {ip: 6}}", "site 'phones' has no IPv6; expected 'ipv6' there, or 4 here"),
        (
            "sites: {phones: {ipv6: {subnet: 'fd77:3::/64', gateway: 'fd77:3::1'}}}\nphones: {phone-J179: {ip: 6}}",
            "phones.phone-J179.ip: the home system serves no phones by IPv6; expected its 'ipv6', or 4 here",
        ),
        (
            "systems: {home: {ipv6: {address: 'fd77:1::10'}}}",
            "systems.home.ipv6.address: site 'home' has no IPv6; expected 'ipv6' there, too",
        ),
        (
            "sites: {home: {ipv6: {subnet: 'fd77:1::/64', gateway: 'fd77:1::1'}}}\n"
            "systems: {home: {ipv6: {address: 'fd77:2::10'}}}",
            "systems.home.ipv6.address: not in the network of site 'home'; expected one of fd77:1::/64",
        ),
        (
            "sites: {home: {ipv6: {subnet: 'fd77::/16', gateway: 'fd77:1::1'}},"
            " failover: {ipv6: {subnet: 'fd77::/16', gateway: 'fd77:2::1'}}}\n"
            "systems: {home: {ipv6: {address: 'fd77:1::10'}}, failover: {ipv6: {address: 'fd77:1::10'}}}",
            "systems.failover.ipv6.address: this address is already that of systems.home.ipv6",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in fault_of(variant(tmp_path, text), tmp_path)


def test_a_secret_in_clear_text_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = variant(tmp_path, "phones: {phone-1608: {password: hunter2}}")
    said = fault_of(path, tmp_path)
    assert "phones.phone-1608.password: a secret in clear text is refused" in said
    assert "hunter2" not in said


def test_text_that_is_not_yaml(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("bench: [x\nphones: {")
    assert "this is not YAML" in fault_of(path, tmp_path)


def test_a_file_that_extends_itself(tmp_path: Path) -> None:
    path = tmp_path / "loop.yaml"
    path.write_text("extends: loop.yaml\n")
    assert "extends itself" in fault_of(path, tmp_path)


def test_an_unknown_bench_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationFault, match=r"there is no bench 'mars'.*virtual"):
        find_bench("mars")


def test_an_instance_has_a_state_of_its_own() -> None:
    assert find_bench("virtual@2").state != find_bench("virtual").state


def test_the_committed_schema_is_that_of_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    from harness.cli import inventory_schema

    inventory_schema()
    assert json.loads(capsys.readouterr().out) == json.loads((FOLDER / "schema.json").read_text())


def test_an_inventory_shows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHONE_PASSWORD", "s3cr3t-value")
    path = variant(tmp_path, "phones: {phone-1608: {password: {file: null, env: PHONE_PASSWORD}}}")
    inventory: Inventory = load_inventory(path, tmp_path)
    assert inventory.phones["phone-1608"].password.resolve() == "s3cr3t-value"
    assert "s3cr3t-value" not in repr(inventory)
    assert "s3cr3t-value" not in inventory.model_dump_json()


def test_every_model_of_the_catalogue_is_on_the_bench_of_all() -> None:
    assert {phone.model for phone in find_bench("virtual-all").inventory.phones.values()} == set(catalogue())
