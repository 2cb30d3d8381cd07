import asyncio
from pathlib import Path

import pytest

from harness.inventory import catalogue, find_bench
from virtual_bench.phones.behaviour import BOOT, SipBehaviour, h323_behaviour, sip_behaviour
from virtual_bench.phones.dhcp_client import Lease, read_event
from virtual_bench.phones.race import first_of
from virtual_bench.phones.settings import Controller, combine, settings_lines, site_option
from virtual_bench.units.dhcp import configuration, option_string, read_leases
from virtual_bench.units.records import Records, Scope, User, scopes_of
from virtual_bench.units.settings_file import settings_file

SCOPE = Scope(
    "255.255.255.0", "10.77.3.100", "10.77.3.149", "10.77.3.1", "10.77.1.10", "lab.example", 3600, 242,
    ("10.77.1.10", "10.77.2.10"), "10.77.1.10",
)  # fmt: skip
ADA = User("301", "Ada", "sip", "secret", "tcp", "Avaya J179")
BEN = User("302", "Ben", "sip", "secret", "udp", "Avaya 1140E")
CLEO = User("303", "Cleo", "h323", "secret", user_agent="Avaya 9641G")
GRANTED, TIME_TO_LIVE = 180, 120
"""Bench seconds that the units of the virtual bench grant by default."""


def test_what_one_end_writes_the_other_reads() -> None:
    file = settings_file(
        "Avaya 1140E IP Deskphone", [ADA, BEN], SCOPE.controllers, "lab.example", pushed=False, manual=False
    )
    settings = combine(site_option(option_string(SCOPE)), settings_lines(file))
    assert settings.controllers == (Controller("10.77.1.10", 5060, "udp"), Controller("10.77.2.10", 5060, "udp"))
    assert settings.gatekeepers == (("10.77.1.10", 1719), ("10.77.2.10", 1719))
    assert settings.domain == "lab.example"
    assert settings.asks_home


def test_a_telephone_without_resilience_knows_its_first_system_alone() -> None:
    file = settings_file("Avaya J179", [ADA], SCOPE.controllers, "lab.example", pushed=False, manual=False)
    settings = combine(site_option(option_string(SCOPE)), settings_lines(file)).without_resilience
    assert [controller.host for controller in settings.controllers] == ["10.77.1.10"]
    assert settings.gatekeepers == (("10.77.1.10", 1719),)
    assert settings.asks_home


def test_a_client_of_the_portal_is_told_of_the_portals() -> None:
    vera = User("326", "Vera", "sip", "secret", "wss", "Avaya WebRTC Client")
    file = settings_file(
        vera.user_agent, [ADA, vera], SCOPE.controllers, "lab.example", pushed=False, manual=False,
        portals={"10.77.1.10": 9443, "10.77.2.10": 9444},
    )  # fmt: skip
    settings = combine(site_option(option_string(SCOPE)), settings_lines(file))
    assert settings.controllers == (Controller("10.77.1.10", 9443, "wss"), Controller("10.77.2.10", 9444, "wss"))


def test_a_pushed_failback_is_not_asked_for() -> None:
    file = settings_file("Avaya J179", [ADA], SCOPE.controllers, "lab.example", pushed=True, manual=False)
    assert not combine({}, settings_lines(file)).asks_home


def test_with_manual_failback_h323_telephones_do_not_ask_and_sip_ones_do() -> None:
    for agent, asks in (("Avaya J179", True), ("Avaya 9641G", False)):
        file = settings_file(agent, [ADA, CLEO], SCOPE.controllers, "lab.example", pushed=False, manual=True)
        assert combine({}, settings_lines(file)).asks_home is asks


def test_the_dhcp_clients_report_is_read() -> None:
    site = option_string(SCOPE).encode().hex()
    line = f"EVENT bound ip=10.77.3.125 subnet=255.255.255.0 router=10.77.3.1 site={site}"
    reason, lease = read_event(line)
    assert reason == "bound"
    assert lease == Lease("10.77.3.125", "255.255.255.0", "10.77.3.1", option_string(SCOPE))
    assert lease.interface == "10.77.3.125/24"
    assert read_event("EVENT deconfig ip= subnet= router= site=") == ("deconfig", None)


