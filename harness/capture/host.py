"""The harness's own host, watched through a recording: its scheduling lag, and whether its clock was stepped."""

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from harness.base.units import EpochSeconds, RealSeconds
from harness.capture import pulse

FILE = "host.txt"
_LINE = re.compile(r"^(\d+\.\d{6}) (\d+\.\d{6}) (\d+\.\d{6})\n", re.MULTILINE)
_FAREWELL_WITHIN = 0.5
CLOCK_STEP = RealSeconds(0.005)
"""By which the wall clock may leave the monotonic one between two readings before stamps are doubted."""


@dataclass(frozen=True)
class Sample:
    """One reading: both clocks, and the worst scheduling lag since the reading before, real seconds."""

    realtime: EpochSeconds
    monotonic: float
    lag: RealSeconds


@dataclass(frozen=True)
class ClockStep:
    """The wall clock moved by `seconds` more than the monotonic one, between two readings (epoch seconds)."""

    low: EpochSeconds
    high: EpochSeconds
    seconds: RealSeconds


class HostWatch:
    """A pulse that runs as long as a recording; what it prints is kept in the recording's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin; it ends with the thread that began it."""
        pulsing = [sys.executable, "-I", "-S", pulse.__file__, str(os.getpid())]
        words = ["setpriv", "--pdeathsig", "KILL", "--", *pulsing]
        self._began = time.time()
        with (self._folder / FILE).open("ab") as out:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, start_new_session=True)

    def stop(self) -> None:
        """End it. Where it was dead already, or does not answer, all that it has not told of counts as lag."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            alive = self._process.wait(_FAREWELL_WITHIN) == 0
        except subprocess.TimeoutExpired:
            alive = False
            self._process.kill()
            self._process.wait()
        self._process = None
        if not alive:
            self._tell_silence()

    def _tell_silence(self) -> None:
        told = samples(self._folder)
        realtime, monotonic = pulse.clocks()
        silent = max(0.0, realtime - (told[-1].realtime if told else self._began))
        with suppress(OSError), (self._folder / FILE).open("ab") as out:
            out.write(b"\n" + pulse.line(realtime, monotonic, silent))


def samples(folder: Path) -> tuple[Sample, ...]:
    """What a recording's pulse told; nothing where it has none. A line that was cut off is left out."""
    path = folder / FILE
    found = _LINE.findall(path.read_text(errors="replace")) if path.exists() else []
    return tuple(Sample(EpochSeconds(float(at)), float(up), RealSeconds(float(lag))) for at, up, lag in found)


def clock_steps(read: tuple[Sample, ...]) -> tuple[ClockStep, ...]:
    """Where the wall clock was stepped; slewing, as a time daemon does it, is none."""
    steps = []
    for before, after in pairwise(read):
        moved = (after.realtime - before.realtime) - (after.monotonic - before.monotonic)
        if abs(moved) > CLOCK_STEP:
            low, high = sorted((before.realtime, after.realtime))
            steps.append(ClockStep(low, high, RealSeconds(moved)))
    return tuple(steps)


def worst_lag(read: tuple[Sample, ...], low: float, high: float) -> RealSeconds:
    """The worst scheduling lag between two instants (epoch seconds); 0 where nothing was read."""
    worst = 0.0
    for before, after in zip((None, *read), read, strict=False):
        begin = before.realtime if before is not None else after.realtime - pulse.TOLD_EVERY
        if begin <= high and after.realtime >= low:
            worst = max(worst, after.lag)
    return RealSeconds(worst)
