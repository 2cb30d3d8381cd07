"""One running dumpcap: started, confirmed, watched, ended. What it writes is kept in ring files."""

import errno
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from harness.base.clock import Deadline, now
from harness.base.errors import BenchError, ConfigurationFault, HarnessFault, LabFault
from harness.base.units import EpochSeconds
from harness.capture.drops import DropCounter
from harness.capture.ring import RingWriter
from harness.capture.sensors import CUT_OFF, Sensor

_COUNTERS = re.compile(r"received/dropped on interface '.*': (\d+)/(\d+)")
_READY = re.compile(r"^File: ", re.MULTILINE)
MARKER_TYPE = 0x88B5
"""Local experimental (IEEE 802): nobody else's protocol."""
_SENT_AGAIN_EVERY = 0.5
_READ_WITHIN = 5.0
_HELD_BACK = 1.0
"""Real seconds: dumpcap hands packets on within 0.7 s, and within 0.3 s to a pipe."""


@dataclass(frozen=True)
class Loss:
    """Packets that kernel or dumpcap dropped between two instants, epoch seconds; -1 where nobody knows how many."""

    low: EpochSeconds
    high: EpochSeconds
    packets: int


class Dumpcap:
    """dumpcap on one interface at a sensor. `comment` goes into the file; `buffer`: MiB in the kernel.

    `started` in epoch seconds: it certainly captured from then on, once its beginning was awaited.
    """

    def __init__(
        self, point: str, interface: str, sensor: Sensor, folder: Path, ring: int, comment: str, buffer: int
    ) -> None:
        self.point, self.interface, self.sensor = point, interface, sensor
        self.started = self._looked = now()
        self.losses: list[Loss] = []
        words = ["dumpcap", "-q", "-n", "-B", str(buffer), "-i", interface, "--capture-comment", comment, "-w", "-"]
        self._capturing = sensor.start(words)
        self._drops: DropCounter | None = None
        try:
            self.ring = RingWriter(folder, point, ring, self._capturing.read)
        except OSError as error:
            self._capturing.kill()
            raise _not_written(error, self._device) from None
        self.ring.start()

    def await_ready(self, deadline: Deadline) -> None:
        """Until it says that it captures. Raises the fault that it died of, HarnessFault at the deadline."""
        ready = deadline.poll(
            lambda: self._has_ended or bool(self.ring.foreign) or _READY.search(self._said()) is not None, every=0.01
        )
        self._need_sound()
        if not ready:
            raise self._late()

    def await_begin(self, marker: "Marker", deadline: Deadline) -> None:
        """Until the packet that marks its beginning is in its file. Raises HarnessFault at the deadline."""
        if not marker.arrived(deadline):
            self._need_sound()
            raise self._late()
        self.started = marker.last_sent
        if self._capturing.pid is not None:
            self._drops = DropCounter(self._capturing.pid)
            self._look_for_drops()

    def mark(self, what: str) -> "Marker":
        """Send a packet that can be looked for in the file: "begin" or "end" of the capture."""
        return Marker(self.sensor, self.interface, self.ring, f"{what} of capture ".encode())

    def check(self) -> None:
        """Raises the fault that it died of, if it did; takes note of drops."""
        self._need_sound()
        self._look_for_drops()

    def interrupt(self, within: float) -> None:
        """Have it write its closing lines and end; killed if it has not `within` real seconds."""
        self._capturing.interrupt()
        if not Deadline.after(within).poll(lambda: self._has_ended, every=0.01):
            self._capturing.kill()
        self.ring.join(_READ_WITHIN)

    def kill(self) -> None:
        """End it at once."""
        self._capturing.kill()
        self.ring.join(_READ_WITHIN)
        if self._drops is not None:
            self._drops.close()

    def counters(self) -> tuple[int, int]:
        """Packets received and dropped, after its end: dropped is -1 where nobody knows."""
        ended = now()
        found = _COUNTERS.search(self._said())
        since = self._looked if self._drops is not None and self._drops.works else self.started
        if self._drops is not None:
            self._drops.close()
        received, left = (int(found[1]), int(found[2])) if found else (0, -1)
        if found is None:  # what it had taken but not handed on is gone with it, though nobody dropped it
            since = max(self.started, EpochSeconds(since - _HELD_BACK))
        if left:
            self.losses.append(Loss(since, ended, left))
        return received, -1 if left < 0 else sum(loss.packets for loss in self.losses)

    def _look_for_drops(self) -> None:
        if self._drops is None or not self._drops.works:
            return
        # Of a drop beside the reading nobody knows on which side it was counted: two windows have it.
        before = now()
        if dropped := self._drops.since_last():
            self.losses.append(Loss(self._looked, now(), dropped))
        self._looked = before

    def _need_sound(self) -> None:
        if self._has_ended:
            raise self._fault()
        if self.ring.fault is not None:
            raise _not_written(self.ring.fault, self._device)
        if self.ring.foreign:
            raise ConfigurationFault(
                f"what comes from there is no capture: it begins with {self.ring.foreign.decode(errors='replace')!r}.",
                device=self._device,
                next_step="have the shell of that account print nothing when it is not at a terminal.",
            )

    def _late(self) -> HarnessFault:
        return HarnessFault(
            "dumpcap did not begin to capture in time.",
            device=self._device,
            next_step=f"try it by hand: `dumpcap -i {self.interface} -w /dev/null`.",
        )

    @property
    def _has_ended(self) -> bool:
        return self._capturing.ended() is not None

    @property
    def _device(self) -> str:
        return f"capture point {self.point} ({self.interface})"

    def _said(self) -> str:
        return self._capturing.said()

    def _fault(self) -> BenchError:
        time.sleep(0.01)  # its last words may come after its end was noticed
        said = self._said()
        last = next((line for line in said.splitlines() if "dumpcap:" in line or "permission" in line.lower()), "")
        return fault_of(said, last or f"it ended with code {self._capturing.ended()}", self._device)


