"""One run at a time per bench: a kernel lock on a file, with its holder's name for whoever comes next.

The lock covers one host. It belongs to the open file, so a watchdog that inherited that goes on holding it when
the run dies, and nobody comes in between; it is gone when the last of them is.
"""

import fcntl
import getpass
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from harness.base.clock import Deadline, now
from harness.base.errors import LabFault

NAMELESS_FOR = 0.5
"""Real seconds in which a new holder has written its name."""
RENEWED_EVERY = 1.0
"""Real seconds between two signs of life of a holder."""


@dataclass(frozen=True)
class Holder:
    """Who has a bench: `since` and `renewed` in epoch seconds."""

    user: str
    host: str
    pid: int
    since: float
    purpose: str
    renewed: float

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.user} (process {self.pid} on {self.host}) since {since}, for {self.purpose}"


class Lease:
    """The right to use a bench. `purpose` is shown to whoever waits for it.

    `inherited`: the descriptor of a lock that is held already, by the run that died.
    """

    def __init__(self, state: Path, bench: str, purpose: str, inherited: int | None = None) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._file, self._card = state / "lease.lock", state / "lease.json"
        self._bench, self._purpose = bench, purpose
        self._held = inherited
        self._told = 0.0

    @property
    def descriptor(self) -> int:
        """The lock's own, to be inherited by a watchdog."""
        if self._held is None:
            raise RuntimeError("the lease is not held")
        return self._held

    def acquire(self, wait: float = 0.0) -> None:
        """Take it, waiting `wait` real seconds at most. Raises LabFault that names the holder."""
        if self._held is None and not self._get(wait):
            raise LabFault(
                f"it is in use by {holder_of(self._card) or 'a run that left no name'}.",
                bench=self._bench,
                next_step="wait for that run, or use --wait-for-bench SECONDS.",
            )
        self._since = now()
        self.renew()

    def renew(self) -> None:
        """A sign of life; cheap: call it while waiting."""
        if time.monotonic() - self._told < RENEWED_EVERY:
            return
        self._told = time.monotonic()
        card = Holder(getpass.getuser(), socket.gethostname(), os.getpid(), self._since, self._purpose, now())
        temporary = self._card.with_suffix(".new")
        temporary.write_text(json.dumps(vars(card)))
        temporary.rename(self._card)

    def release(self) -> None:
        """Give it back, also for those who inherited it."""
        if self._held is None:
            return
        self._card.unlink(missing_ok=True)
        self._file.unlink(missing_ok=True)
        fcntl.flock(self._held, fcntl.LOCK_UN)
        os.close(self._held)
        self._held = None

    def _get(self, wait: float) -> bool:
        """Whether it is ours within `wait` real seconds; a little longer while nobody has left a name.

        Then the file was just removed by its last holder, or somebody merely looks who has it.
        """
        if Deadline.after(wait).poll(self._taken, every=0.1):
            return True
        return holder_of(self._card) is None and Deadline.after(NAMELESS_FOR).poll(self._taken, every=0.02)

    def _taken(self) -> bool:
        """Whether it is ours now. A file that its last holder has removed meanwhile locks nothing."""
        opened = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o666)
        if _locked(opened) and _is_at(opened, self._file):
            self._held = opened
            return True
        os.close(opened)
        return False


def holder(state: Path) -> Holder | None:
    """Who holds the bench with that state now; None where nobody does."""
    try:
        opened = os.open(state / "lease.lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if _locked(opened, fcntl.LOCK_SH):  # two that look do not disturb each other
            return None
    finally:
        os.close(opened)
    return holder_of(state / "lease.json") or Holder("somebody", "this host", 0, 0.0, "nobody knows what", 0.0)


def holder_of(card: Path) -> Holder | None:
    """What a holder wrote of itself; None where that cannot be read."""
    try:
        return Holder(**json.loads(card.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _locked(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
