"""IPv6 on a virtual bench whose inventory has it, and nowhere else."""

import asyncio
import json
import socket
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from sipmessage import Via

from harness.inventory import Bench, Inventory, Role, VirtualSettings, find_bench
from tests.virtual_bench.emulated import free_port
from tests.virtual_bench.sip_peers import OpenDoors, register
from virtual_bench import fabric
from virtual_bench.certificates import make_certificates
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.ipv6_address import global_addresses
from virtual_bench.phones.settings import Controller, Settings, combine, settings_lines
from virtual_bench.phones.sip_phone import SipPhone
from virtual_bench.router import relay
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip import TLS_PORT, answer, stamp_received
from virtual_bench.tls import telephone_context, telephones_context
from virtual_bench.truth import TruthLog
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.records import Records, User, ipv6_controllers, scopes_of
from virtual_bench.units.registrar import Registrar, RegistrarSettings
from virtual_bench.units.settings_file import settings_file
from virtual_bench.units.surroundings import Surroundings

HOME_6, FAILOVER_6, LOOPBACK = "fd77:1::10", "fd77:2::10", "::1"
BOTH = (HOME_6, FAILOVER_6)
ADA = User("301", "Ada", "sip", "secret", "tcp", "Avaya J179", ip=6)
BEN = User("302", "Ben", "sip", "secret", "udp", "Avaya 1140E")
WITHIN = 2.0


@pytest.fixture
def bench() -> Bench:
    return find_bench("virtual-ipv6")


@pytest.fixture
def inventory(bench: Bench) -> Inventory:
    return bench.inventory


def test_a_bench_without_it_has_none_of_it() -> None:
    inventory = find_bench("virtual").inventory
    for name in fabric.networks(inventory):
        assert fabric.ipv6_settings(inventory, name) == {}
        assert not any("ndisc" in line or "fd77" in line for line in fabric.network_commands(inventory, name))
    assert not any("ra" in part.strip("-").split("-") for part in relay(inventory))


def test_the_router_has_an_address_in_each_site_and_forwards(inventory: Inventory) -> None:
    commands = fabric.network_commands(inventory, "core")
    for leg, address in (("home", "fd77:1::1/64"), ("failover", "fd77:2::1/64"), ("phones", "fd77:3::1/64")):
        assert f"address add {address} dev {leg} nodad" in commands
        assert fabric.ipv6_settings(inventory, "core")[f"{leg}/disable_ipv6"] == 0
    assert fabric.ipv6_settings(inventory, "core")["all/forwarding"] == 1
    assert "lab/disable_ipv6" not in fabric.ipv6_settings(inventory, "core")


def test_a_unit_has_its_address_and_makes_no_other(inventory: Inventory) -> None:
    commands = fabric.network_commands(inventory, "failover")
    assert f"address add {FAILOVER_6}/64 dev eth0 nodad" in commands
    assert commands[-1] == "route add default via fd77:2::1"
    settings = fabric.ipv6_settings(inventory, "failover")
    assert (settings["eth0/accept_ra"], settings["eth0/disable_ipv6"]) == (0, 0)


def test_a_telephone_turns_it_on_itself(inventory: Inventory) -> None:
    assert "eth0/disable_ipv6" not in fabric.ipv6_settings(inventory, "phone-J179")
    assert fabric.ipv6_settings(inventory, "phone-J179")["eth0/accept_dad"] == 0
    assert fabric.ipv6_settings(inventory, "phone-9641") == {}
    assert fabric.ipv6_settings(inventory, "sw-phones") == {}


def test_the_router_advertises_every_network(inventory: Inventory) -> None:
    words = relay(inventory)
    assert "--enable-ra" in words
    assert [word for word in words if "dhcp-range" in word] == [
        f"--dhcp-range=fd77:{number}::,ra-only,64" for number in (1, 2, 3)
    ]


def test_the_telephones_address_is_the_one_beyond_its_link() -> None:
    table = (
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fe80000000000000007700fffe000301 02 40 20 80     eth0\n"
        "fd77000300000000007700fffe000301 02 40 00 00     eth0\n"
        "fd77000300000000007700fffe000302 03 40 00 00     eth1\n"
    )
    assert global_addresses(table, "eth0") == ["fd77:3::77:ff:fe00:301"]
    assert global_addresses("", "eth0") == []


