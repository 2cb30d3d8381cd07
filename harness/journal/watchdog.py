"""A small process beside each run that puts the lab back if the run dies, even by SIGKILL."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from harness.base.errors import HarnessFault
from harness.journal import guard
from harness.journal.lease import Lease

DONE = b"."


class Watchdog:
    """Begun once the lease is held; `check` it while waiting, `dismiss` it when the lab has been put back.

    `recover`: the command that puts the lab back; it is given the lock as `--lease-fd N`. `said`: file for its words.
    """

    def __init__(self, lease: Lease, recover: list[str], said: Path) -> None:
        self._lease, self._recover, self._said = lease, recover, said
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None

    @property
    def pid(self) -> int | None:
        """Its process, None where none runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it."""
        lock, run = self._lease.descriptor, os.pidfd_open(os.getpid())
        theirs, ours = os.pipe()
        words = [sys.executable, "-I", "-S", guard.__file__, str(run), str(theirs), *self._recover]
        try:
            with self._said.open("ab") as said:
                self._process = subprocess.Popen(
                    [*words, "--lease-fd", str(lock)], pass_fds=(run, theirs, lock), start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                )  # fmt: skip
        except OSError as error:
            os.close(ours)
            raise HarnessFault(
                f"the watchdog cannot be started ({error.strerror}).", next_step="make room for one more process."
            ) from None
        finally:
            os.close(theirs)
            os.close(run)
        self._pipe = ours

    def check(self) -> bool:
        """Whether it had to be started anew, since somebody had ended it; cheap."""
        if self._process is None or self._process.poll() is None:
            return False
        self._forget()
        self.start()
        return True

    def dismiss(self) -> None:
        """It need not look any more: the lab has been put back."""
        if self._process is None or self._pipe is None:
            return
        with suppress(BrokenPipeError):  # it was ended by somebody, and there is nothing left for it to do
            os.write(self._pipe, DONE)
        self._process.wait()
        self._forget()

    def _forget(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
        self._process = self._pipe = None
