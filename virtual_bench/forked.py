"""A device that runs what this process has already loaded: a fork of it, in namespaces of its own.

A telephone is there at once so, however many get power at a time. To load Python and the inventory anew takes each of
them a third of a second of CPU: of 26 telephones on two cores the last one would boot minutes of bench time late.
"""

import asyncio
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import IO, NoReturn

from virtual_bench.namespaces import own_mounts

FIRST_DESCRIPTOR = 3
"""Behind those of input, output and errors."""


class Forked:
    """A child without a program of its own, as `subprocess.Popen` has those that have one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its exit code, that of `subprocess.Popen`; None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        """The same, once it has ended."""
        code = self._reap(0)
        assert code is not None
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless its end is known."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _reap(self, options: int) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self.pid, options)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status


def fork(main: Callable[[], None], script: str, output: IO[bytes]) -> Forked:
    """A child whose output goes to `output`: it runs the shell lines of `script` in mounts of its own, then `main`."""
    pid = os.fork()
    if not pid:
        _live(main, script, output.fileno())
    return Forked(pid)


def _live(main: Callable[[], None], script: str, output: int) -> NoReturn:
    """What the parent has on its stack stays there, untouched: nothing returns from here."""
    try:
        _let_go_of_the_parent(output)
        own_mounts()
        subprocess.run(["/bin/sh", "-e", "-c", script, "sh", "true"], check=True)
        main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _let_go_of_the_parent(output: int) -> None:
    """Its descriptors, and its event loop: that goes by process numbers, and both are the first of their namespace."""
    silence = os.open(os.devnull, os.O_RDONLY)
    for descriptor, becomes in enumerate((silence, output, output)):
        os.dup2(becomes, descriptor)
    os.closerange(FIRST_DESCRIPTOR, os.sysconf("SC_OPEN_MAX"))
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    asyncio._set_running_loop(None)
