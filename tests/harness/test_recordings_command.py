"""`bench recordings`: list, show, prune, share."""

import json
import os
import tarfile
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli import app
from harness.commands.pruning import to_prune
from harness.episodes.manifest import FILE, Clocks, FaultFound, Manifest, PutBack
from harness.episodes.recording import Recording
from tests.harness.decoding import T0, needs_tshark
from tests.harness.recorded import record

OLD = 1_767_000_000.0
"""In December 2025."""


def bench(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})


def run(runs: Path, name: str, written: float = OLD) -> Path:
    """A run's folder with one file of a MiB, written at an instant (epoch seconds)."""
    folder = runs / name
    (folder / "recordings").mkdir(parents=True)
    file = folder / "recordings" / "log.txt"
    file.write_bytes(bytes(1 << 20))
    os.utime(file, (written, written))
    return folder


def names(runs: Path) -> list[str]:
    return sorted(path.name for path in runs.iterdir())


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs, the oldest of them the latest by its link, and a folder and a link that are none."""
    folder = tmp_path / "runs"
    for name in ("20260101-000000-virtual", "20260102-000000-virtual", "20260103-000000-virtual@2", "notes"):
        run(folder, name)
    (folder / "latest").symlink_to("20260101-000000-virtual")
    (folder / "20250101-000000-link").symlink_to(tmp_path)
    return folder


def test_the_list_tells_run_size_packets_and_how_it_was_left(tmp_path: Path) -> None:
    place = tmp_path / "20260101-000000-virtual" / "recordings"
    record(place)
    record(place, episode="failed", fault=FaultFound(blame="lab", device="home", message="it is gone."),
           put_back=PutBack(clean=False, failures=("sw-home port1",)))  # fmt: skip
    (place / "damaged").mkdir()
    (place / "damaged" / FILE).write_text("{")
    rows = [line.split() for line in bench("recordings", "list", tmp_path).stdout.splitlines()]
    assert ["20260101-000000-virtual"] in rows
    good = next(row for row in rows if row[0] == "home_lost")
    assert good[1] == "virtual"
    assert [good[4], *good[6:]] == ["40", "50", "0", "2", "clean"]
    assert any("NOT PUT BACK; lab fault: it is gone." in " ".join(row) for row in rows)
    assert any(row[0] == "damaged" and "is damaged" in " ".join(row) for row in rows)


def test_an_old_recording_says_in_which_version_it_was_written(tmp_path: Path) -> None:
    folder = record(tmp_path)
    raw = json.loads((folder / FILE).read_text())
    for capture in raw["captures"]:
        file = capture.pop("files")[0]["name"]
        capture |= {"file": file, "sha256": raw["files"][file]}
        del capture["losses"], capture["own_clock"], capture["keys"]
    (folder / FILE).write_text(json.dumps({**raw, "schema_version": 1, "files": {}, "migrated_from": None}))
    row = next(
        line.split() for line in bench("recordings", "list", tmp_path).stdout.splitlines() if "home_lost" in line
    )
    assert row[-2:] == ["1", "clean"]
    assert "schema version 1, read as 2" in bench("recordings", "show", folder).stdout


@needs_tshark
def test_one_recording_in_full(tmp_path: Path) -> None:
    folder = record(tmp_path, clocks=(Clocks(realtime=T0, monotonic=1), Clocks(realtime=T0 + 40, monotonic=41.002)))
    (folder / "host.txt").write_text(f"{T0 + 1:.6f} 1.000000 0.003000\n{T0 + 2:.6f} 2.000000 0.026200\n")
    said = bench("recordings", "show", folder)
    assert said.exit_code == 0, said.output
    text = " ".join(said.stdout.split())
    for words in (
        "home_lost on bench virtual", "40.0 s, that is 1200 bench s; schema version 2", "put back clean: sw-home port1",
        "home capture/home_00001.pcapng 22", "as recorded", "cut sw-home port1 150.00 153.00",
        "TLS keys in keys/home.txt",
        "phone-J179 at the failover system 180.0 363.0 happened", "moved by 2.00 ms at most",
        "2 readings of the host, at most 1.0 s apart: late by 26.2 ms at 60.0 bench s", "tshark 4.0", "damage none",
    ):  # fmt: skip
        assert words in text


@needs_tshark
def test_what_was_changed_or_is_missing_is_named(tmp_path: Path) -> None:
    folder = record(tmp_path)
    file = folder / "capture" / "home_00001.pcapng"
    file.write_bytes(file.read_bytes()[:-20])
    (folder / "keys" / "home.txt").unlink()
    text = " ".join(bench("recordings", "show", folder).stdout.split())
    assert "1200.0 CHANGED" in text or "CHANGED failover" in text
    assert "keys/home.txt: missing" in text
    assert text.count("CHANGED") == 1


def test_prune_asks_for_a_rule(runs: Path) -> None:
    for words in ((), ("--keep", 1, "--older-than", 1)):
        said = bench("recordings", "prune", "--runs", runs, *words)
        assert said.exit_code == 2
        assert "--keep N or --older-than DAYS" in said.stderr
    assert len(names(runs)) == 6


def test_the_newest_runs_stay_and_the_latest_too(runs: Path) -> None:
    said = bench("recordings", "prune", "--runs", runs, "--keep", 1)
    assert names(runs) == [
        "20250101-000000-link", "20260101-000000-virtual", "20260103-000000-virtual@2", "latest", "notes"
    ]  # fmt: skip
    assert "latest points to it" in said.stdout
    assert "removed 1 run, 1.0 MiB" in said.stdout


def test_runs_older_than_some_days_go(runs: Path) -> None:
    day = time.mktime(time.strptime("20260103-120000", "%Y%m%d-%H%M%S"))
    found = to_prune(runs, day, older_than=1)
    assert [run.folder.name for run in found.goes] == ["20260102-000000-virtual"]
    assert not to_prune(runs, day, older_than=3).goes


def test_a_dry_run_removes_nothing(runs: Path) -> None:
    before = names(runs)
    said = bench("recordings", "prune", "--runs", runs, "--keep", 0, "--dry-run")
    assert "would remove 2 runs, 2.0 MiB" in said.stdout
    assert names(runs) == before


def test_a_run_that_may_still_be_recorded_stays(runs: Path) -> None:
    run(runs, "20260104-000000-virtual", written=time.time() - 5)
    said = bench("recordings", "prune", "--runs", runs, "--keep", 0)
    assert "20260104-000000-virtual" in names(runs)
    assert "written to within the last ten minutes" in said.stdout


def test_a_shared_recording_has_no_keys_and_can_be_judged(tmp_path: Path) -> None:
    folder, out = record(tmp_path / "here"), tmp_path / "night.tar.gz"
    (folder / "keys" / "unknown.txt").write_text("CLIENT_RANDOM")
    said = bench("recordings", "share", folder, "--out", out)
    assert "left out: keys/home.txt, keys/unknown.txt" in said.stdout
    with tarfile.open(out) as archive:
        assert not any("keys" in name for name in archive.getnames())
        assert {(entry.uname, entry.uid) for entry in archive} == {("", 0)}
        archive.extractall(tmp_path / "there", filter="data")
    shared = Recording.load(tmp_path / "there" / "home_lost")
    assert shared.manifest == Manifest.read(folder)
    assert (shared.folder / "log.txt").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    folder, out = record(tmp_path), tmp_path / "night.tar.gz"
    out.write_text("mine")
    said = bench("recordings", "share", folder, "--out", out)
    assert said.exit_code == 2
    assert "is there already" in said.stderr
    assert out.read_text() == "mine"


def test_keys_that_lie_elsewhere_are_left_out_too(tmp_path: Path) -> None:
    folder, out = record(tmp_path), tmp_path / "night.tar.gz"
    (folder / "capture" / "secret.txt").write_text("CLIENT_RANDOM")
    manifest = Manifest.read(folder)
    captures = tuple(one.model_copy(update={"keys": "capture/secret.txt"}) for one in manifest.captures)
    manifest.model_copy(update={"captures": captures}).write(folder)
    assert "capture/secret.txt" in bench("recordings", "share", folder, "--out", out).stdout
    with tarfile.open(out) as archive:
        assert not any("secret" in name for name in archive.getnames())
