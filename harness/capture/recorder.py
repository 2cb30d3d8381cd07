"""dumpcap at every capture point, from before the first stimulus until after the last."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.base.clock import ClockState, Deadline, now
from harness.base.errors import BenchError, HarnessFault
from harness.base.units import EpochSeconds
from harness.capture.dumpcap import Dumpcap, Loss, Marker
from harness.capture.sensors import Local, Sensor
from harness.inventory import Inventory

READY_WITHIN, MARKER_WITHIN, STOPPED_WITHIN = 10.0, 3.0, 5.0
"""Real seconds. dumpcap is ready in 0.1 s on an idle machine, and hands packets on within 0.3 s."""
ROOM = 16 << 20
"""Bytes that must be left under the recordings; with less a capture is about to lose packets."""


@dataclass(frozen=True)
class Captured:
    """What one capture point left. `started` and `ended` in epoch seconds: it certainly captured between them.

    `files`: in their order, together all that it showed. `marker_seen`: the packet sent at the end is in
    them, so nothing before it was lost at the tail; else `fault` says why. `dropped`: packets that kernel
    or dumpcap dropped, -1 where nobody knows; `losses`: when that was. `own_clock`: stamped by another
    clock than the harness's.
    """

    point: str
    files: tuple[Path, ...]
    packets: int
    dropped: int
    started: EpochSeconds
    ended: EpochSeconds
    marker_seen: bool
    fault: str = ""
    losses: tuple[Loss, ...] = ()
    own_clock: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything that the capture point showed is in the files."""
        return self.marker_seen and self.dropped == 0


class Recorder:
    """The captures of one recording: `start`, `check` while it runs, then `stop` or `abort`.

    `title` goes into each file's comment; `remote`: capture point → its sensor, for those on other machines.
    """

    def __init__(
        self, inventory: Inventory, folder: Path, title: str = "", remote: Mapping[str, Sensor] | None = None
    ) -> None:
        self._inventory, self._folder, self._title = inventory, folder, title
        self._remote = remote or {}
        self._running: dict[str, Dumpcap] = {}

    @property
    def files(self) -> dict[str, Callable[[], Sequence[Path]]]:
        """Capture point → what tells its files until now, of which the last one grows."""
        return {point: partial(self._files_of, point) for point in self._inventory.captures}

    @property
    def losses(self) -> dict[str, tuple[Loss, ...]]:
        """Capture point → what was dropped there until now, as far as the kernel tells."""
        return {point: tuple(dumpcap.losses) for point, dumpcap in self._running.items()}

    def start(self) -> None:
        """Begin at every capture point; each is confirmed to capture when this returns.

        Raises ConfigurationFault (no dumpcap, no rights, no such interface) or HarnessFault (disk
        full, dumpcap died); none is left running then.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._need_room()
        ring = self._inventory.settings.ring_mib << 20
        with self._all_or_none():
            for point, capture in self._inventory.captures.items():
                sensor = self._remote.get(point) or Local(capture.netns)
                comment = f"{self._title}; capture point {point} at {capture.interface}; {ClockState.read()}"
                self._running[point] = Dumpcap(
                    point, capture.interface, sensor, self._folder, ring, comment, capture.buffer_mib
                )
            deadline = Deadline.after(READY_WITHIN)
            for dumpcap in self._running.values():
                dumpcap.await_ready(deadline)
            markers = {point: dumpcap.mark("begin") for point, dumpcap in self._running.items()}
            for point, marker in markers.items():
                self._running[point].await_begin(marker, deadline)

    def runs(self, point: str) -> bool:
        """Whether the capture there goes on."""
        try:
            self._running[point].check()
        except (KeyError, BenchError):
            return False
        return True

    def check(self) -> None:
        """Raises HarnessFault where a capture has died or the disk is full; cheap: call it while waiting."""
        for dumpcap in self._running.values():
            dumpcap.check()
        self._need_room()

    def stop(self) -> tuple[Captured, ...]:
        """End every capture once a marker packet sent now was seen in its files; what each left.

        A capture that died, or whose end cannot be marked, is not complete and says why: what the
        others have is not lost for it.
        """
        with self._all_or_none():
            markers = {point: _end_marker(dumpcap) for point, dumpcap in self._running.items()}
            deadline = Deadline.after(MARKER_WITHIN)
            return tuple(self._close(point, marker, deadline) for point, marker in markers.items())

    def abort(self) -> None:
        """End every capture at once, whatever becomes of its tail."""
        for dumpcap in self._running.values():
            dumpcap.kill()
        self._running.clear()

    def _files_of(self, point: str) -> Sequence[Path]:
        return self._running[point].ring.files if point in self._running else ()

    def _close(self, point: str, marker: Marker | str, deadline: Deadline) -> Captured:
        dumpcap = self._running[point]
        fault = marker if isinstance(marker, str) else _missing(dumpcap, marker, deadline)
        ended = now() if isinstance(marker, str) else marker.first_sent
        dumpcap.interrupt(STOPPED_WITHIN)
        del self._running[point]
        packets, dropped = dumpcap.counters()
        return Captured(
            point,
            tuple(dumpcap.ring.files),
            packets,
            dropped,
            dumpcap.started,
            ended,
            not fault,
            fault,
            tuple(dumpcap.losses),
            dumpcap.sensor.own_clock,
        )

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


def _missing(dumpcap: Dumpcap, marker: Marker, deadline: Deadline) -> str:
    """ "" once the packet that marks the end was seen, else why it was not."""
    try:
        if marker.arrived(deadline):
            return ""
        dumpcap.check()  # it may have died while that packet was on its way
    except BenchError as fault:
        return str(fault)
    return "the packet that marks its end is missing"


def _end_marker(dumpcap: Dumpcap) -> Marker | str:
    """The marker that was sent, or why none was."""
    try:
        dumpcap.check()
        return dumpcap.mark("end")
    except BenchError as fault:
        return str(fault)
