"""What a dumpcap writes, kept in ring files: a further file once one is full, none lost between two.

dumpcap itself could do that, but keeps packets back for up to 0.7 s where it writes to a file, and none of
another machine's reach the disk of this one.
"""

import struct
import threading
from collections.abc import Callable
from pathlib import Path

from harness.base.clock import Deadline
from harness.capture.blocks import INTERFACE, SECTION

Read = Callable[[], bytes]
"""The next bytes of a capture as they come; none at its end."""


class RingWriter(threading.Thread):
    """Writes the blocks of one capture stream into `POINT_00001.pcapng` and so on, each a whole capture file.

    `size`: bytes after which another file is begun. The writing goes on until the stream ends; what is
    wrong with the disk is kept in `fault`, and the stream read on, so that the capture can be ended.
    """

    def __init__(self, folder: Path, point: str, size: int, read: Read) -> None:
        super().__init__(name=f"writing {point}", daemon=True)
        self.files: list[Path] = []
        self.fault: OSError | None = None
        self._folder, self._point, self._size, self._read = folder, point, size, read
        self._awaited: dict[bytes, threading.Event] = {}
        self._head = bytearray()
        self._order = "<"
        self._head_done = False
        self._open_next()

    def run(self) -> None:
        """Until the stream ends."""
        rest = b""
        while data := self._read():
            data = rest + data
            end = self._write_blocks(data)
            rest = data[end:]
        self._put(rest)  # a packet that was cut is a finding; left out it would be none
        self._file.close()

    def expect(self, token: bytes) -> None:
        """Look for a packet with `token` in what is written from now on."""
        self._awaited[token] = threading.Event()

    def arrived(self, token: bytes, deadline: Deadline) -> bool:
        """Whether such a packet is in the file by the deadline."""
        return self._awaited[token].wait(deadline.left)

    def _write_blocks(self, data: bytes) -> int:
        """Write every whole block of `data`; where the last of them ends."""
        begin = at = 0
        while at + 12 <= len(data):
            kind, size = struct.unpack_from(f"{self._order}II", data, at)
            if kind == SECTION and data[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d":
                self._order = ">"
                kind, size = struct.unpack_from(">II", data, at)
            if at + max(size, 12) > len(data):
                break
            if not self._head_done:
                self._keep_head(kind, data[at : at + size])
            at += max(size, 12)
            if self._written + at - begin >= self._size and self._head_done:
                self._put(data[begin:at])
                self._file.close()
                self._open_next()
                begin = at
        self._put(data[begin:at])
        return at

    def _keep_head(self, kind: int, block: bytes) -> None:
        """What every further file has to begin with: section and interfaces."""
        if kind in (SECTION, INTERFACE):
            self._head += block
        else:
            self._head_done = True

    def _open_next(self) -> None:
        path = self._folder / f"{self._point}_{len(self.files) + 1:05d}.pcapng"
        self._file = path.open("wb", buffering=0)
        self._written = 0
        if self._head_done:
            self._put(bytes(self._head))
        self.files.append(path)

    def _put(self, data: bytes) -> None:
        if not data or self.fault is not None:
            return
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.fault = error
            return
        self._written += len(data)
        for token, event in list(self._awaited.items()):
            if not event.is_set() and token in data:
                event.set()
