"""A bench is looked at before and after each outage: put right once where it can be, else left alone. Needs root.

All through `bench run` and pytest on one instance, whose file each test changes by one thing.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.inventory import Bench
from tests.virtual_bench.rig import BenchRig, Ended, brought_up, stopped
from virtual_bench.kind import links, running

pytestmark = pytest.mark.bench

MINUTE = 60.0
PATIENCE = 200.0
"""Real seconds: no limit that is tested."""

EPISODES = """
from harness import cli
from harness.episodes.episode import episode


@episode("Nothing is done.", lambda _: 1, ())
def nothing(lab):
    lab.watch(1, "nothing")


@episode("The phones are expected at home.", lambda _: 1, ())
def at_home(lab):
    lab.await_all_at_home()


@episode("A port is shut behind the journal's back.", lambda _: 1, ("a phone's port",))
def dirty(lab):
    lab.door._devices.switch("sw-phones").shut("port4")


cli.app()
"""


@dataclass(frozen=True)
class Rig(BenchRig):
    """A bench whose file each test changes by one thing."""

    def run(self, episode: str, change: str = "") -> tuple[Ended, dict[str, Any]]:
        """`bench run` of one of `EPISODES`, and what its manifest says."""
        script = self.folder / "episodes.py"
        script.write_text(EPISODES)
        out = self.folder / "recording"
        words = [sys.executable, script, "run", episode, "--bench", self.variant(change), "--out", out]
        ended = self.ended(words, PATIENCE)
        manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text())
        return ended, manifest

    def night(self, change: str) -> Ended:
        """A whole night by pytest."""
        words = "-m pytest -q -p no:cacheprovider -m failover tests/resilience --runs"
        return self.ended([sys.executable, *words.split(), self.folder, "--bench", self.variant(change)], PATIENCE)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with brought_up("sanity", tmp_path_factory) as found:
        yield found


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Rig:
    return Rig(bench, tmp_path)


def on_switch(bench: Bench, name: str, *commands: str) -> None:
    """As an administrator at the switch itself, of whom no harness knows."""
    found = running(bench)
    assert found is not None
    device = found.devices[name]
    enter = ["nsenter", "--mount", "--uts", "--pid", f"--net={device.network}", "--target", str(device.pid), "--"]
    subprocess.run([*enter, "vtysh", *(word for each in commands for word in ("-c", each))], check=True)


def test_a_bench_that_is_as_it_is_to_be(rig: Rig) -> None:
    ended, manifest = rig.run("nothing")
    assert ended.code == 0, ended.printed
    assert manifest["findings"] == []


def test_a_port_that_somebody_shut_is_opened_and_told(rig: Rig) -> None:
    on_switch(rig.bench, "sw-phones", "configure terminal", "interface port4", "shutdown")
    assert not links(rig.bench)["phone-1608"]
    ended, manifest = rig.run("nothing")
    assert ended.code == 0, ended.printed
    (finding,) = manifest["findings"]
    assert finding["when"] == "before"
    assert finding["mended"]
    assert (
        "sw-phones port4: it is off, and the inventory says on. (sw-phones port4 is set to on: mended)" in ended.printed
    )
    assert links(rig.bench)["phone-1608"], "it was undone at the end, as if it had been a change of the lab"


def test_what_is_to_be_shut_is_shut(rig: Rig) -> None:
    ended, manifest = rig.run("nothing", "switches: {sw-phones: {ports: {port4: {state: 'off'}}}}")
    assert ended.code == 0, ended.printed
    assert "(sw-phones port4 is set to off: mended)" in ended.printed
    assert not links(rig.bench)["phone-1608"]
    ended, manifest = rig.run("nothing")
    assert manifest["findings"][0]["mended"]
    assert links(rig.bench)["phone-1608"]


def test_what_an_episode_left_otherwise_is_found_after_it(rig: Rig) -> None:
    ended, manifest = rig.run("dirty")
    assert ended.code == 0, ended.printed
    (finding,) = manifest["findings"]
    assert (finding["when"], finding["device"], finding["mended"]) == ("after", "sw-phones port4", True)
    assert links(rig.bench)["phone-1608"]


def test_a_capture_point_that_sees_another_device(rig: Rig) -> None:
    ended, manifest = rig.run("nothing", "captures: {home: {interface: cap-failover}}")
    assert ended.code == 2, ended.printed
    assert "capture point home (cap-failover): a datagram to home (10.77.1.10) was not seen there." in ended.printed
    assert "look at the mirror session of that switch" in ended.printed
    (finding,) = manifest["findings"]
    assert finding["remedy"] == "the capture is started anew"
    assert not finding["mended"]
    assert "was not seen there" in manifest["fault"]["message"]
    assert ended.seconds < MINUTE


def test_a_disk_with_too_little_room_for_a_night(rig: Rig) -> None:
    ended, _ = rig.run("nothing", "settings: {room_mib: 100000000}")
    assert ended.code == 2, ended.printed
    assert "MiB left, and a night may need 100000000. Next: make room" in ended.printed


def test_a_phone_that_hangs_is_repowered(rig: Rig) -> None:
    with stopped(*rig.everything_of("phone-9641")):
        ended, manifest = rig.run("at_home")
    assert ended.code == 0, ended.printed
    (finding,) = manifest["findings"]
    assert (finding["device"], finding["remedy"], finding["mended"]) == ("phone-9641", "re-powered", True)
    assert ended.seconds < MINUTE


def test_a_night_on_a_sick_bench_is_over_at_once_and_says_why(rig: Rig) -> None:
    ended = rig.night("captures: {home: {interface: cap-failover}}")
    assert ended.code == 10, ended.printed
    assert ended.seconds < MINUTE
    assert "blocked by lab: virtual@sanity capture point home (cap-failover): a datagram to home" in ended.printed
    assert ended.printed.count("capturing at") == 1, "another episode was begun on it"
    assert "0 not run" in ended.printed
