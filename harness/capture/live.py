"""Events while the capture still runs, for progress and for waiting; verdicts are never computed from these.

All growing files go into one tshark as one pcapng stream, each capture point an interface of it.
"""

import math
import os
import queue
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from harness.base.clock import now
from harness.base.errors import HarnessFault
from harness.base.units import RealSeconds
from harness.capture.blocks import INTERFACE, SECTION, Batch, Scanner
from harness.capture.correlate import repeats_for
from harness.capture.decoder import Meaning, read_packet
from harness.capture.dissecting import need_tshark
from harness.capture.events import Event
from harness.capture.fields import command, rows
from harness.capture.headers import headers_of, looks_like_media
from harness.capture.line import line_events
from harness.capture.messages import LineMessage, Message
from harness.capture.offsets import moved
from harness.capture.topology import topology_of
from harness.inventory import Inventory

_LOOK_EVERY = 0.01
"""Real seconds between two looks at the files. dumpcap itself hands packets on within 0.25 s (the time-out
of the kernel's packet ring), so this is not what latency is made of."""
_END_WITHIN = 3.0


class LiveReader:
    """Follows the files of a recorder; `events` are put into a queue as they are decided.

    Sightings of a later capture point add nothing here, attempts without an answer never end, and
    frame numbers are those of the stream: it is for looking on.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._topology = topology_of(inventory)
        self._keys = next((point.keys for point in inventory.captures.values() if point.keys is not None), None)
        self._own_clocks = {name for name, point in inventory.captures.items() if point.sensor is not None}
        self._behind: dict[str, float] = {}
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tshark: subprocess.Popen[bytes] | None = None
        self._fault: Exception | None = None
        self.latency = RealSeconds(0.0)
        """The longest time from a packet's stamp until its events were there to be drained."""

    def follow(self, files: Mapping[str, Callable[[], Sequence[Path]]]) -> None:
        """Begin. `files`: capture point → what tells its files until now, of which the last one grows.

        Raises ConfigurationFault where tshark is not installed.
        """
        need_tshark()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115
        self._tshark = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command(self._topology, self._keys, live=True)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            start_new_session=True,
        )
        works = (partial(self._feed, dict(files)), self._read)
        self._threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def drain(self) -> list[Event]:
        """The events since the last call. Raises HarnessFault where the reader has died."""
        if self._fault is not None:
            raise HarnessFault(
                f"the live reader died ({self._fault}); the capture itself goes on.",
                next_step="run again; if it comes again, keep the recording.",
            )
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self._events.get_nowait())
        return found

    def close(self) -> None:
        """End it; tshark reads what it was given to the end, but for 3 real seconds at most."""
        self._ending.set()
        for thread in self._threads:
            thread.join(_END_WITHIN)
        if self._tshark is not None:
            self._tshark.kill()
            self._tshark.wait()
            self._words.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            # That a pipe is broken has a cause, which is told by who reads.
            if not self._ending.is_set() and not isinstance(error, BrokenPipeError):
                self._fault = error

    def _feed(self, files: Mapping[str, Callable[[], Sequence[Path]]]) -> None:
        assert self._tshark is not None
        assert self._tshark.stdin is not None
        with self._tshark.stdin as out:
            out.write(stream_head(list(files)))
            followers = [Follower(grown, number) for number, grown in enumerate(files.values())]
            while not self._ending.is_set():
                for follower in followers:
                    for batch in follower.batches():
                        out.write(follower.as_own_interface(batch, self._topology.signalling))
                out.flush()
                time.sleep(_LOOK_EVERY)
            for follower in followers:
                follower.close()

    def _read(self) -> None:
        assert self._tshark is not None
        assert self._tshark.stdout is not None
        meaning = Meaning(self._topology)
        seen: dict[Hashable, float] = {}
        for row in rows(self._tshark.stdout):
            point = row.first("frame.interface_name")
            behind = self._behind_at(point, row.at)
            for message in read_packet(row, point, row.frame, self._topology)[0]:
                message = moved(message, behind)
                if self._is_new(message, seen):
                    for event in self._events_of(message, meaning):
                        self._events.put(event)
            self.latency = RealSeconds(max(self.latency, now() - row.at - behind))
        if not self._ending.is_set():
            said = os.pread(self._words.fileno(), 4096, 0).decode(errors="replace").strip().splitlines()
            raise ChildProcessError(f"tshark has ended: {(said or ['no words'])[-1]}")

    def _behind_at(self, point: str, stamp: float) -> float:
        """By how many real seconds the stamps of a point are to be put forward: the least lateness seen there.

        Nothing for the harness's own clock; any other may be off by hours, and that its packets are read
        soon is all that is known while they come.
        """
        if point not in self._own_clocks:
            return 0.0
        self._behind[point] = min(self._behind.get(point, math.inf), now() - stamp)
        return self._behind[point]

    def _is_new(self, message: Message, seen: dict[Hashable, float]) -> bool:
        first = seen.get(message.identity)
        if first is not None and message.at - first <= repeats_for(message, self._topology):
            return False
        seen[message.identity] = message.at
        return True

    def _events_of(self, message: Message, meaning: Meaning) -> list[Event]:
        if isinstance(message, LineMessage):
            return list(line_events([message], self._topology))
        return list(meaning.feed(message))


class Follower:
    """The growing files of one capture point; `interface` is its number in a stream of several."""

    def __init__(self, files: Callable[[], Sequence[Path]], interface: int) -> None:
        self._files, self._interface = files, interface
        self._read = 0
        self._stream: BinaryIO | None = None
        self._scanner: Scanner | None = None

    def batches(self) -> Iterator[Batch]:
        """What has come since the last call; a further file only when the one before is at its end."""
        files = list(self._files())  # before the read: what is written to the last but one by now is all of it
        if self._scanner is not None:
            yield from self._scanner.batches()
        while len(files) > self._read:
            self.close()
            self._stream = files[self._read].open("rb")
            self._scanner = Scanner(self._stream)
            self._read += 1
            yield from self._scanner.batches()

    def as_own_interface(self, batch: Batch, signalling: frozenset[int]) -> bytes:
        """The packets of a batch but for media, as of that interface."""
        if not len(batch.packets):
            return b""
        media = looks_like_media(batch, headers_of(batch), signalling)
        data = batch.data.copy()
        number = np.frombuffer(struct.pack("=I", self._interface), np.uint8)
        data[(batch.begins[batch.packets.block] + 8)[:, None] + np.arange(4)] = number
        return replace(batch, data=data).packets_without(media)

    def close(self) -> None:
        """Close the file that is open."""
        if self._stream is not None:
            self._stream.close()


def stream_head(points: list[str]) -> bytes:
    """A pcapng section in this machine's byte order with one Ethernet interface per capture point.

    Stamps are in nanoseconds, as dumpcap's are.
    """
    section = struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1)
    return _block(SECTION, section) + b"".join(_block(INTERFACE, _interface(point)) for point in points)


def _interface(name: str) -> bytes:
    nanoseconds = _option(9, b"\x09")
    return struct.pack("=HHI", 1, 0, 0) + _option(2, name.encode()) + nanoseconds + _option(0, b"")


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("=HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("=I", len(body) + 12)
    return struct.pack("=I", kind) + size + body + size
