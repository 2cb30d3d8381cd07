"""Processes that are started to be killed, with all that they start in their turn."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from harness.journal import guard

ROOT = Path(__file__).resolve().parents[1]
_MARK = "KILLS_RUN"
_numbers = itertools.count(1)


class Marked:
    """A process of a Python module, told with all its offspring from all others by their environment.

    `said` is the file for what it prints.
    """

    def __init__(self, module: str, *words: str, said: Path) -> None:
        self._mark = f"{os.getpid()}-{next(_numbers)}"
        self.began = time.monotonic()
        with said.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *words], cwd=ROOT, env=os.environ | {_MARK: self._mark},
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def sleep_until(self, seconds: float) -> None:
        """Until it has been running for `seconds` (real)."""
        time.sleep(max(0.0, self.began + seconds - time.monotonic()))

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self, within: float) -> int:
        """Its exit code, once it has ended; TimeoutExpired where it does not in `within` real seconds."""
        return self._process.wait(within)

    def kill(self) -> int:
        """Kill it alone; its exit code where it had ended before, else minus the signal."""
        self._process.kill()
        return self._process.wait()

    def kill_watchdog(self) -> None:
        """Kill whoever watches it or puts the lab back for it, also one that is only just starting."""
        while watchdogs := [pid for pid, words in self.left() if _watches(words)]:
            for pid in watchdogs:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def kill_with_watchdog(self) -> int:
        """The watchdog first: where that was starting only then, once more. The exit code of the process."""
        self.kill_watchdog()
        code = self.kill()
        self.kill_watchdog()
        return code

    def left(self) -> list[tuple[int, list[str]]]:
        """Its processes that still live, itself included: number and command."""
        return list(_with_mark(f"{_MARK}={self._mark}".encode()))


def _watches(words: list[str]) -> bool:
    return guard.__file__ in words or {"recover", "--lease-fd"} <= set(words)


def _with_mark(mark: bytes) -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name), (folder / "cmdline").read_text(errors="replace").split("\0")
