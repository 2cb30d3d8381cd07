"""How late this machine is, and what its clocks do: a small program of its own, so that only the machine counts.

    python pulse.py

Each 10 ms it means to wake up; each second, or at once where it was late by more than 20 ms, it prints a line:
CLOCK_REALTIME, CLOCK_MONOTONIC and by how many seconds it woke up late at the worst since the last line.
"""

import os
import time
from contextlib import suppress

EVERY, TOLD_EVERY, LATE = 0.01, 1.0, 0.02


def main() -> None:
    """Until it is ended, or nobody reads any more."""
    due = told = time.monotonic()
    worst = 0.0
    while True:
        due += EVERY
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        worst = max(worst, now - due)
        if now - told >= TOLD_EVERY or now - due > LATE:
            # A full disk costs readings, and not the watching: the worst is told once there is room.
            with suppress(OSError):
                os.write(1, f"{time.time():.6f} {now:.6f} {worst:.6f}\n".encode())
                worst = 0.0
            told = now
        if now - due > EVERY:
            due = now  # what was missed is not made up for


if __name__ == "__main__":
    main()
