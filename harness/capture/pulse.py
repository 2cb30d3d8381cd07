"""How late this machine is, and what its clocks do: a small program of its own, so that only the machine counts.

    python pulse.py PARENT

Each 10 ms it means to wake up; each second, at once where it was late by more than 20 ms, and when it is ended by
SIGTERM, it prints a line: CLOCK_REALTIME, CLOCK_MONOTONIC and by how many seconds it woke up late at the worst since
the last line.
"""

import os
import signal
import sys
import time
from contextlib import suppress

EVERY, TOLD_EVERY, LATE, AT_ONCE = 0.01, 1.0, 0.02, 0.0002


def main() -> None:
    """Until it is ended, or never where its parent was gone before the kernel could be told to end it with that."""
    if os.getppid() != int(sys.argv[1]):
        return
    due = told = time.monotonic()
    worst, cut = 0.0, False
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))
    while True:
        due += EVERY
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        worst = max(worst, now - due)
        if now - told >= TOLD_EVERY or now - due > LATE or ending:
            # A full disk costs readings, and not the watching: the worst is told once there is room.
            with suppress(OSError):
                # What was written of a line for which there was no room must not run into the next one.
                text = b"\n" * cut + line(*clocks(), worst)
                if os.write(1, text) == len(text):
                    worst, cut = 0.0, False
                else:
                    cut = True
            told = now
        if ending:
            return
        if now - due > EVERY:
            due = now  # what was missed is not made up for


def line(realtime: float, monotonic: float, worst: float) -> bytes:
    """One line, all in seconds."""
    return f"{realtime:.6f} {monotonic:.6f} {worst:.6f}\n".encode()


def clocks() -> tuple[float, float]:
    """Both clocks at one instant: what comes between the two readings would look like a step of one."""
    while True:
        before, realtime, after = time.monotonic(), time.time(), time.monotonic()
        if after - before < AT_ONCE:
            return realtime, after


if __name__ == "__main__":
    main()