def test_dnsmasq_is_given_the_scope_and_who_has_which_address(tmp_path: Path) -> None:
    text = configuration([SCOPE], {"02:77:00:00:03:01": "10.77.3.125"}, tmp_path / "leases")
    assert "dhcp-range=set:scope0,10.77.3.100,10.77.3.149,255.255.255.0,3600" in text
    assert 'dhcp-option=tag:scope0,242,"MCIPADD=10.77.1.10,10.77.2.10,MCPORT=1719,HTTPSRVR=10.77.1.10"' in text
    assert "dhcp-host=02:77:00:00:03:01,10.77.3.125" in text


@pytest.mark.parametrize(("apart", "told"), [(True, "10.77.2.10"), (False, "10.77.1.10")])
def test_the_failover_systems_phones_have_a_number_of_their_own(tmp_path: Path, apart: bool, told: str) -> None:
    text = configuration(scopes_of(find_bench("virtual"), apart=apart), {}, tmp_path / "leases")
    assert f'dhcp-option=tag:scope0,176,"MCIPADD={told},MCPORT=1719,HTTPSRVR={told}"' in text


def test_leases_are_read_from_dnsmasqs_file(tmp_path: Path) -> None:
    assert read_leases(tmp_path / "leases") == {}
    (tmp_path / "leases").write_text("1795515633 02:77:00:00:03:01 10.77.3.125 * 01:02:77\nduid 00:01\n")
    assert read_leases(tmp_path / "leases") == {"02:77:00:00:03:01": "10.77.3.125"}


def test_records_survive_the_line() -> None:
    records = Records({"301": ADA}, {"301": "sip:10.77.3.101"}, (SCOPE,), {"02:77:00:00:03:01": "10.77.3.125"},
        "lab.example", manual=True)  # fmt: skip
    assert Records.from_json(records.as_json()) == records
    assert Records().updated(records) == records.updated(Records()) == records


@pytest.mark.parametrize("name", [name for name, model in catalogue().items() if model.protocol == "sip"])
def test_sip_telephones_keep_within_the_catalogue(name: str) -> None:
    model, behaviour = catalogue()[name], sip_behaviour(catalogue()[name].family)
    refresh = GRANTED * behaviour.refresh_at
    longest = behaviour.answer_within + 0.9 * behaviour.recovery_wait
    assert refresh <= model.refresh
    assert refresh + behaviour.answer_within <= model.loss_detected_within
    assert longest <= model.retry_max
    assert 0.5 * behaviour.recovery_wait >= model.retry_min
    assert model.boot >= BOOT


@pytest.mark.parametrize("name", [name for name, model in catalogue().items() if model.protocol == "h323"])
def test_h323_telephones_keep_within_the_catalogue(name: str) -> None:
    model = catalogue()[name]
    behaviour = h323_behaviour(model.family)
    unanswered = behaviour.tries * behaviour.try_every
    refresh = behaviour.confirms_every(TIME_TO_LIVE)
    pauses = [behaviour.pause() for _ in range(1000)]
    assert refresh <= model.refresh
    assert refresh + behaviour.poll_tries * behaviour.poll_try_every <= model.loss_detected_within
    assert max(pauses) + unanswered <= model.retry_max
    assert min(pauses) >= model.retry_min
    assert behaviour.home_every <= model.retry_max
    assert model.boot >= BOOT


def test_a_telephone_waits_half_to_nine_tenths_of_its_recovery_time() -> None:
    waits = [SipBehaviour(900).recovery() for _ in range(1000)]
    assert min(waits) >= 30
    assert max(waits) <= 54


def test_the_first_of_several_counts_and_its_error_is_not_lost() -> None:
    async def soon(result: object) -> object:
        await asyncio.sleep(0)
        return result

    async def fails() -> None:
        raise LookupError("broken")

    assert asyncio.run(first_of(slow=asyncio.sleep(10), quick=soon("done"))) == ("quick", "done")
    with pytest.raises(LookupError, match="broken"):
        asyncio.run(first_of(slow=asyncio.sleep(10), broken=fails()))
