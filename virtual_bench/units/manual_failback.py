"""Guests that stay: H.323 phones, where failback is manual (IP Office Reference Configuration 12.2: not SIP phones)."""

from virtual_bench.defects import Conduct
from virtual_bench.units.bindings import Bindings


class ManualFailback:
    """Who stays at the failover system for as long as it likes; `stated` by home over the line.

    What it claims from home is nothing, unless its conduct is to keep who was rebooted or logged out.
    """

    def __init__(self, conduct: Conduct, bindings: Bindings) -> None:
        self._conduct, self._bindings = conduct, bindings
        self.stated = False
        self._rebooted: set[str] = set()
        self._logged_out: set[str] = set()

    def concerns(self, extension: str) -> bool:
        """Whether it is a guest for whom manual failback is stated."""
        binding = self._bindings.get(extension)
        return self.stated and binding is not None and binding.protocol == "h323"

    def stays(self, extension: str) -> bool:
        """Whether it stays after failback."""
        return self.concerns(extension) and self._conduct.heeds_manual

    def failback_begins(self) -> None:
        """From now on a guest that was rebooted goes home, unless it is to be kept."""
        if self._conduct.keeps_rebooted:
            self._rebooted = {extension for extension in self._bindings.extensions if self.stays(extension)}

    def logged_out(self, extension: str) -> None:
        """It goes home, unless it is to be kept until it has come back."""
        self._rebooted.discard(extension)
        if self._conduct.keeps_logged_out and self.concerns(extension):
            self._logged_out.add(extension)

    @property
    def claimed(self) -> list[str]:
        """Whom home is told to leave to the failover system for good."""
        self._logged_out -= set(self._bindings.extensions)
        return sorted(self._rebooted | self._logged_out)
