"""SIP telephones that nobody here wrote register at the emulated units, and tshark understands all that is said."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.inventory import Bench, ProbeExtension, Protocol, Role
from tests.virtual_bench.captured import captured
from tests.virtual_bench.rig import VIRTUAL, brought_up
from tests.virtual_bench.understood import Understood, carriers_of, portals_of, products_of
from virtual_bench import control
from virtual_bench.fabric import LAB
from virtual_bench.kind import running
from virtual_bench.sip import PORT, TLS_PORT
from virtual_bench.supervisor import REBOOT
from virtual_bench.tls import FOLDER, SESSIONS, root_file

pytestmark = pytest.mark.bench

SCENARIO = Path(__file__).with_name("peers") / "register.xml"
SIPP = {"udp": "u1", "tcp": "t1"}
"""How sipp names the transports; Debian builds it without TLS."""
LEFT_TO_IT = -2
"""A port of linphone's that it does not bind before it needs one."""
PORTS = {"udp": PORT, "tcp": PORT, "tls": TLS_PORT}
BY_TLS = "phone-J139"
WATCHED = 10
"""Real seconds in which every telephone registers and refreshes at least once."""


Softphone = Callable[[Bench, Role, ProbeExtension, str, Path], list[str]]


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """With a telephone of every family, and every transport."""
    file = tmp_path_factory.mktemp("peers") / "bench.yaml"
    serves = "{sip: {transports: [udp, tcp, tls]}}"
    lines = [
        f"extends: {VIRTUAL.with_name('virtual-all.yaml')}",
        f"systems: {{home: {serves}, failover: {serves}}}",
        f"phones: {{{BY_TLS}: {{transport: tls}}}}",
    ]
    file.write_text("\n".join(lines))
    with brought_up("peers", tmp_path_factory, file=file) as found:
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
    words += ["-i", str(bench.inventory.lab_host.address.ip), "-t", SIPP[transport], "-timeout", "5"]
    return at_the_lab_host(bench, *words, *keys, "-au", extension.extension, "-ap", password).returncode


@needs("sipp")
@pytest.mark.parametrize("transport", SIPP)
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


def baresip(bench: Bench, role: Role, extension: ProbeExtension, transport: str, folder: Path) -> list[str]:
    """What the system did with it while baresip ran for two seconds."""
    system, home = bench.inventory.systems[role], bench.inventory.systems[Role.HOME]
    assert home.sip is not None
    modules = next(Path("/usr/lib").glob("**/baresip/modules"))
    trusted = root_file(bench.state, home.certificate_root)
    lines = [f"module_path {modules}", "module_app account.so", "net_interface lan", f"sip_cafile {trusted}"]
    (folder / "config").write_text("\n".join([*lines, ""]))
    account = [
        f"<sip:{extension.extension}@{home.sip.domain};transport={transport}>",
        f"auth_user={extension.extension}",
        f"auth_pass={extension.password.resolve()}",
        f'outbound="sip:{system.address}:{PORTS[transport]};transport={transport}"',
        "regint=60",
    ]
    (folder / "accounts").write_text(";".join(account) + "\n")
    before = decided(bench, role, extension.extension)
    ended = at_the_lab_host(bench, "baresip", "-f", str(folder), "-t", "2")
    assert ended.returncode == 0, ended.stdout
    return decided(bench, role, extension.extension)[len(before) :]


def linphone(bench: Bench, role: Role, extension: ProbeExtension, transport: str, folder: Path) -> list[str]:
    """What the system did with it while linphone ran for two seconds; at its end it takes its registration back."""
    system, home = bench.inventory.systems[role], bench.inventory.systems[Role.HOME]
    assert home.sip is not None
    proxy = f"<sip:{system.address}:{PORTS[transport]};transport={transport}>"
    password, root = extension.password.resolve(), root_file(bench.state, home.certificate_root)
    lines = ["[sip]", f"sip_port={LEFT_TO_IT}", f"sip_tcp_port={LEFT_TO_IT}", f"sip_tls_port={LEFT_TO_IT}"]
    # It takes an address for no name that a certificate could have; that the root signed it, it does verify.
    lines += ["default_proxy=0", f"root_ca={root}", "verify_server_certs=1", "verify_server_cn=0"]
    lines += ["[proxy_0]", f"reg_proxy={proxy}", f"reg_identity=sip:{extension.extension}@{home.sip.domain}"]
    lines += ["reg_expires=60", "reg_sendregister=1"]
    lines += ["[auth_info_0]", f"username={extension.extension}", f"passwd={password}", f"domain={home.sip.domain}"]
    (folder / "linphonerc").write_text("\n".join([*lines, ""]))
    (folder / ".local/share/linphone").mkdir(parents=True)
    before = decided(bench, role, extension.extension)
    # What its sound library leaves behind is left there, too.
    quits = f"(sleep 2; echo quit) | HOME={folder} TMPDIR={folder} linphone-daemon --config {folder}/linphonerc"
    ended = at_the_lab_host(bench, "sh", "-c", quits)
    assert ended.returncode == 0, ended.stdout
    return decided(bench, role, extension.extension)[len(before) :]


SOFTPHONES = pytest.mark.parametrize(
    ("program", "transport"),
    [
        *(pytest.param(baresip, each, id=f"baresip-{each}", marks=needs("baresip")) for each in PORTS),
        *(pytest.param(linphone, each, id=f"linphone-{each}", marks=needs("linphone-daemon")) for each in PORTS),
    ],
)


@SOFTPHONES
def test_a_softphone_registers_at_home(
    bench: Bench, extension: ProbeExtension, program: Softphone, transport: str, tmp_path: Path
) -> None:
    assert program(bench, Role.HOME, extension, transport, tmp_path)[:2] == ["challenged", "accepted"]


@SOFTPHONES
def test_the_failover_system_refuses_a_softphone_in_normal_operation(
    bench: Bench, extension: ProbeExtension, program: Softphone, transport: str, tmp_path: Path
) -> None:
    assert set(program(bench, Role.FAILOVER, extension, transport, tmp_path)) == {"refused"}


def test_tshark_understands_every_message(bench: Bench, tmp_path: Path) -> None:
    """Of every telephone, its address and its registration, from its switch's mirror.

    Those whose words are encrypted are re-powered, so that the session keys open them from the beginning on.
    """
    inventory, capture = bench.inventory, tmp_path / "phones.pcapng"
    encrypted = [phone for phone in inventory.phones.values() if phone.encrypted]
    found = running(bench)
    assert found is not None
    entered = ["nsenter", f"--net={found.devices[LAB].network}"]
    with captured(capture, "-i", inventory.captures["phones"].interface, within=entered):
        for phone in encrypted:
            assert phone.outlet is not None
            asked = {"do": "outlet", "pdu": phone.outlet.pdu, "outlet": phone.outlet.outlet, "command": REBOOT}
            list(control.ask(bench.state, asked))
        time.sleep(WATCHED)
    seen = Understood()
    seen.add(capture, bench.state / FOLDER / SESSIONS, portals_of(inventory))
    assert seen.objections == []
    assert carriers_of(inventory) - seen.carriers == set()
    assert products_of(inventory) - seen.products == set()
    assert {"REGISTER", "401", "200", "RRQ", "RCF"} - seen.kinds == set()
