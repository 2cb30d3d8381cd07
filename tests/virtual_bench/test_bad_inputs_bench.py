"""Faults that only a bench shows: one clear message, exit code not 0, the lab put back, the recording kept.

All through `bench run` on one instance, whose file each test changes by one thing. Needs root.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.inventory import Bench
from tests.virtual_bench.rig import BenchRig, Ended, brought_up
from virtual_bench.kind import running
from virtual_bench.pdu import OUTLET_TABLE

pytestmark = pytest.mark.bench

WRONG = "wrong-Passw0rd"
SOON = 15.0
"""Real seconds within which each of these faults is told."""

EPISODES = """
from contextlib import suppress

from harness import cli
from harness.episodes.episode import episode


@episode("A phone loses power.", lambda _: 1, ("an outlet",))
def outlet_off(lab):
    lab.power_off("phone-1608")


@episode("The disk under the recording fills up in an outage.", lambda _: 1, ("home's port", "an outlet"))
def disk_fills(lab):
    lab.cut("home")
    lab.power_off("phone-1608")
    with suppress(OSError), (lab.folder / "else").open("wb", buffering=0) as file:
        for _ in range(40 << 8):  # 40 MiB, or as much as there is room for
            file.write(bytes(1 << 12))
    lab.watch(300, "the disk to be noticed")


cli.app()
"""
"""The command line with two more episodes: faults that a whole outage would show only at its end."""

LIAR = """
import sys
for line in iter(sys.stdin.readline, ""):
    match line.strip():
        case "PING":
            print("PONG", flush=True)
        case "get":
            print(sys.stdin.readline().strip(), "integer", "1", sep="\\n", flush=True)
        case "set":
            sys.stdin.readline(), sys.stdin.readline()
            print("DONE", flush=True)
"""
"""Outlets for snmpd's `pass_persist` that take every command and are always on."""


@dataclass(frozen=True)
class Rig(BenchRig):
    """A bench whose file each test changes by one thing."""

    def secret(self, name: str, value: str) -> Path:
        """A file for its owner alone."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(value)
        return path

    @property
    def out(self) -> Path:
        """Where the recording is to lie."""
        return self.folder / "recording"

    def run(self, episode: str, bench: str, *before: str, out: Path | None = None) -> Ended:
        """`bench run`, behind the words `before`."""
        script = self.folder / "episodes.py"
        script.write_text(EPISODES)
        words = [*before, sys.executable, script, "run", episode, "--bench", bench, "--out", out or self.out]
        return self.ended(words)

    def recorded_fault(self) -> str:
        """What the recording says of the fault; it must be whole, and the lab left clean."""
        manifest = json.loads((self.out / "manifest.json").read_text())
        assert manifest["put_back"]["clean"]
        return str(manifest["fault"]["message"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with brought_up("faults", tmp_path_factory) as found:
        yield found


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Rig:
    return Rig(bench, tmp_path)


def told_once(ended: Ended, *parts: str) -> None:
    """One line tells the fault with bench, device and next step, in time; no traceback, no secret."""
    assert ended.code == 2, ended.printed
    (line,) = ended.faults
    for part in ("virtual@faults", *parts):
        assert part in line
    assert "Traceback" not in ended.printed
    assert WRONG not in ended.printed
    assert ended.seconds < SOON


def password(path: Path) -> str:
    return f"{{password: {{file: {path}}}}}"


@pytest.mark.parametrize(
    ("episode", "where", "device"),
    [
        ("home_lost", "switches: {{sw-home: {{login: {}}}}}", "sw-home: 10.77.99.11:22 refuses the login of 'lab'"),
        (
            "home_rebooted_by_ssh",
            "systems: {{home: {{ssh: {}}}}}",
            "home: 10.77.1.10:22 refuses the login of 'Administrator'",
        ),
        (
            "home_rebooted_by_console",
            "consoles: {{con-home: {{login: {}}}}}",
            "con-home: the console refuses the login of 'Administrator'",
        ),
    ],
    ids=["switch", "unit by SSH", "unit by console"],
)
def test_a_wrong_password(rig: Rig, episode: str, where: str, device: str) -> None:
    name = rig.variant(where.format(password(rig.secret("wrong", WRONG))))
    told_once(rig.run(episode, name), "configuration: ", device, "check user and password")
    assert "refuses the login" in rig.recorded_fault()
    assert WRONG not in "".join(path.read_text() for path in (rig.out / "transcripts").iterdir())
    assert rig.is_as_before()


def test_a_wrong_password_blocks_all_that_needs_the_episode_at_once(rig: Rig) -> None:
    name = rig.variant("switches: {{sw-home: {{login: {}}}}}".format(password(rig.secret("wrong", WRONG))))
    words = "-q -p no:cacheprovider -m failover tests/resilience --episodes home_lost -k three_minutes --runs"
    ended = rig.ended([sys.executable, "-m", "pytest", *words.split(), str(rig.folder), "--bench", name])
    assert ended.code == 10, ended.printed
    (line,) = ended.faults
    assert "more cases: blocked by configuration: virtual@faults sw-home: 10.77.99.11:22 refuses the login" in line
    assert "Traceback" not in ended.printed
    assert rig.is_as_before()


@pytest.mark.parametrize(("episode", "device"), [("home_lost", "sw-home"), ("home_rebooted_by_ssh", "home")])
def test_a_changed_host_key(rig: Rig, episode: str, device: str) -> None:
    key = rig.folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().rpartition(" ")[0]
    hosts = rig.folder / "known_hosts"
    hosts.write_text("".join(f"{address} {public}\n" for address in ("10.77.99.11", "10.77.1.10")))
    ended = rig.run(episode, rig.variant(f"settings: {{known_hosts: {hosts}}}"))
    told_once(ended, "configuration: ", f"{device}: the host key of", "nothing was sent", "find out why it changed")
    assert "nothing was sent" in rig.recorded_fault()
    assert rig.is_as_before()


def test_a_pdu_that_does_not_answer_is_told_before_the_outage(rig: Rig) -> None:
    ended = rig.run("phone_repowered", rig.variant("pdus: {pdu-1: {address: 10.77.99.66}}"))
    told_once(ended, "lab: ", "pdu-1 outlet 1: no answer from the SNMP agent at 10.77.99.66:161", "powered and reach")
    assert "cut" not in ended.printed.split("capturing at", 1)[1]
    assert "no answer" in rig.recorded_fault()
    assert rig.is_as_before()


def test_an_snmpd_that_lies(rig: Rig) -> None:
    with lying_snmpd(rig):
        access = f"snmp: {{version: 2, user: null, auth: null, priv: null, community: {{file: {rig.folder}/word}}}}"
        name = rig.variant(f"pdus: {{pdu-1: {{address: 127.0.0.1, port: 10161, {access}}}}}")
        ended = rig.run("outlet_off", name)
    told_once(ended, "lab: ", "pdu-1 outlet 6: the PDU took 'outlet off', but says on 5 s later", "look at the outlet")
    assert "says on" in rig.recorded_fault()
    assert rig.is_as_before()


@contextmanager
def lying_snmpd(rig: Rig) -> Iterator[None]:
    """A real snmpd on the lab host's loopback whose outlets are on, whatever they are told."""
    found = running(rig.bench)
    assert found is not None
    liar = rig.folder / "liar.py"
    liar.write_text(LIAR)
    community = rig.secret("word", "any-community").read_text()
    handler = f"pass_persist {OUTLET_TABLE} {sys.executable} -I -S {liar}"
    configuration = rig.secret("snmpd.conf", f'rwcommunity "{community}"\n{handler}\n')
    words = ["nsenter", f"--net={found.devices['lab'].network}", "snmpd", "-f", "-Lo", "-C", "-c", str(configuration)]
    words += ["-p", str(rig.folder / "pid"), "-I", "vacm_conf,vacm_vars,vacm_context,pass,pass_persist,snmpEngine"]
    with subprocess.Popen(
        [*words, "udp:127.0.0.1:10161"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"SNMP_PERSISTENT_DIR": str(rig.folder / "snmp"), "MIBS": ""},
    ) as snmpd:  # fmt: skip
        try:
            yield
        finally:
            snmpd.kill()


