"""Nothing is left on the machine: no process, namespace, lock or temporary file of the suite, and the bench is free.

`./lab test` marks when the suite began, and gives it a folder of its own for temporary files.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.journal.record import Journal

ROOT = Path(__file__).parents[2]
BEGAN = ROOT / ".lab" / "suite"
"""Touched when the suite begins."""
STATE = ROOT / ".lab" / "state"
NAMED = Path("/run/netns")


@pytest.fixture(scope="module")
def began() -> float:
    """When the suite began, epoch seconds."""
    if not BEGAN.exists():
        pytest.skip("only after ./lab test, which marks its beginning")
    return BEGAN.stat().st_mtime


def test_no_process_is_left(began: float) -> None:
    assert [f"{process.pid}: {' '.join(words(process))}" for process in of_the_suite(began)] == []


def test_no_namespace_is_left(began: float) -> None:
    """One without a process lives by a mount."""
    mounted = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - nsfs " in line]
    ours = (str(ROOT), tempfile.gettempdir())
    assert [line for line in mounted if any(folder in line for folder in ours)] == []
    assert [path.name for path in NAMED.glob("*") if path.lstat().st_ctime > began] == []


def test_no_lock_is_left(began: float) -> None:
    """Of a bench, that is; tests of the lease itself leave what they play with in pytest's own folder."""
    found = [*STATE.rglob("lease.*"), *Path(tempfile.gettempdir()).rglob("virtual*/lease.*")]
    assert [path for path in found if path.stat().st_mtime > began] == []


def test_nothing_is_open_in_any_journal(began: float) -> None:  # noqa: ARG001
    assert [path for path in STATE.rglob("journal") if Journal(path).open_changes] == []


def test_no_temporary_file_is_left(began: float) -> None:  # noqa: ARG001
    """But for pytest's own, which it keeps of its last three runs."""
    left = [path.name for path in Path(tempfile.gettempdir()).iterdir() if not path.name.startswith("pytest-of-")]
    assert left == []


def test_the_bench_is_free(began: float) -> None:  # noqa: ARG001
    words = [sys.executable, "-m", "harness.cli", "status"]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode in (0, 3), told.stdout + told.stderr
    assert "free (on this machine)" in told.stdout


def of_the_suite(began: float) -> Iterator[psutil.Process]:
    """The processes that began after the suite, with its environment, and are not those that run this test."""
    own = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            beside_us = process.pid in own or process.ppid() in own - {1}
            young = process.create_time() > began and not beside_us
            if young and process.environ().get("VIRTUAL_ENV") == str(ROOT / ".venv"):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


def words(process: psutil.Process) -> list[str]:
    """Its command line; a process may end while one looks."""
    try:
        return process.cmdline() or [process.name()]
    except psutil.NoSuchProcess:
        return ["ended meanwhile"]
