"""The harness clock: wall time to stamp with, monotonic time to wait by."""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.base.units import EpochSeconds, RealSeconds


def now() -> EpochSeconds:
    """The harness clock, the same that packets are stamped with (CLOCK_REALTIME)."""
    return EpochSeconds(time.time())


@dataclass(frozen=True)
class ClockPair:
    """One reading of both clocks; two of them tell whether the wall clock was stepped between."""

    realtime: float
    monotonic: float

    @classmethod
    def read(cls) -> "ClockPair":
        """Both clocks, as close together as can be."""
        return cls(time.time(), time.monotonic())

    def stepped_until(self, later: "ClockPair") -> RealSeconds:
        """By how much the wall clock moved more than the monotonic one since this reading."""
        return RealSeconds((later.realtime - self.realtime) - (later.monotonic - self.monotonic))


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as it is read here."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    ]


_UNSYNCHRONISED = 0x0040
"""STA_UNSYNC of adjtimex(2)."""


@dataclass(frozen=True)
class ClockState:
    """What the kernel says of the harness clock: whether something keeps it right, and how wrong it may be.

    `max_error` in real seconds; without meaning where it is not synchronised.
    """

    synchronised: bool
    max_error: RealSeconds

    @classmethod
    def read(cls) -> "ClockState":
        """Ask the kernel; it needs no rights."""
        found = _Timex()
        ctypes.CDLL(None).adjtimex(ctypes.byref(found))
        return cls(not found.status & _UNSYNCHRONISED, RealSeconds(found.maxerror / 1e6))

    def __str__(self) -> str:
        return f"clock synchronised within {self.max_error:.3f} s" if self.synchronised else "clock not synchronised"


@dataclass(frozen=True)
class Deadline:
    """A point on the monotonic clock by which something must be over."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """`seconds` (real) from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> RealSeconds:
        """Real seconds left, not below 0."""
        return RealSeconds(max(0.0, self.at - time.monotonic()))

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self.at

    def poll(self, condition: Callable[[], bool], every: float = 0.05) -> bool:
        """Ask `condition` each `every` real seconds until it holds (True) or time is up (False)."""
        while not condition():
            if self.passed:
                return False
            time.sleep(min(every, self.left))
        return True
