"""The truth log: what an emulated unit decided, and when, for the tests of the harness to compare with.

One JSON object a line: `t` (CLOCK_REALTIME, epoch seconds, taken right before sending or right after
receiving), `what`, and what belongs to it. The harness itself never reads it.
"""

import json
import time
from pathlib import Path

FOLDER = "truth"


class TruthLog:
    """The log of one unit, appended to, also over its reboots."""

    def __init__(self, state: Path, device: str) -> None:
        folder = state / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        # Unbuffered and in append mode: a killed process loses nothing, and two never mix their lines.
        self._file = (folder / f"{device}.jsonl").open("ab", buffering=0)
        self._held: list[dict[str, object]] | None = None

    def write(self, what: str, **about: object) -> None:
        """Keep that `what` happened now, or when `release` is called; entries of `about` that are None are left out."""
        entry = {"what": what} | {key: value for key, value in about.items() if value is not None}
        if self._held is None:
            self._keep(entry)
        else:
            self._held.append(entry)

    def hold(self) -> None:
        """What is written from now on happens only when it is sent: the answer has to be encoded first."""
        self._held = []

    def release(self) -> None:
        """It is sent now."""
        held, self._held = self._held or [], None
        for entry in held:
            self._keep(entry)

    def _keep(self, entry: dict[str, object]) -> None:
        self._file.write(json.dumps({"t": time.time()} | entry).encode() + b"\n")


def has_truth(state: Path, device: str) -> bool:
    """Whether `device` has run on this bench before."""
    return (state / FOLDER / f"{device}.jsonl").exists()
