"""A night that is interrupted or killed in the middle of an outage: the lab is put back, and can be used at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.base.clock import Deadline
from harness.inventory import Bench, find_bench
from harness.journal.lease import holder
from virtual_bench.kind import VirtualBench, links

ROOT = Path(__file__).parents[2]
BEGINS_WITHIN = 90.0
"""Real seconds for the outage to begin: no more than patience, on a machine that may do other things as well."""
WITHIN = 20.0
"""Real seconds for the lab to be put back."""

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    found = find_bench("virtual@killed")
    kind = VirtualBench()
    kind.up(found)
    yield found
    kind.down(found)


@pytest.fixture
def night(bench: Bench, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A night whose outage has begun: home's port is shut."""
    assert cli("recover", bench).returncode == 0
    command = [sys.executable, "-m", "pytest", "-q", "-m", "failover", "tests/resilience", "--episodes", "home_lost"]
    process = subprocess.Popen(
        [*command, "--bench", bench.name, "--runs", str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        assert holds(lambda: not home_has_link(bench), BEGINS_WITHIN)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda sent: sent.name
)
def test_a_night_that_is_ended_puts_the_lab_back(
    bench: Bench, night: subprocess.Popen[bytes], ended_by: signal.Signals
) -> None:
    night.send_signal(ended_by)
    assert holds(lambda: home_has_link(bench))
    assert holds(lambda: not runs_of(bench))
    assert night.wait(WITHIN) != 0


def test_a_killed_episode_is_put_back_by_its_watchdog(
    bench: Bench, night: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    os.kill(runs_of(bench)[0], signal.SIGKILL)
    assert holds(lambda: home_has_link(bench), 10)
    assert night.wait(WITHIN) == 10
    assert "the watchdog put sw-home port1 back to on" in (tmp_path / "latest" / "summary.md").read_text()


def test_when_run_and_night_are_killed_the_watchdog_puts_back_and_the_next_run_says_so(
    bench: Bench, night: subprocess.Popen[bytes]
) -> None:
    run = runs_of(bench)[0]
    kill_at_once(night.pid, run)
    assert holds(lambda: home_has_link(bench), 10)
    assert holds(lambda: holder(bench.state) is None)
    told = cli("recover", bench)
    assert "the watchdog put sw-home port1 back to on" in told.stdout
    assert "nothing was left" in cli("recover", bench).stdout


def test_the_next_run_says_what_the_watchdog_did(bench: Bench, night: subprocess.Popen[bytes], tmp_path: Path) -> None:
    run = runs_of(bench)[0]
    kill_at_once(night.pid, run)
    assert holds(lambda: home_has_link(bench), 10)
    with following(bench, tmp_path / "next", wait=20) as second:
        said = second.stdout
        assert said is not None
        assert any("waiting for" in line for line in iter(said.readline, "")), "it was to be in the episode by now"
        second.send_signal(signal.SIGINT)
    manifest = json.loads((tmp_path / "next" / "manifest.json").read_text())
    assert any("the watchdog put sw-home port1 back to on" in finding["message"] for finding in manifest["findings"])


def test_a_run_that_waits_takes_the_bench_over_once_its_holder_is_dead_and_puts_it_back_first(
    bench: Bench, night: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    run = runs_of(bench)[0]
    with following(bench, tmp_path / "next", wait=60) as second:
        said = second.stdout
        assert said is not None
        time.sleep(3)
        assert second.poll() is None, "it did not wait"
        assert holder_pid(bench) == run
        kill_at_once(night.pid, watchdog_of(run), run)
        lines: list[str] = []
        for line in iter(said.readline, ""):
            lines.append(line.strip())
            if "capturing at" in line:
                break
        second.send_signal(signal.SIGINT)
    told = "an earlier run left this bench changed; putting it back first"
    assert told in lines
    assert "putting sw-home port1 back to on" in lines[lines.index(told) :]
    assert home_has_link(bench)


def test_a_watchdog_that_was_killed_is_replaced(bench: Bench, night: subprocess.Popen[bytes]) -> None:
    run = runs_of(bench)[0]
    first = watchdog_of(run)
    os.kill(first, signal.SIGKILL)
    assert holds(lambda: watchdog_of(run) not in (0, first), 5)
    os.kill(run, signal.SIGKILL)
    assert holds(lambda: home_has_link(bench), 10)
    assert night.wait(WITHIN) == 10


def test_while_the_watchdog_is_at_it_nobody_else_gets_the_bench(
    bench: Bench, night: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    run = runs_of(bench)[0]
    held = holder(bench.state)
    assert held is not None
    assert held.purpose == "home_lost"
    refused = cli("run", bench, "home_lost", "--out", str(tmp_path / "second"))
    assert refused.returncode == 2
    assert f"it is in use by {held.user} (process {run} on" in refused.stderr
    watchdog = watchdog_of(run)
    os.kill(watchdog, signal.SIGSTOP)
    os.kill(run, signal.SIGKILL)
    assert holds(lambda: not runs_of(bench))
    assert holder(bench.state) is not None, "the lock was let go with the run"
    os.kill(watchdog, signal.SIGCONT)
    assert holds(lambda: home_has_link(bench), 10)
    night.wait(WITHIN)
    assert holder(bench.state) is None


def test_after_all_are_killed_recover_names_and_puts_back(bench: Bench, night: subprocess.Popen[bytes]) -> None:
    runs = runs_of(bench)
    kill_at_once(night.pid, *(watchdog_of(run) for run in runs), *runs)
    night.wait()
    assert holds(lambda: not runs_of(bench))
    assert not home_has_link(bench)
    told = cli("recover", bench)
    assert told.returncode == 0
    assert "put sw-home port1 back to on" in told.stdout
    assert home_has_link(bench)
    assert "nothing was left" in cli("recover", bench).stdout


@contextmanager
def following(bench: Bench, out: Path, wait: float) -> Iterator[subprocess.Popen[str]]:
    """Another run on the same bench, which waits for it."""
    words = [sys.executable, "-m", "harness.cli", "run", "home_lost", "--out", str(out), "--bench", bench.name]
    with subprocess.Popen(
        [*words, "--wait-for-bench", str(wait)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def kill_at_once(*processes: int) -> None:
    """None of them gets to do anything about another one's death."""
    assert all(processes)  # 0 would be this process's own group
    for sent in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            os.kill(process, sent)


def holder_pid(bench: Bench) -> int | None:
    found = holder(bench.state)
    return found.pid if found is not None else None


def home_has_link(bench: Bench) -> bool:
    """Asked of the bench itself, not of the harness."""
    return links(bench)["home"]


def runs_of(bench: Bench) -> list[int]:
    """The processes that play an episode on `bench`."""
    wanted = f"{bench.path}@killed"
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and {"run", wanted} <= set(arguments(folder))
    ]


def watchdog_of(run: int) -> int:
    """The process that waits for the death of a run; 0 where there is none."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and any(word.endswith("journal/guard.py") for word in arguments(folder)):
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            if int(status["PPid"]) == run and not status["State"].strip().startswith("Z"):
                return int(folder.name)
    return 0


def arguments(folder: Path) -> list[str]:
    try:
        return (folder / "cmdline").read_text().split("\0")
    except OSError:
        return []


def cli(command: str, bench: Bench, *more: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "harness.cli", command, *more, "--bench", bench.name]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def holds(condition: Callable[[], bool], within: float = WITHIN) -> bool:
    """Whether `condition` comes to hold in time."""
    return Deadline.after(within).poll(condition, every=0.1)
