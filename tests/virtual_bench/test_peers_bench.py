"""SIP telephones that nobody here wrote register at the emulated units, and tshark understands all that is said."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.inventory import Bench, ProbeExtension, Protocol, Role
from tests.virtual_bench.rig import brought_up
from virtual_bench.fabric import LAB
from virtual_bench.kind import running

pytestmark = pytest.mark.bench

SCENARIO = Path(__file__).with_name("peers") / "register.xml"
TRANSPORTS = {"udp": "u1", "tcp": "t1"}
"""How sipp names them."""
WATCHED = 10
"""Real seconds in which every telephone registers and refreshes at least once."""


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with brought_up("peers", tmp_path_factory) as found:
        yield found


@pytest.fixture
def extension(bench: Bench) -> ProbeExtension:
    """An extension of home that no telephone of the bench has."""
    return bench.inventory.probes[Protocol.SIP]


def at_the_lab_host(bench: Bench, *words: str, within: float = 15) -> subprocess.CompletedProcess[str]:
    found = running(bench)
    assert found is not None
    entered = ["nsenter", f"--net={found.devices[LAB].network}", *words]
    return subprocess.run(entered, capture_output=True, text=True, errors="replace", timeout=within, check=False)


def decided(bench: Bench, role: Role, extension: str) -> list[str]:
    """What the unit did with an extension so far."""
    entries = map(json.loads, (bench.state / "truth" / f"{role}.jsonl").read_text().splitlines())
    return [entry["what"] for entry in entries if entry.get("extension") == extension]


def sipp(bench: Bench, role: Role, extension: ProbeExtension, transport: str, password: str) -> int:
    """sipp's exit code: 0 where the scenario was played to its end."""
    system = bench.inventory.systems[role]
    assert system.sip is not None
    keys = ["-key", "domain", system.sip.domain, "-key", "user", extension.extension]
    words = ["sipp", f"{system.address}:{system.sip.port}", "-sf", str(SCENARIO), "-m", "1", "-nostdin"]
    words += ["-i", str(bench.inventory.lab_host.address.ip), "-t", TRANSPORTS[transport], "-timeout", "5"]
    return at_the_lab_host(bench, *words, *keys, "-au", extension.extension, "-ap", password).returncode


@needs("sipp")
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sipp_registers_at_home(bench: Bench, extension: ProbeExtension, transport: str) -> None:
    before = decided(bench, Role.HOME, extension.extension)
    assert sipp(bench, Role.HOME, extension, transport, extension.password.resolve()) == 0
    assert decided(bench, Role.HOME, extension.extension)[len(before) :] == ["challenged", "accepted"]


@needs("sipp")
def test_sipp_with_another_password_does_not(bench: Bench, extension: ProbeExtension) -> None:
    before = decided(bench, Role.HOME, extension.extension)
    assert sipp(bench, Role.HOME, extension, "udp", "not-the-password") != 0
    assert "accepted" not in decided(bench, Role.HOME, extension.extension)[len(before) :]


@needs("sipp")
def test_the_failover_system_refuses_sipp_in_normal_operation(bench: Bench, extension: ProbeExtension) -> None:
    assert sipp(bench, Role.FAILOVER, extension, "udp", extension.password.resolve()) != 0
    assert set(decided(bench, Role.FAILOVER, extension.extension)) == {"refused"}


@needs("baresip")
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_baresip_registers_at_home(bench: Bench, extension: ProbeExtension, transport: str, tmp_path: Path) -> None:
    home = bench.inventory.systems[Role.HOME]
    assert home.sip is not None
    modules = next(Path("/usr/lib").glob("**/baresip/modules"))
    (tmp_path / "config").write_text(f"module_path {modules}\nmodule_app account.so\nnet_interface lan\n")
    account = [
        f"<sip:{extension.extension}@{home.sip.domain};transport={transport}>",
        f"auth_user={extension.extension}",
        f"auth_pass={extension.password.resolve()}",
        f'outbound="sip:{home.address};transport={transport}"',
        "regint=60",
    ]
    (tmp_path / "accounts").write_text(";".join(account) + "\n")
    before = decided(bench, Role.HOME, extension.extension)
    ended = at_the_lab_host(bench, "baresip", "-f", str(tmp_path), "-t", "2")
    assert decided(bench, Role.HOME, extension.extension)[len(before) :][:2] == ["challenged", "accepted"], ended.stdout


def test_tshark_understands_every_message(bench: Bench, tmp_path: Path) -> None:
    """Of every telephone, its address and its registration, from its switch's mirror."""
    capture = tmp_path / "phones.pcap"
    interface = bench.inventory.captures["phones"].interface
    at_the_lab_host(bench, "dumpcap", "-q", "-i", interface, "-a", f"duration:{WATCHED}", "-w", str(capture), within=30)
    assert {"sip", "h225"} <= protocols(capture)
    malformed = shown(
        capture, "_ws.malformed || _ws.expert.severity == error", "-e", "frame.protocols", "-e", "_ws.col.Info"
    )
    assert malformed == []


def protocols(capture: Path) -> set[str]:
    return {name for line in shown(capture, "udp || tcp", "-e", "frame.protocols") for name in line.split(":")}


def shown(capture: Path, expression: str, *fields: str) -> list[str]:
    words = ["tshark", "-r", str(capture), "-Y", expression, "-T", "fields", *fields]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
