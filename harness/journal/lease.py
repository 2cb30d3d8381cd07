"""One run at a time per bench: a kernel lock on a file, with its holder's name for whoever comes next.

The lock covers one host. It is gone with the process that holds it, however that ends.
"""

import getpass
import json
import os
import socket
import time
from pathlib import Path

from filelock import FileLock, Timeout

from harness.base.clock import Deadline
from harness.base.errors import LabFault


class Lease:
    """The right to use a bench. `purpose` is shown to whoever waits for it."""

    def __init__(self, state: Path, bench: str, purpose: str) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(state / "lease.lock")
        self._holder = state / "lease.json"
        self._bench, self._purpose = bench, purpose

    def acquire(self, wait: float = 0.0) -> None:
        """Take it, waiting `wait` real seconds at most. Raises LabFault that names the holder."""
        deadline = Deadline.after(wait)
        try:
            self._lock.acquire(timeout=deadline.left)
        except Timeout:
            raise LabFault(
                f"it is in use by {self._held_by()}.",
                bench=self._bench,
                next_step="wait for that run, or use --wait-for-bench SECONDS.",
            ) from None
        self._holder.write_text(json.dumps(self._card()))

    def release(self) -> None:
        """Give it back."""
        self._holder.unlink(missing_ok=True)
        self._lock.release()

    def _card(self) -> dict[str, object]:
        return {
            "user": getpass.getuser(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            "for": self._purpose,
        }

    def _held_by(self) -> str:
        try:
            card = json.loads(self._holder.read_text())
        except (OSError, ValueError):
            return "a run that left no name"
        return f"{card['user']} (process {card['pid']} on {card['host']}) since {card['since']}, for {card['for']}"
