"""dumpcap at every capture point, from before the first stimulus until after the last."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.base.clock import Deadline, now
from harness.base.errors import BenchError, HarnessFault
from harness.base.units import EpochSeconds
from harness.capture.dumpcap import Dumpcap
from harness.capture.marker import Marker
from harness.inventory import Inventory

READY_WITHIN, MARKER_WITHIN, STOPPED_WITHIN = 10.0, 3.0, 5.0
"""Real seconds. dumpcap is ready in 0.1 s on an idle machine, and hands packets on within 0.3 s."""
ROOM = 16 << 20
"""Bytes that must be left under the recordings; with less a capture is about to lose packets."""


@dataclass(frozen=True)
class Captured:
    """What one capture point left. `started` and `ended` in epoch seconds.

    `marker_seen`: the packet sent at the end is in the file, so nothing before it was lost at the
    tail; else `fault` says why. `dropped`: packets that kernel or dumpcap dropped; -1 where
    dumpcap did not say.
    """

    point: str
    file: Path
    packets: int
    dropped: int
    started: EpochSeconds
    ended: EpochSeconds
    marker_seen: bool
    fault: str = ""

    @property
    def complete(self) -> bool:
        """Whether everything that the capture point showed is in the file."""
        return self.marker_seen and self.dropped == 0


class Recorder:
    """The captures of one recording: `start`, `check` while it runs, then `stop` or `abort`."""

    def __init__(self, inventory: Inventory, folder: Path) -> None:
        self._inventory, self._folder = inventory, folder
        self._running: dict[str, Dumpcap] = {}

    @property
    def files(self) -> dict[str, Path]:
        """Capture point → its file, which grows while the capture runs."""
        return {point: self._folder / f"{point}.pcapng" for point in self._inventory.captures}

    def start(self) -> None:
        """Begin at every capture point; each is confirmed to capture when this returns.

        Raises ConfigurationFault (no dumpcap, no rights, no such interface) or HarnessFault (disk
        full, dumpcap died); none is left running then.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._need_room()
        with self._all_or_none():
            for point, capture in self._inventory.captures.items():
                self._running[point] = Dumpcap(point, capture.interface, self.files[point])
            deadline = Deadline.after(READY_WITHIN)
            for dumpcap in self._running.values():
                dumpcap.await_ready(deadline)

    def check(self) -> None:
        """Raises HarnessFault where a capture has died or the disk is full; cheap: call it while waiting."""
        for dumpcap in self._running.values():
            dumpcap.check()
        self._need_room()

    def stop(self) -> tuple[Captured, ...]:
        """End every capture once a marker packet sent now was seen in its file; what each left.

        A capture that died, or whose end cannot be marked, is not complete and says why: what the
        others have is not lost for it.
        """
        with self._all_or_none():
            markers = {point: self._end_marked(dumpcap) for point, dumpcap in self._running.items()}
            deadline = Deadline.after(MARKER_WITHIN)
            captured = []
            for point, marker in markers.items():
                seen = isinstance(marker, Marker) and marker.arrived(deadline)
                captured.append(self._close(point, seen, marker if isinstance(marker, str) else ""))
            return tuple(captured)

    def abort(self) -> None:
        """End every capture at once, whatever becomes of its tail."""
        for dumpcap in self._running.values():
            dumpcap.kill()
        self._running.clear()

    def _end_marked(self, dumpcap: Dumpcap) -> Marker | str:
        """The marker that was sent, or why none was."""
        try:
            dumpcap.check()
            return Marker(dumpcap.interface, dumpcap.file)
        except BenchError as fault:
            return str(fault)

    def _close(self, point: str, marker_seen: bool, fault: str) -> Captured:
        dumpcap = self._running.pop(point)
        dumpcap.interrupt(STOPPED_WITHIN)
        packets, dropped = dumpcap.counters()
        if not marker_seen and not fault:
            fault = "the packet that marks its end was not seen in it"
        return Captured(point, dumpcap.file, packets, dropped, dumpcap.started, now(), marker_seen, fault)

    @contextmanager
    def _all_or_none(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.abort()
            raise

    def _need_room(self) -> None:
        if shutil.disk_usage(self._folder).free < ROOM:
            raise HarnessFault(
                f"the disk under {self._folder} is full (less than {ROOM >> 20} MiB left).",
                next_step="make room or record elsewhere; what was recorded until now may lack packets.",
            )
