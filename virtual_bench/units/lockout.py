"""Whom a unit keeps out for a while: who guesses passwords, and whose extension another telephone has taken over.

Of IP Office it is known that 5 wrong passwords for an extension, or 10 failures from an address, within 10 minutes are
ignored from then on, and that a telephone whose extension registers from elsewhere is in quarantine for 5 minutes.
How the quarantine shows on the wire is not documented: here like any registration that is blocked.
"""

from collections import deque

from virtual_bench.scaled_time import ScaledClock
from virtual_bench.units.bindings import Binding

WITHIN = 600.0
"""Bench seconds for which a wrong password counts."""
FOR_AN_EXTENSION = 5
FROM_AN_ADDRESS = 10
QUARANTINE = 300.0
"""Bench seconds."""


class Lockout:
    """Of one registrar or gatekeeper; memory only."""

    def __init__(self, clock: ScaledClock) -> None:
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}
        """The latest ones, by extension and by address."""
        self._quarantined: dict[tuple[str, str], float] = {}
        """Until when, by extension and address."""

    def failed(self, extension: str, address: str) -> None:
        """Count a wrong password."""
        for source in (extension, address):
            self._failures.setdefault(source, deque(maxlen=FROM_AN_ADDRESS)).append(self._clock.now())

    def ignores(self, extension: str, address: str) -> bool:
        """Whether requests for `extension`, or from `address`, get no answer now."""
        return self._recent(extension) >= FOR_AN_EXTENSION or self._recent(address) >= FROM_AN_ADDRESS

    def displaced(self, before: Binding | None, by: Binding) -> None:
        """Note who has the extension now; the telephone that had it `before` at another address is kept out."""
        if before is not None and before.peer != by.peer:
            self._quarantined[before.extension, before.peer] = self._clock.now() + QUARANTINE

    def quarantines(self, extension: str, address: str) -> bool:
        """Whether the telephone at `address` has lost its extension to another one a short while ago."""
        return self._quarantined.get((extension, address), 0.0) > self._clock.now()

    def _recent(self, source: str) -> int:
        since = self._clock.now() - WITHIN
        return sum(at > since for at in self._failures.get(source, ()))
