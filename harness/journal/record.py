"""The journal: an append-only file of what is about to be changed, what was, and what was put back.

Each line is a checksum, a space and a JSON object. A line is flushed and synced before the command
it announces is sent. A torn or damaged line is told by its checksum and costs nothing before it.
"""

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.base.clock import now
from harness.base.errors import HarnessFault


@dataclass(frozen=True)
class LabChange:
    """One change of the lab that must be undone.

    `kind`: "port", "outlet" or "registration"; `device` and `target` name the thing ("sw-home",
    "port1"); `was` is the state to go back to ("on", "off"; for a registration the protocol).
    """

    kind: str
    device: str
    target: str
    was: str


@dataclass
class Journal:
    """The journal of one bench. `open_changes` are those begun and not yet undone, oldest first."""

    path: Path
    _open: dict[int, LabChange] = field(default_factory=dict)
    _last: int = 0

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for entry in _entries(self.path):
            self._take(entry)

    @property
    def open_changes(self) -> list[tuple[int, LabChange]]:
        """What is to be undone, oldest first, with the numbers to report it by."""
        return sorted(self._open.items())

    def intend(self, change: LabChange, owner: str) -> int:
        """Write down that `change` is about to be made; on disk when this returns. Gives its number."""
        number = self._last + 1
        self._append({"n": number, "what": "intent", "change": asdict(change), "owner": owner})
        return number

    def done(self, number: int) -> None:
        """The change was made and read back."""
        self._append({"n": number, "what": "done"})

    def undone(self, number: int) -> None:
        """The state before the change is back, and was read back."""
        self._append({"n": number, "what": "undone"})

    def forget_settled(self) -> None:
        """Begin the file anew once nothing is open, so that it does not grow over the years."""
        if not self._open:
            self.path.unlink(missing_ok=True)

    def _append(self, entry: dict[str, Any]) -> None:
        body = json.dumps({"t": now(), **entry}, sort_keys=True).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        try:
            with self.path.open("ab") as file:
                # A torn line of a killed run has no newline; ours must not be glued to it.
                if file.tell() and not _ends_with_newline(self.path):
                    line = b"\n" + line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise HarnessFault(
                f"the journal {self.path} cannot be written ({error.strerror}) for '{entry['what']}'.",
                next_step="make room on the disk, then `bench recover`.",
            ) from None
        self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        number = int(entry["n"])
        self._last = max(self._last, number)
        if entry["what"] == "intent":
            self._open[number] = LabChange(**entry["change"])
        elif entry["what"] == "undone":
            self._open.pop(number, None)


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """Every undamaged entry of the file, in its order."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        checksum, _, body = line.partition(b" ")
        try:
            if int(checksum, 16) == zlib.crc32(body) and len(checksum) == 8:
                yield json.loads(body)
        except ValueError:
            continue


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
