"""What was put back after a run had died, kept until somebody has been told."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.base.clock import now


@dataclass(frozen=True)
class Deed:
    """One recovery: `at` in epoch seconds, `by` whom; one sentence per change in `restored` and `failures`."""

    at: float
    by: str
    restored: tuple[str, ...]
    failures: tuple[str, ...] = ()


class Deeds:
    """The recoveries of one bench that nobody has been told of yet."""

    def __init__(self, state: Path) -> None:
        self._path = state / "deeds.jsonl"

    def keep(self, by: str, restored: tuple[str, ...], failures: tuple[str, ...]) -> None:
        """Write one down."""
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(Deed(now(), by, restored, failures))) + "\n")

    def tell(self) -> list[Deed]:
        """All of them, oldest first; from then on they count as told."""
        if not self._path.exists():
            return []
        lines = self._path.read_text().splitlines()
        self._path.unlink()
        return [deed for line in lines if (deed := _read(line)) is not None]


def _read(line: str) -> Deed | None:
    try:
        entry = json.loads(line)
        return Deed(entry["at"], entry["by"], tuple(entry["restored"]), tuple(entry["failures"]))
    except (ValueError, KeyError, TypeError):
        return None  # of a recovery that was killed while it wrote


def told(deed: Deed) -> list[str]:
    """What was done after a run had died, a line per change."""
    when = time.strftime("%H:%M:%S", time.localtime(deed.at))
    return [f"at {when} {deed.by} put {what}" for what in deed.restored] + [
        f"at {when} {deed.by} could NOT put {failure}" for failure in deed.failures
    ]
