"""Where everything is right now, as the capture shows it: for waiting and progress, never for a verdict."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.base.units import EpochSeconds
from harness.capture.events import Event, LineEvent, LineKind, Outcome, RegistrationAttempt, SystemNotice
from harness.capture.live import LiveReader
from harness.inventory import Inventory, Role

NOWHERE = "—"
_REGISTERED = (Outcome.ACCEPTED, Outcome.CONFIRMED)


class LiveView:
    """Reads the events of a running capture; `update` takes in what has come since."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._reader = LiveReader(inventory)
        self._last: dict[tuple[str, Role], EpochSeconds] = {}
        self._expiries: dict[tuple[str, Role], EpochSeconds] = {}
        self._place: dict[str, Role] = {}
        self._address: dict[str, str] = {}
        self._refreshes: dict[tuple[str, Role], tuple[EpochSeconds, float]] = {}
        self.last_keepalive: EpochSeconds | None = None
        """When the last recognised keepalive from home passed; any packet with payload where no rule is stated."""

    def follow(self, files: Mapping[str, Callable[[], Sequence[Path]]]) -> None:
        """Begin to read the growing files."""
        self._reader.follow(files)

    def update(self) -> None:
        """Take in what the capture has shown since the last call."""
        for event in self._reader.drain():
            self._take(event)

    def registered(self, extension: str, role: Role, since: float) -> bool:
        """Whether `extension` was accepted or confirmed at `role` after the epoch second `since` and is still there."""
        return self._last.get((extension, role), 0.0) > since and self._place.get(extension) is role

    def was_at(self, extension: str, role: Role, since: float) -> bool:
        """Whether `extension` was accepted or confirmed at `role` after the epoch second `since`, then or now."""
        return self._last.get((extension, role), 0.0) > since

    def lapses_at(self, extension: str, role: Role) -> EpochSeconds | None:
        """When the registration of `extension` at `role` lapses, unless it is refreshed; None where nobody can tell."""
        return self._expiries.get((extension, role))

    def address(self, extension: str) -> str | None:
        """From which address `extension` was seen to ask for a registration last."""
        return self._address.get(extension)

    def refreshes(self, extension: str, role: Role) -> tuple[EpochSeconds, float] | None:
        """When `extension` was confirmed at `role` last, and how many real seconds after the time before."""
        return self._refreshes.get((extension, role))

    def places(self) -> dict[str, str]:
        """Phone → where it was last seen registered."""
        return {name: str(self._place.get(phone.extension, NOWHERE)) for name, phone in self._inventory.phones.items()}

    @property
    def latency(self) -> float:
        """By how many real seconds it was behind the packets at the worst."""
        return self._reader.latency

    def close(self) -> None:
        """End the reader."""
        self._reader.close()

    def _take(self, event: Event) -> None:
        if isinstance(event, RegistrationAttempt):
            self._attempt(event)
        elif isinstance(event, SystemNotice) and self._place.get(event.extension) == event.role:
            del self._place[event.extension]
        elif isinstance(event, LineEvent) and event.sender is Role.HOME:
            ruled = bool(self._inventory.line.keepalive.payload_sizes)
            if event.kind is LineKind.KEEPALIVE or not ruled:
                self.last_keepalive = event.at

    def _attempt(self, attempt: RegistrationAttempt) -> None:
        self._address[attempt.extension] = attempt.source
        if attempt.outcome in _REGISTERED:
            role = Role(attempt.role)
            before = self._last.get((attempt.extension, role))
            if attempt.outcome is Outcome.CONFIRMED and before is not None:
                self._refreshes[attempt.extension, role] = attempt.at, attempt.at - before
            self._last[attempt.extension, role] = attempt.at
            if attempt.expires is not None:
                granted = self._inventory.settings.scale.to_real(attempt.expires)
                self._expiries[attempt.extension, role] = EpochSeconds(attempt.at + granted)
            self._place[attempt.extension] = role
        elif attempt.outcome is Outcome.WITHDRAWN and self._place.get(attempt.extension) == attempt.role:
            del self._place[attempt.extension]
