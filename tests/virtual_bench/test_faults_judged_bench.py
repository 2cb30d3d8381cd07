"""Outages in which something else broke, too, as pytest judges them: never PASS, never FAIL where evidence is touched.

One outage in which home hangs with its connections open, judged as it is and with its clock stepped by editcap; one in
which the failover system's DHCP daemon is dead. Needs root.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.episodes.recording import Recording
from harness.episodes.writing import hashes
from harness.inventory import Bench, Role
from tests.virtual_bench.broken import Rig, Run, rigged
from tests.virtual_bench.rig import REPOSITORY, brought_up, stopped

pytestmark = [pytest.mark.bench, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

LATER = 4.0
"""Real seconds after home hung: by then every phone has found it silent, and none has been let in elsewhere."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with brought_up("hung", tmp_path_factory) as found:
        yield found


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Iterator[Rig]:
    with rigged(bench, tmp_path) as rig:
        yield rig


def cases(folder: Path, *more: str) -> dict[str, dict[str, Any]]:
    """Case → what pytest makes of it, from the recordings in `folder`."""
    words = ["-q", "-p", "no:cacheprovider", "-m", "failover", "tests/resilience", f"--replay={folder}", *more]
    runs = folder.parent / f"runs-of-{folder.name}"
    subprocess.run(
        [sys.executable, "-m", "pytest", *words, f"--runs={runs}"], cwd=REPOSITORY, check=False, timeout=180,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (results,) = runs.glob("*/results.json")
    return {each["id"].rpartition("::")[2]: each for each in json.loads(results.read_text())["cases"]}


def outcomes(judged: dict[str, dict[str, Any]], clause: str) -> dict[str, str]:
    """Phone or protocol → outcome, of the cases of one clause."""
    found = {name: each["outcome"] for name, each in judged.items() if each["clause"] == clause}
    return {name.partition("[")[2].rstrip("]"): outcome for name, outcome in found.items()}


def test_a_dead_dhcp_daemon_fails_the_clause_only_where_requests_reached_it(rig: Rig) -> None:
    run = rig.run("phone_repowered")
    run.at("in failover")
    (dnsmasq,) = rig.processes("failover", "dnsmasq")
    dnsmasq.kill()
    run.played("in failover")
    assert run.code() == 0, run.printed
    judged = cases(
        moved(run.out, rig.folder / "recordings"), "--episodes", "phone_repowered", "-k", "comes_back and phone-1608"
    )
    (case,) = judged.values()
    assert (case["clause"], case["outcome"]) == ("DHCP-BACKUP", "failed"), case


def moved(recording: Path, folder: Path) -> Path:
    folder.mkdir()
    recording.rename(folder / recording.name)
    return folder


HUNG_FOR_GOOD, HUNG_LATER = "phone-1608", "phone-1140E"
"""Phones that hang in the same outage: one before it has tried anything, one after it has found home silent."""


@pytest.fixture(scope="module")
def hung(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The recording of an outage in which home hung with its connections open, and two phones as well."""
    rig = Rig(bench, tmp_path_factory.mktemp("hung"))
    try:
        yield moved(played(rig).out, rig.folder / "recordings") / "home_lost"
    finally:
        rig.end()


def played(rig: Rig) -> Run:
    run = rig.run("home_lost")
    run.at("hang")
    with stopped(*rig.everything_of(HUNG_FOR_GOOD)):
        with stopped(*rig.everything_of("home")):
            run.played("hang")
            time.sleep(LATER)
            with stopped(*rig.everything_of(HUNG_LATER)):
                run.at("go on")
        run.played("go on")
        assert run.code() == 0, run.printed
    return run


@pytest.fixture(scope="module")
def judged(hung: Path) -> dict[str, dict[str, Any]]:
    return cases(hung.parent, "--episodes", "home_lost")


def test_a_home_that_hangs_with_its_connections_open_is_judged_like_one_that_was_cut(
    hung: Path, judged: dict[str, dict[str, Any]]
) -> None:
    assert outcomes(judged, "REG-BLOCK") == {"sip": "passed", "h323": "passed"}
    for clause in ("FO-DELAY", "FO-ALLOW"):
        found = outcomes(judged, clause)
        assert {found[name] for name in ("phone-J179", "phone-9641")} == {"passed"}, judged
    assert outcomes(judged, "FB-DELAY")["phone-J179"] == expected_of(Recording.load(hung), "phone-J179")
    assert outcomes(judged, "FB-DELAY")["phone-9641"] == "passed"


def expected_of(recording: Recording, phone: str) -> str:
    """What FB-DELAY says of a phone: what it had asked over TCP lies in the hung home's buffer, and may be granted.

    That is too early, if it is after home was visible for certain; before, the phone is not due to return.
    """
    lost, visible = recording.line.last_sight_of(Role.HOME), recording.visible
    granted = [
        each.decided
        for each in recording.registrations(recording.inventory.phones[phone]).at(Role.HOME)
        if each.is_success and each.decided.low > lost.high and each.asked.high < visible.high
    ]
    if not granted:
        return "passed"
    return "failed" if granted[0].low >= visible.high else "not judged"


def test_a_home_that_hangs_though_nothing_was_done_to_it_leaves_no_verdict(hung: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(hung, tmp_path / "recordings" / hung.name))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["stimuli"] = [each for each in manifest["stimuli"] if each["verb"] == "probe"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    judged = cases(copy.parent, "--episodes", "home_lost")
    assert {each["outcome"] for each in judged.values()} <= {"inconclusive", "not judged", "skipped"}
    assert "home was not seen on the line from" in " ".join(each["reason"] for each in judged.values())


def moving(judged: dict[str, dict[str, Any]], phone: str) -> dict[str, Any]:
    """The case of FO-ALLOW of a phone."""
    (case,) = [each for each in judged.values() if each["clause"] == "FO-ALLOW" and each["subjects"] == [phone]]
    return case


def test_of_a_phone_that_says_nothing_after_the_loss_nothing_is_judged(judged: dict[str, dict[str, Any]]) -> None:
    case = moving(judged, HUNG_FOR_GOOD)
    assert case["outcome"] == "not judged"
    assert "nothing was seen of it after home was lost" in case["reason"]


def test_a_phone_that_found_home_silent_and_then_hangs_departs_from_the_clause(
    judged: dict[str, dict[str, Any]],
) -> None:
    case = moving(judged, HUNG_LATER)
    assert (case["outcome"], case["blame"]) == ("failed", "product")


@pytest.mark.parametrize("by", [3.0, -3.0], ids=["forward", "back"])
def test_a_step_of_the_clock_makes_the_verdicts_of_its_window_inconclusive(
    hung: Path, tmp_path: Path, by: float
) -> None:
    recording = Recording.load(hung)
    lost = recording.line.last_sight_of(Role.HOME)
    copy = with_a_step(hung, tmp_path / "recordings", recording.timeline.clock.epoch(lost.high + 90.0), by)
    judged = cases(copy.parent, "--episodes", "home_lost")
    touched = [each for each in judged.values() if each["clause"] in ("FO-DELAY", "FO-ALLOW")]
    assert "inconclusive" in {each["outcome"] for each in touched}
    for each in touched:
        assert each["outcome"] in ("inconclusive", "not judged"), each
    assert f"the clock was stepped by {by:.3f} s meanwhile" in " ".join(each["reason"] for each in touched)
    assert set(outcomes(judged, "REG-BLOCK").values()) == {"passed"}


def with_a_step(recording: Path, parent: Path, instant: float, by: float) -> Path:
    """A copy of a recording as it would be, had its host's clock been stepped at an instant (epoch seconds)."""
    copy = Path(shutil.copytree(recording, parent / recording.name))
    for file in copy.glob("capture/*.pcapng"):
        before, after = file.with_suffix(".before"), file.with_suffix(".after")
        subprocess.run(["editcap", "-B", f"{instant:.6f}", file, before], check=True)
        subprocess.run(["editcap", "-A", f"{instant:.6f}", "-t", f"{by}", file, after], check=True)
        subprocess.run(["mergecap", "-a", "-w", file, before, after], check=True)
        before.unlink()
        after.unlink()
    lines = [line.split() for line in (copy / "host.txt").read_text().splitlines()]
    (copy / "host.txt").write_text(
        "".join(f"{_stepped(float(at), instant, by):.6f} {up} {lag}\n" for at, up, lag in lines)
    )
    manifest = copy / "manifest.json"
    manifest.write_text(json.dumps(_all_stepped(json.loads(manifest.read_text()), instant, by)))
    changed = json.loads(manifest.read_text()) | {"files": hashes(copy)}
    manifest.write_text(json.dumps(changed))
    return copy


def _stepped(at: float, instant: float, by: float) -> float:
    return at + by if at >= instant else at


def _all_stepped(entry: Any, instant: float, by: float) -> Any:
    """Every instant in a manifest, epoch seconds being the only numbers as large as that."""
    if isinstance(entry, dict):
        return {name: _all_stepped(value, instant, by) for name, value in entry.items()}
    if isinstance(entry, list):
        return [_all_stepped(value, instant, by) for value in entry]
    return _stepped(entry, instant, by) if isinstance(entry, float) and entry > 1e9 else entry
