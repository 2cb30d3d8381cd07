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

SECTION_MARK = b"\x0a\x0d\x0d\x0a"
"""How pcapng begins, in either byte order."""
_BIG_ENDIAN = b"\x1a\x2b\x3c\x4d"
_BEGIN = {order: struct.Struct(f"{order}II").unpack_from for order in "<>"}
_SHOWN = 60
Read = Callable[[], bytes]
"""The next bytes of a capture as they come; none at its end."""


class RingWriter(threading.Thread):
    """Writes the blocks of one capture stream into `POINT_00001.pcapng` and so on, each a whole capture file.

    `size`: bytes after which another file is begun. The stream is read to its end whatever happens, so that the
    capture can be ended: what is wrong with the disk is kept in `fault`, and in `foreign` how a stream begins
    that is no capture, such as the greeting of another machine's shell; nothing of that is written.
    Making one raises OSError where the first file cannot be made.
    """

    def __init__(self, folder: Path, point: str, size: int, read: Read) -> None:
        super().__init__(name=f"writing {point}", daemon=True)
        self.files: list[Path] = []
        self.fault: OSError | None = None
        self.foreign = b""
        self._folder, self._point, self._size, self._read = folder, point, size, read
        self._awaited: dict[bytes, threading.Event] = {}
        self._head = bytearray()
        self._begin_of = _BEGIN["<"]
        self._head_done = False
        self._open_next()

    def run(self) -> None:
        """Until the stream ends."""
        rest = b""
        while data := self._read():
            if self.foreign:
                continue
            data = rest + data
            if not self._head and not SECTION_MARK.startswith(data[:4]):
                self.foreign, rest = data[:_SHOWN], b""
                continue
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
            kind, size = self._begin_of(data, at)
            if kind == SECTION:
                self._begin_of = _BEGIN[">" if data[at + 8 : at + 12] == _BIG_ENDIAN else "<"]
                kind, size = self._begin_of(data, at)
            end = at + max(size, 12)
            if end > len(data):
                break
            if not self._head_done:
                self._keep_head(kind, data[at:end])
            elif self._written + at - begin >= self._size:
                self._put(data[begin:at])
                self._begin_next()
                begin = at
            at = end
        self._put(data[begin:at])
        return at

    def _keep_head(self, kind: int, block: bytes) -> None:
        """What every further file has to begin with: section and interfaces."""
        if kind in (SECTION, INTERFACE):
            self._head += block
        else:
            self._head_done = True

    def _begin_next(self) -> None:
        if self.fault is None:
            try:
                self._file.close()
                self._open_next()
            except OSError as error:
                self.fault = error

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
