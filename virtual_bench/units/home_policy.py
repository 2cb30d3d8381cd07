"""When the home system lets its phones register: always, but for a while after it was away itself.

Pure logic; times are bench seconds of one monotonic clock, handed in by the caller.
"""

from collections.abc import Iterable

from virtual_bench.units.failover_policy import Mode

HOLDS_FOR = 60.0
"""At most so long home waits for the failover system's word. No source: a choice of this bench."""
_KEEPS_GUESTS = (Mode.SUPPORT.value, Mode.RETURNING.value)


class HomePolicy:
    """Holds all new registrations after a start or a lost LAN, then refuses whom the failover system has."""

    def __init__(self, now: float, *, needs_line: bool = False) -> None:
        self._needs_line, self._alone = needs_line, False
        self._held_until = now + HOLDS_FOR
        self._guests: frozenset[str] = frozenset()
        self._guests_until: float | None = None

    def hold(self, now: float) -> None:
        """The system was cut off and is back: what it knew of the failover system is old."""
        self._held_until = now + HOLDS_FOR

    def told(self, mode: str, guests: Iterable[str]) -> None:
        """The failover system told its state over the line."""
        self._held_until, self._alone = 0.0, False
        self._guests = frozenset(guests) if mode in _KEEPS_GUESTS else frozenset()
        self._guests_until = None

    def line_lost(self, now: float) -> None:
        """Nobody tells any more; a failover system that died must not keep phones out of home for good."""
        self._guests_until, self._alone = now + HOLDS_FOR, True

    def admits(self, extension: str, now: float, *, refresh: bool) -> bool:
        """Whether `extension` may register; one that is registered here may stay through a hold."""
        if self._guests_until is not None and now >= self._guests_until:
            self._guests = frozenset()
        if extension in self._guests or (self._needs_line and self._alone):
            return False
        return refresh or now >= self._held_until