def test_a_telephone_by_ipv6_is_told_so_and_the_others_are_not() -> None:
    def read(agent: str) -> Settings:
        controllers = ("10.77.1.10", "10.77.2.10")
        file = settings_file(agent, [ADA, BEN], controllers, "lab.example", pushed=False, manual=False, by_ipv6=BOTH)
        return combine({}, settings_lines(file))

    assert read("Avaya J179").controllers == tuple(Controller(host, 5060, "tcp") for host in BOTH)
    assert read("Avaya J179").ip == 6
    assert [controller.host for controller in read("Avaya 1140E").controllers] == ["10.77.1.10", "10.77.2.10"]
    assert read("Avaya 1140E").ip == 4


def test_the_failover_system_is_told_which_addresses_telephones_are_to_be_told(bench: Bench) -> None:
    records = Records(scopes=scopes_of(bench))
    assert records.scopes[0].controllers_by_ipv6 == BOTH
    assert Records.from_json(json.loads(json.dumps(records.as_json()))) == records
    assert ipv6_controllers(bench, Role.FAILOVER) == (FAILOVER_6,)
    assert ipv6_controllers(find_bench("virtual"), *Role) == ()


@pytest.mark.parametrize(
    ("name", "defects", "hosts"),
    [
        ("virtual", (), ["10.77.2.10"]),
        ("virtual-ipv6", (), ["10.77.2.10", FAILOVER_6]),
        ("virtual-no-ipv6", (), ["10.77.2.10"]),
        ("virtual-no-ipv6", ("serves-ipv6-anyway",), ["10.77.2.10", FAILOVER_6]),
        ("virtual", ("serves-ipv6-anyway",), ["10.77.2.10"]),
    ],
)
def test_where_a_unit_takes_telephones(name: str, defects: tuple[str, ...], hosts: list[str], tmp_path: Path) -> None:
    found, virtual = find_bench(name), VirtualSettings(defects=defects)
    changed = replace(found, inventory=found.inventory.model_copy(update={"virtual": virtual}))
    around = Surroundings(changed, Role.FAILOVER, ScaledClock(60), TruthLog(tmp_path, "failover"))
    assert around.sip_hosts == hosts


def test_where_a_request_came_from_is_said_of_ipv6_only_where_it_differs() -> None:
    request = register()
    request.via = [Via.parse(f"SIP/2.0/UDP [{HOME_6}]:5060;branch=z9hG4bK1;rport")]
    stamp_received(request, (HOME_6, 5062))
    assert answer(request, 403).headers.get("Via") == f"SIP/2.0/UDP [{HOME_6}]:5060;branch=z9hG4bK1;rport=5062"
    stamp_received(request, (FAILOVER_6, 5062))
    assert "received" in request.via[0].parameters


def _speaks_ipv6() -> bool:
    try:
        socket.create_server((LOOPBACK, 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def registered(bench: Bench, transport: str, port: int) -> list[str]:
    """What a registrar at the loopback address did with a telephone there, until it accepted it or in two seconds."""
    clock, truth = ScaledClock(60), TruthLog(bench.state, "failover")
    settings, encrypted = RegistrarSettings("lab.example", "403", 180), telephones_context(bench, Role.FAILOVER)
    registrar = Registrar(settings, clock, OpenDoors(), bindings := Bindings(lambda: None), truth, encrypted)
    await registrar.serve(LOOPBACK, (transport,), port)
    given = Settings((Controller(LOOPBACK, port, transport),), "lab.example", (), True, 6)
    identity = Identity("301", "Ada", "secret", "Avaya J179 IP Phone", "J100", "sip")
    phone = asyncio.create_task(SipPhone(identity, given, clock, LOOPBACK, telephone_context(bench)).run())
    try:
        async with asyncio.timeout(WITHIN):
            while bindings.get("301") is None:
                await asyncio.sleep(0.02)
    finally:
        phone.cancel()
    binding = bindings.get("301")
    assert binding is not None
    return [binding.peer, binding.way.contact]


@pytest.mark.skipif(not _speaks_ipv6(), reason="this machine's loopback interface has no IPv6")
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_telephone_registers_by_ipv6(bench: Bench, transport: str, tmp_path: Path) -> None:
    systems = bench.inventory.systems
    ipv6 = systems[Role.FAILOVER].ipv6
    assert ipv6 is not None
    changed = {"ipv6": ipv6.model_copy(update={"address": IPv6Address(LOOPBACK)})}
    failover = systems[Role.FAILOVER].model_copy(update=changed)
    inventory = bench.inventory.model_copy(update={"systems": {**systems, Role.FAILOVER: failover}})
    make_certificates(tmp_path, inventory)
    port = TLS_PORT if transport == "tls" else free_port()
    found = asyncio.run(registered(replace(bench, state=tmp_path, inventory=inventory), transport, port))
    assert found == [LOOPBACK, f"sip:301@[{LOOPBACK}]:5060;transport={transport}"]
