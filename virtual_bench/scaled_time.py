"""Bench seconds for the emulators: every timer of an emulated device runs `factor` times as fast."""

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class ScaledClock:
    """A monotonic clock in bench seconds; `factor` bench seconds pass in a real one."""

    factor: float

    def now(self) -> float:
        """Bench seconds on the monotonic clock; only differences mean something."""
        return time.monotonic() * self.factor

    def real(self, bench_seconds: float, at_least: float = 0.0) -> float:
        """`bench_seconds` in real ones, not below `at_least` (real): the kernel's own timers do not scale."""
        return max(bench_seconds / self.factor, at_least)

    async def sleep(self, bench_seconds: float) -> None:
        """Pause for `bench_seconds`."""
        await asyncio.sleep(max(0.0, bench_seconds / self.factor))

    async def until(self, instant: float) -> None:
        """Pause until `instant` of this clock; returns at once where it has passed."""
        # asyncio may wake up a hair early, and "not before" is what the units promise.
        while (left := instant - self.now()) > 0:
            await asyncio.sleep(left / self.factor)