class Marker:
    """A packet with a token of its own, sent to a capture point and looked for in its file.

    At the end: a dumpcap that is stopped at once loses what it has not been handed yet. `first_sent` and
    `last_sent` in epoch seconds, right before: it is sent again where it is missing, and nobody knows which came.
    """

    def __init__(self, sensor: Sensor, interface: str, ring: RingWriter, prefix: bytes) -> None:
        self._sensor, self._interface, self._ring = sensor, interface, ring
        self._token = prefix + secrets.token_bytes(16)
        ring.expect(self._token)
        self.first_sent = self.last_sent = now()
        self._send()

    def arrived(self, deadline: Deadline) -> bool:
        """Whether it is in the file by the deadline; sent again now and then."""
        while not self._ring.arrived(self._token, Deadline.after(min(_SENT_AGAIN_EVERY, deadline.left))):
            if deadline.passed:
                return False
            self.last_sent = now()
            self._send()
        return True

    def _send(self) -> None:
        self._sensor.send(self._interface, MARKER_TYPE.to_bytes(2) + self._token.ljust(46, b"\0"))


def _not_written(error: OSError, device: str) -> HarnessFault:
    if error.errno == errno.ENOSPC:
        return HarnessFault("the disk is full.", device=device, next_step="make room or record elsewhere.")
    why = error.strerror or type(error).__name__
    return HarnessFault(f"its files cannot be written ({why}).", device=device, next_step="record elsewhere.")


def fault_of(said: str, last: str, device: str) -> BenchError:
    """What dumpcap's words mean: whose fault it is and what to do."""
    lower = said.lower()
    if "permission" in lower or "not permitted" in lower:
        return ConfigurationFault(
            "no right to capture there.",
            device=device,
            next_step="run as root with CAP_NET_RAW and CAP_NET_ADMIN (containers drop them), or "
            "`dpkg-reconfigure wireshark-common` and join the group wireshark.",
        )
    if "no such device" in lower or "no device named" in lower or "no interface" in lower:
        return ConfigurationFault(
            "there is no such interface.",
            device=device,
            next_step="compare the inventory's captures with `ip link`.",
        )
    if "no longer attached" in lower or "network is down" in lower:
        return HarnessFault(
            "its interface went away while capturing.",
            device=device,
            next_step="see that the bench is up and the mirror port's cable in place, then `bench recover`.",
        )
    if CUT_OFF in lower:
        return LabFault(
            "the connection to its machine was cut, or its shell there was killed.",
            device=device,
            next_step="see that the machine runs and can be reached, and that nothing ends idle SSH sessions.",
        )
    if "not found" in lower or "failed to execute" in lower:
        return ConfigurationFault(
            "dumpcap is not installed there.", device=device, next_step="apt-get install wireshark-common"
        )
    if "no space left" in lower:
        return HarnessFault("the disk is full.", device=device, next_step="make room or record elsewhere.")
    return HarnessFault(
        f"dumpcap died: {last.rstrip('.')}.", device=device, next_step="look whether the interface went away."
    )
