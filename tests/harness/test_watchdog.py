"""Lease and watchdog without a bench: what a run that dies leaves to whom."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.base.errors import LabFault
from harness.journal.deeds import Deeds, told
from harness.journal.lease import Lease, holder

RUN = """
    import sys, time
    from pathlib import Path
    from harness.journal.lease import Lease
    from harness.journal.watchdog import Watchdog

    state = Path(sys.argv[1])
    lease = Lease(state, "bench", "an outage")
    lease.acquire()
    watchdog = Watchdog(lease, [sys.executable, sys.argv[2], str(state)], state / "said.txt")
    watchdog.start()
    (state / "pid").write_text(str(watchdog.pid))
    sys.stdin.readline()
    watchdog.dismiss()
    lease.release()
"""
RECOVERY = """
    import fcntl, os, sys, time
    from pathlib import Path

    state, lock = Path(sys.argv[1]), int(sys.argv[sys.argv.index("--lease-fd") + 1])
    other = os.open(state / "lease.lock", os.O_RDWR)
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (state / "recovered").write_text("with the lock")
    time.sleep(0.5)
"""


@pytest.fixture
def run(tmp_path: Path) -> subprocess.Popen[str]:
    """A run that holds a lease and has a watchdog, until it reads a line."""
    for name, text in (("run.py", RUN), ("recovery.py", RECOVERY)):
        (tmp_path / name).write_text(textwrap.dedent(text))
    words = [sys.executable, str(tmp_path / "run.py"), str(tmp_path), str(tmp_path / "recovery.py")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert holds(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    return process


def holds(condition: Callable[[], bool], within: float = 15.0) -> bool:
    until = time.monotonic() + within
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def test_a_run_that_is_killed_leaves_its_lock_and_its_work_to_the_watchdog(
    run: subprocess.Popen[str], tmp_path: Path
) -> None:
    held = holder(tmp_path)
    assert held is not None
    assert (held.pid, held.purpose) == (run.pid, "an outage")
    with pytest.raises(LabFault, match=rf"in use by .* \(process {run.pid} on .*for an outage"):
        Lease(tmp_path, "bench", "another").acquire()
    run.kill()
    run.wait()
    assert holds((tmp_path / "recovered").exists)
    assert (tmp_path / "recovered").read_text() == "with the lock"
    waiting = Lease(tmp_path, "bench", "the next")
    waiting.acquire(wait=10)
    waiting.release()
    assert holder(tmp_path) is None


def test_a_run_that_is_done_dismisses_it(run: subprocess.Popen[str], tmp_path: Path) -> None:
    watchdog = int((tmp_path / "pid").read_text())
    run.communicate("\n")
    assert not Path(f"/proc/{watchdog}").exists()
    assert not (tmp_path / "recovered").exists()
    assert holder(tmp_path) is None


def test_it_is_deaf_to_what_ends_a_session_and_costs_next_to_nothing(
    run: subprocess.Popen[str], tmp_path: Path
) -> None:
    watchdog = psutil.Process(int((tmp_path / "pid").read_text()))
    assert holds(lambda: watchdog.name().startswith("python") and watchdog.num_threads() == 1)
    time.sleep(0.3)
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        watchdog.send_signal(ignored)
    before = sum(watchdog.cpu_times()[:2])
    time.sleep(1)
    assert watchdog.is_running()
    assert sum(watchdog.cpu_times()[:2]) - before < 0.02
    assert watchdog.memory_info().rss < 25 << 20
    assert os.getsid(watchdog.pid) != os.getsid(run.pid)
    run.communicate("\n")


def test_deeds_are_told_once(tmp_path: Path) -> None:
    deeds = Deeds(tmp_path)
    deeds.keep("the watchdog", ("sw-home port1 back to on",), ("pdu-1 3 back to on: it is dead",))
    with (tmp_path / "deeds.jsonl").open("a") as file:
        file.write('{"at": 1')  # of a recovery that was killed
    lines = [line for deed in deeds.tell() for line in told(deed)]
    assert [line.partition("the watchdog ")[2] for line in lines] == [
        "put sw-home port1 back to on",
        "could NOT put pdu-1 3 back to on: it is dead",
    ]
    assert deeds.tell() == []
