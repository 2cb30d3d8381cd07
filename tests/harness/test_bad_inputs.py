"""Bad inputs through the real command line: one clear message, exit code not 0, no traceback, no secret."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import pytest

from harness.base.errors import HarnessFault
from harness.base.transcripts import Transcript, Transcripts
from harness.inventory import find_bench
from harness.journal.door import Door
from harness.journal.record import Journal, LabChange

REPOSITORY = Path(__file__).parents[2]
CLEAR_TEXT = "hunter2-in-clear"

BAD = {
    "unknown dialect": (
        "switches: {sw-home: {dialect: pdp11}}",
        "switches.sw-home.dialect: unknown dialect 'pdp11'; expected one of cisco_ios",
    ),
    "port used twice": (
        "phones: {phone-1140E: {port: {port: port1}}}",
        "phones.phone-1140E.port: port 'port1' of 'sw-phones' connects 'phone-J179', and a port serves one device",
    ),
    "outlet used twice": (
        "phones: {phone-1140E: {outlet: {outlet: 3}}}",
        "phones.phone-1140E.outlet: outlet 3 of 'pdu-1' is for 'phone-J179', and an outlet serves one device",
    ),
    "two phones with one extension": (
        "phones: {phone-1140E: {extension: '301'}}",
        "phones.phone-1140E.extension: this extension is already that of phones.phone-J179",
    ),
    "secret in clear text": (
        f"switches: {{sw-home: {{login: {{password: {CLEAR_TEXT}}}}}}}",
        "switches.sw-home.login.password: a secret in clear text is refused",
    ),
    "secret in clear text, twice": (
        f"switches: {{sw-home: {{login: {{password: {CLEAR_TEXT}, password: {CLEAR_TEXT}}}}}}}",
        'this is not YAML (found duplicate key "password")',
    ),
    "secret in clear text that YAML takes for an alias": (
        f"switches: {{sw-home: {{login: {{password: *{CLEAR_TEXT}}}}}}}",
        "this is not YAML (found undefined alias '…')",
    ),
}


def bad_bench(folder: Path, text: str) -> Path:
    """The file of a bench called `bad`: the virtual one with one thing wrong."""
    path = folder / "bad.yaml"
    path.write_text(f"extends: {REPOSITORY / 'lab_inventory' / 'virtual.yaml'}\n{text}\n")
    return path


def said_by(module: str, *arguments: str | Path) -> tuple[int, str]:
    """The exit code of a command line, and all that it printed."""
    with tempfile.TemporaryDirectory() as state:
        ended = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"LAB_STATE": state},
        )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def told_once(printed: str, message: str) -> None:
    """`message` is said once, in one line with the bench, the file's line and a next step; nothing else is told."""
    (line,) = (line for line in printed.splitlines() if message in line)
    assert "bad: " in line
    assert "bad.yaml:2: " in line
    assert " Next: " in line
    assert "Traceback" not in printed
    assert CLEAR_TEXT not in printed


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bench_inventory_check_names_it(tmp_path: Path, text: str, message: str) -> None:
    code, printed = said_by("harness.cli", "inventory", "check", bad_bench(tmp_path, text))
    assert code == 2
    told_once(printed, message)
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize("name", ["port used twice", "secret in clear text"])
def test_pytest_names_it_and_judges_nothing(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    code, printed = said_by(
        "pytest", "-q", "-m", "failover", "tests/resilience", "--bench", bad_bench(tmp_path, text), "--runs", tmp_path
    )
    assert code == pytest.ExitCode.USAGE_ERROR
    told_once(printed, message)
    assert not list(tmp_path.glob("*-bad"))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("virtual,virtual", "bench virtual is named twice. Next: name each bench once."),
        ("virtual,virtual@2,virtual-all", "virtual and virtual-all have different phones or settings. Next: "),
        ("virtual*2,nowhere", "there is no bench 'nowhere'"),
        ("virtual,", "'' is not a bench's name."),
    ],
)
def test_benches_that_cannot_share_a_night(tmp_path: Path, names: str, message: str) -> None:
    code, printed = said_by("pytest", "-qm", "failover", "tests/resilience", "--runs", tmp_path, "--bench", names)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert printed.count(message) == 1
    assert "Traceback" not in printed


def test_benches_share_a_night_only_where_they_can_play_the_same_episodes(tmp_path: Path) -> None:
    flat = bad_bench(tmp_path, "sites: {phones: {router: null}}")
    names = f"virtual,{flat}"
    code, printed = said_by("pytest", "-qm", "failover", "tests/resilience", "--runs", tmp_path, "--bench", names)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "virtual and bad cannot both play paths_blocked. Next: " in printed


def test_benches_that_differ_in_their_addresses_share_a_night(tmp_path: Path) -> None:
    other = bad_bench(tmp_path, "lab_host: {address: 10.77.99.2/24}")
    code, printed = said_by("pytest", "--co", "-m", "failover", "tests/resilience", "--bench", f"virtual*2,{other}")
    assert code == 0
    assert "bench: virtual@1, virtual@2, bad — " in printed


def test_an_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    bench = bad_bench(tmp_path, "kind: real")
    code, printed = said_by("harness.cli", "run", "home_lost", "--bench", bench, "--out", tmp_path / "file" / "out")
    assert code == 2
    assert "configuration: bad: the folder" in printed
    assert "(Not a directory). Next: " in printed
    assert "Traceback" not in printed


class FullDisk:
    """`Path.open` on a disk without room, until `room` is True."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = False
        really = Path.open

        def opened(path: Path, mode: str = "r", **rest: Any) -> IO[Any]:
            if not self.room and mode.startswith("a"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            return really(path, mode, **rest)

        monkeypatch.setattr(Path, "open", opened)


def test_a_transcript_waits_for_room_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk(monkeypatch)
    transcript = Transcript(tmp_path / "sw-home.txt")
    transcript.sent("no shutdown")
    disk.room = True
    transcript.received("sw-home#")
    assert [line.split(" ", 1)[1] for line in (tmp_path / "sw-home.txt").read_text().splitlines()] == [
        "> no shutdown",
        "< sw-home#",
    ]


def test_a_journal_without_room_keeps_nothing_from_being_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = find_bench("virtual")
    journal = Journal(tmp_path / "journal")
    for port in ("port1", "port2"):
        journal.intend(LabChange("port", "sw-phones", port, "on"), "a test")
    door = Door(bench, journal, Transcripts(None), "a test")
    back: list[str] = []
    monkeypatch.setattr(door, "_back", lambda change: back.append(change.target))
    disk = FullDisk(monkeypatch)
    found = door.put_back(1.0, lambda _: None)
    assert back == ["port2", "port1"]
    assert [failure.partition(": ")[0] for failure in found.failures] == [
        "sw-phones port2 back to on",
        "sw-phones port1 back to on",
    ]
    assert "cannot be written (No space left on device) for 'undone'" in found.failures[0]
    with pytest.raises(HarnessFault, match="make room"):
        journal.intend(LabChange("outlet", "pdu-1", "3", "on"), "a test")
    disk.room = True
    assert door.put_back(1.0, lambda _: None).clean
