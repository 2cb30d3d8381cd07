"""The journal: an append-only file of what is about to be changed, what was, and what was put back.

Each line is a checksum, a space and a JSON object. A line is flushed and synced before the command
it announces is sent. A torn or damaged line is told by its checksum and costs no other, also where the
damage is the end of a line. What was changed is said twice, in `intent` and in `done`: one of them is enough.
"""

import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.base.clock import now
from harness.base.errors import HarnessFault


@dataclass(frozen=True)
class LabChange:
    """One change of the lab that must be undone.

    `kind`: "port", "path", "outlet" or "registration"; `device` and `target` name the thing ("sw-home",
    "port1"); `was` is the state to go back to ("on", "off"; for a registration the protocol). `handle`: what the
    system knows a registration by, once it has said so.
    """

    kind: str
    device: str
    target: str
    was: str
    handle: str = ""

    @property
    def thing(self) -> tuple[str, str, str]:
        """What it is a change of."""
        return self.kind, self.device, self.target


@dataclass
class Journal:
    """The journal of one bench. `damaged`: bytes that belong to no entry any more, found when it was read."""

    path: Path
    damaged: int = 0
    _open: dict[int, LabChange] = field(default_factory=dict)
    _last: int = 0

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.read()

    def read(self) -> None:
        """Read it (again) from the disk: once the bench is ours, nobody else writes there any more."""
        self._open, self._last = {}, 0
        data = self.path.read_bytes() if self.path.exists() else b""
        understood = 0
        for entry, length in _entries(data):
            understood += length
            self._take(entry)
        self.damaged = len(data) - data.count(b"\n") - understood

    @property
    def open_changes(self) -> list[tuple[int, LabChange]]:
        """What is to be undone, oldest first, with the numbers to report it by."""
        return sorted(self._open.items())

    def intend(self, change: LabChange, owner: str) -> int:
        """Write down that `change` is about to be made; on disk when this returns. Gives its number."""
        number = self._last + 1
        self._append({"n": number, "what": "intent", "change": asdict(change), "owner": owner})
        return number

    def done(self, number: int, handle: str = "") -> None:
        """The change was made and read back; `handle` is that of LabChange, where there is one."""
        change = replace(self._open[number], handle=handle)
        self._append({"n": number, "what": "done", "change": asdict(change)})

    def undone(self, number: int) -> None:
        """The state before the change is back, and was read back."""
        self._append({"n": number, "what": "undone"})

    def forget_settled(self) -> None:
        """Begin the file anew once nothing is open, so that it does not grow over the years."""
        if not self._open:
            self.path.unlink(missing_ok=True)
            self.damaged = 0

    def _append(self, entry: dict[str, Any]) -> None:
        body = json.dumps({"t": now(), **entry}, sort_keys=True).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        try:
            began = not self.path.exists()
            with self.path.open("ab") as file:
                # A torn line of a killed run has no newline; ours must not be glued to it.
                if file.tell() and not _ends_with_newline(self.path):
                    line = b"\n" + line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            if began:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise HarnessFault(
                f"the journal {self.path} cannot be written ({error.strerror}) for '{entry['what']}'.",
                next_step="make room on the disk, then `bench recover`.",
            ) from None
        self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        number = int(entry["n"])
        self._last = max(self._last, number)
        if "change" in entry:
            self._open[number] = LabChange(**entry["change"])
        elif entry["what"] == "undone":
            self._open.pop(number, None)


_BEGINS = re.compile(rb"([0-9a-f]{8}) (?=\{)")


def _entries(data: bytes) -> Iterator[tuple[dict[str, Any], int]]:
    """Every undamaged entry, in its order, with its length in bytes, wherever in a line it begins."""
    place = 0
    while found := _BEGINS.search(data, place):
        body = _object_at(data, found.end())
        if body and zlib.crc32(body) == int(found[1], 16):
            place = found.end() + len(body)
            yield json.loads(body), place - found.start()
        else:
            place = found.start() + 1


def _object_at(data: bytes, begin: int) -> bytes:
    """The JSON object that begins there, as far as it is one."""
    end = data.find(b"\n", begin)
    text = data[begin : end if end >= 0 else len(data)].decode("latin-1")
    try:
        _, length = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return b""
    return data[begin : begin + length]


def _sync_folder(folder: Path) -> None:
    """A new file's name is on disk, too."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
