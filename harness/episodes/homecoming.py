"""Phones at home: waited for before an outage, re-powered once where they do not come, looked for after it."""

from typing import TYPE_CHECKING

from harness.base.errors import LabFault
from harness.episodes import bounds
from harness.episodes.manifest import Finding
from harness.episodes.sanity import stray
from harness.inventory import Role

if TYPE_CHECKING:
    from harness.episodes.lab import Lab


class Homecoming:
    """The phones of one lab that can be read."""

    def __init__(self, lab: "Lab") -> None:
        self._lab, self._phones = lab, lab.inventory.phones
        self._graces_over = 0.0
        """Epoch seconds until which the graces of earlier outages were waited for: none of those counts again."""

    def wait(self) -> None:
        """Until every phone was seen at home, and none may be let in at the failover system any more.

        Raises LabFault that names who is not at home, after it was re-powered.
        """
        self._reconnect_encrypted()
        if not self._all_seen(bounds.last_return(self._lab.inventory)):
            self._repower(self._missing())
        self._await_end_of_grace()

    def astray(self) -> list[Finding]:
        """The phones that were seen registered and, when an episode was played to its end, not at home."""
        lab = self._lab
        lab.live.update()
        places = lab.live.places()
        return [
            stray(name, "after") for name in lab.inventory.readable if places[name] != Role.HOME and self._seen(name)
        ]

    def _seen(self, name: str) -> bool:
        extension = self._phones[name].extension
        return any(self._lab.live.was_at(extension, role, self._lab.began) for role in Role)

    def _reconnect_encrypted(self) -> None:
        """Session keys open only what a recording holds from its handshake on, and phones stay connected for days."""
        for name in self._missing():
            if self._phones[name].encrypted and self._phones[name].outlet is not None:
                self._lab.power_cycle(name)

    def _repower(self, missing: list[str]) -> None:
        """The named remedy, once."""
        pluggable = [name for name in missing if self._phones[name].outlet is not None]
        for name in pluggable:
            self._lab.power_cycle(name)
        self._all_seen(max((bounds.back_after_power(self._phones[name]) for name in pluggable), default=0.0))
        lost = self._missing()
        for name in missing:
            remedy = "re-powered" if name in pluggable else ""
            self._lab.findings.append(stray(name, "before", remedy, mended=name not in lost))
        if lost:
            raise LabFault(
                "not registered at home, so no outage was begun.",
                bench=self._lab.bench.name,
                device=", ".join(lost),
                next_step="look at its display and at home's extension list.",
            )

    def _await_end_of_grace(self) -> None:
        """Where phones have just come back from an earlier outage, whose failover system lets them in for a while."""
        live, since = self._lab.live, max(self._lab.began, self._graces_over)
        guests = [
            name
            for name in self._lab.inventory.readable
            if live.was_at(self._phones[name].extension, Role.FAILOVER, since)
        ]
        if guests:
            what = f"the failover system to block phones again ({', '.join(guests)} came back from there)"
            self._lab.watch(bounds.GRACE + bounds.SETTLING, what)
            self._graces_over = self._lab.now()

    def _all_seen(self, within: float) -> bool:
        return self._lab.wait_for("all phones at home", lambda: not self._missing(), within)

    def _missing(self) -> list[str]:
        lab = self._lab
        return [name for name in lab.inventory.readable if not lab.registered(name, Role.HOME, lab.began)]