def test_no_right_to_capture(rig: Rig) -> None:
    """As root in a container that was not given the right."""
    ended = rig.run("home_lost", rig.variant(""), "setpriv", "--bounding-set=-net_raw,-net_admin")
    told_once(ended, "configuration: ", "capture point home (cap-home): no right to capture there", "CAP_NET_RAW")
    assert rig.is_as_before()


def on_a_small_disk(rig: Rig, mebibytes: int, episode: str) -> Ended:
    """Run an episode with its recording on a disk of that size; what is left there is kept."""
    disk = rig.folder / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size="$1"m tmpfs "$2"; disk=$2 kept=$3; shift 3; "$@"; code=$?; rm -f "$disk"/*/else; '
    script += 'cp -r "$disk"/recording "$kept"; exit $code'
    before = ["unshare", "--mount", "sh", "-c", script, "sh", str(mebibytes), str(disk), str(rig.out)]
    # Less than a night may need, so that the recorder's own look at the disk is what tells.
    return rig.run(episode, rig.variant("settings: {room_mib: 0}"), *before, out=disk / "recording")


def test_a_disk_that_is_full_is_told_before_anything_is_done(rig: Rig) -> None:
    ended = on_a_small_disk(rig, 12, "home_lost")
    told_once(ended, "harness: ", f"the disk under {rig.folder}", "is full", "make room or record elsewhere")
    assert rig.is_as_before()


def test_a_disk_that_gets_full_ends_the_outage_and_keeps_the_recording(rig: Rig) -> None:
    ended = on_a_small_disk(rig, 48, "disk_fills")
    told_once(ended, "harness: ", f"the disk under {rig.folder}", "is full", "make room or record elsewhere")
    assert "is full" in rig.recorded_fault()
    assert {path.name for path in rig.out.glob("capture/*.pcapng")} == {
        f"{point}_00001.pcapng" for point in rig.bench.inventory.captures
    }
    assert rig.is_as_before()


def test_a_disk_without_a_byte_left_keeps_nothing_from_being_put_back(rig: Rig) -> None:
    ended = on_a_small_disk(rig, 36, "disk_fills")
    assert ended.code == 2, ended.printed
    assert "Traceback" not in ended.printed
    *closing, cause = ended.faults
    assert cause.startswith("harness: virtual@faults: the disk under ") or "capture point" in cause
    assert ["cannot be closed (No space left on device)" in line for line in closing] == [True]
    assert ended.seconds < SOON
    assert rig.is_as_before()
