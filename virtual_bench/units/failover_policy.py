"""When the failover system supports home's phones: a state machine without input or output.

All times are bench seconds of one monotonic clock, handed in by the caller.
"""

from collections.abc import Callable
from enum import Enum

from virtual_bench.defects import Conduct


class Mode(Enum):
    """What the failover system is doing for home."""

    NORMAL = "normal"
    """Home is there, or was lost a short while ago: its phones are blocked."""
    SUPPORT = "support"
    """Home has been lost for long enough: its phones are let in, as guests."""
    RETURNING = "returning"
    """Home is visible again, not yet for long enough: its phones stay."""
    FAILBACK = "failback"
    """Its phones are to go back; for a grace they may still be here."""


TRANSITIONS = {
    Mode.NORMAL: {Mode.SUPPORT},
    Mode.SUPPORT: {Mode.RETURNING},
    Mode.RETURNING: {Mode.SUPPORT, Mode.FAILBACK},
    Mode.FAILBACK: {Mode.NORMAL, Mode.SUPPORT},
}
OPEN = frozenset({Mode.SUPPORT, Mode.RETURNING, Mode.FAILBACK})
"""The modes in which home's phones are let in."""
SIGHT_LASTS = 45.0
"""For how long home counts as visible after a message: a keepalive of 30 s and a half.

The connection is given up later. A home that is lost in the last of the ten minutes has not been visible for ten.
"""


class FailoverPolicy:
    """The modes over time. `changed` is called with each new mode, after it has begun.

    A system that has not seen home since its own start has no records, and stays in NORMAL.
    """

    def __init__(self, conduct: Conduct, changed: Callable[[Mode], None]) -> None:
        self._conduct, self._changed = conduct, changed
        self.mode = Mode.NORMAL
        self._last_sight: float | None = None
        self._last_told: float | None = None
        self._visible = False
        self._counted_from: float | None = None
        """Since when home was visible while its phones were here."""
        self._failback_began = 0.0
        self._invoked = False
        """Whether a physical telephone has been let in since home's phones were blocked last."""

    def sighted(self, now: float) -> None:
        """Something of home was received: the connection's being made, or a message on it."""
        self.advance(now)
        lost, self._last_sight = self._last_sight, now
        self._visible = True
        if self.mode is Mode.SUPPORT:
            if self._conduct.counts_anew or self._counted_from is None:
                self._counted_from = lost if self._conduct.counts_from_loss else now
            self._go(Mode.RETURNING)
        self.advance(now)

    def told(self, now: float) -> None:
        """Home has told who is registered there, which it does when that changes."""
        self._last_told = now

    def lost(self, now: float) -> None:
        """The connection to home has ended; when home was seen last stays as it is."""
        self.advance(now)
        self._visible = False
        if self.mode is Mode.RETURNING:
            self._go(Mode.SUPPORT)

    def due(self) -> float | None:
        """When the mode will change if nothing more is seen; None: not by itself."""
        instants = [at for at in (self._opens_at(), self._turns_at()) if at is not None]
        return min(instants, default=None)

    def advance(self, now: float) -> None:
        """Make the changes that are due by `now`."""
        while (due := self.due()) is not None and due <= now:
            if due == self._opens_at():
                self._go(Mode.SUPPORT)
            elif self.mode is Mode.RETURNING:
                self._failback_began = now
                self._go(Mode.FAILBACK)
            else:
                self._go(Mode.NORMAL)

    def physical_accepted(self) -> None:
        """A telephone that is no program has registered: softphones may follow it."""
        self._invoked = self._invoked or self.open

    def admits(self, now: float, *, soft: bool) -> bool:
        """Whether a telephone of home's is let in."""
        self.advance(now)
        return self.open and (not soft or self._invoked or self._tired_of_waiting(now))

    @property
    def open(self) -> bool:
        """Whether home's phones are let in."""
        return self.mode in OPEN

    def _tired_of_waiting(self, now: float) -> bool:
        after = self._conduct.softphones_after
        return after is not None and self._last_sight is not None and now >= self._last_sight + after

    def _opens_at(self) -> float | None:
        if self.mode not in (Mode.NORMAL, Mode.FAILBACK) or self._visible:
            return None
        since = self._last_told if self._conduct.opens_from_records else self._last_sight
        if since is None or self._conduct.opens_after is None:
            return None
        return since + self._conduct.opens_after

    def _turns_at(self) -> float | None:
        if self.mode is Mode.RETURNING and self._counted_from is not None and self._last_sight is not None:
            due = self._counted_from + self._conduct.returns_after
            return due if due <= self._last_sight + SIGHT_LASTS else None
        if self.mode is Mode.FAILBACK:
            return self._failback_began + self._conduct.grace
        return None

    def _go(self, mode: Mode) -> None:
        if mode not in TRANSITIONS[self.mode]:
            raise ValueError(f"there is no way from {self.mode.value} to {mode.value}")
        if mode is Mode.NORMAL:
            self._invoked = False
        self.mode = mode
        if mode is Mode.FAILBACK:
            self._counted_from = None
        self._changed(mode)
