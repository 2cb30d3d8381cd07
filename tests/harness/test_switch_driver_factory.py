from pathlib import Path

import pytest

from harness.base.errors import ConfigurationFault
from harness.base.transcripts import Transcripts
from harness.drivers import factory
from harness.drivers.answers import Allowance
from harness.drivers.protocols import ConsoleDriver, OutletDriver, ProbeDriver, SwitchDriver, UnitDriver
from harness.inventory import Bench, Protocol, Role, find_bench
from harness.inventory.consistency import PDU_DIALECTS, SWITCH_DIALECTS


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The virtual bench's description with secrets, and nothing behind it."""
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    bench = find_bench("virtual")
    folder = bench.state / "secrets"
    folder.mkdir(parents=True)
    for name in ("home", "failover", "sw-home", "sw-failover", "sw-phones", "pdu-1-auth", "pdu-1-priv"):
        (folder / name).write_text(f"secret-of-{name}")
        (folder / name).chmod(0o600)
    return bench


def test_the_inventory_takes_the_dialects_that_are_spoken() -> None:
    assert set(factory.SWITCHES) == set(SWITCH_DIALECTS)
    assert set(factory.PDUS) == set(PDU_DIALECTS)


def test_a_bench_gets_all_its_drivers_without_touching_a_device(bench: Bench) -> None:
    transcripts, allowance = Transcripts(None), Allowance()
    switches: list[SwitchDriver] = [factory.switch(bench, name, transcripts) for name in bench.inventory.switches]
    pdus: list[OutletDriver] = [factory.pdu(bench, name, transcripts) for name in bench.inventory.pdus]
    units: list[UnitDriver] = [factory.unit(bench, role, transcripts) for role in Role]
    consoles: list[ConsoleDriver] = [factory.console(bench, role, transcripts) for role in Role]
    probes: list[ProbeDriver] = [
        factory.probe(bench, protocol, transcripts, allowance, stranger=stranger)
        for protocol in Protocol
        for stranger in (False, True)
    ]
    everything: list[SwitchDriver | OutletDriver | UnitDriver | ConsoleDriver | ProbeDriver]
    everything = [*switches, *pdus, *units, *consoles, *probes]
    for driver in everything:
        driver.close()


def test_a_name_that_is_not_there_is_told_with_those_that_are(bench: Bench) -> None:
    with pytest.raises(ConfigurationFault, match=r"no switch 'sw-none'.*sw-home, sw-failover"):
        factory.switch(bench, "sw-none", Transcripts(None))
