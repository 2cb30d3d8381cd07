"""The probe's part in an episode: registered at home once, then tried at the failover system on a grid."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.base.clock import now
from harness.base.errors import LabFault
from harness.base.stimulus import Guise, Stimulus, probe_target
from harness.drivers.answers import Answer, ProbeAnswer
from harness.inventory import Protocol, Role, off_at_failover

if TYPE_CHECKING:
    from harness.episodes.lab import Lab


class Probing:
    """Tries of each protocol's probe; it stops for a while once it has been let in (and was withdrawn at once)."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab
        self._every: float | None = None
        self._next = 0.0
        self._let_in: set[Protocol] = set()
        self._refreshes: dict[Protocol, float] = {}
        """When the registration at home of each is to be refreshed, by the monotonic clock."""

    def register_at_home(self) -> None:
        """Register every probe extension at home. Raises LabFault where home does not take it.

        It is kept alive until the next tries are over, as a phone does, so that home's records hold it till then.
        """
        for protocol in self._lab.inventory.probes:
            answer = self._try(protocol, Role.HOME)
            if answer.answer is not Answer.ACCEPTED:
                raise LabFault(
                    f"home did not take the probe's extension ({answer.answer} {answer.reason}).",
                    bench=self._lab.bench.name,
                    device=f"probe {protocol}",
                    next_step="check the probe's extension and password at home and in the inventory.",
                )
            self._plan_refresh(protocol, answer)

    @contextmanager
    def trying(self, every: float) -> Iterator[None]:
        """Each `every` bench seconds from now on, while the lab waits."""
        self._every, self._next = every, time.monotonic()
        self._let_in.clear()
        try:
            yield
        finally:
            self._every = None
            self._refreshes.clear()

    def step(self) -> None:
        """Refresh and try if it is time to; called while the lab waits."""
        for protocol in [each for each, due in self._refreshes.items() if time.monotonic() >= due]:
            self._plan_refresh(protocol, self._record(Guise.OWN, self._lab.door.refresh(protocol, Role.HOME)))
        if self._every is None or time.monotonic() < self._next:
            return
        # On a grid that does not drift; a try that took longer than its slot is not made up for.
        self._next = max(self._next + self._lab.inventory.settings.scale.to_real(self._every), time.monotonic())
        for protocol in self._lab.inventory.probes:
            if protocol in self._let_in or off_at_failover(self._lab.inventory, protocol):
                continue
            if self._try(protocol, Role.FAILOVER).answer is Answer.ACCEPTED:
                self._let_in.add(protocol)
                self._lab.door.withdraw(protocol, Role.FAILOVER)

    def try_unentitled(self) -> None:
        """Once for each protocol: an extension that never registered at home, and the probe's with a wrong password."""
        for protocol, probe in self._lab.inventory.probes.items():
            if off_at_failover(self._lab.inventory, protocol):
                continue
            guises = (Guise.STRANGER, Guise.WRONG_PASSWORD) if probe.stranger else (Guise.WRONG_PASSWORD,)
            for guise in guises:
                if self._try(protocol, Role.FAILOVER, guise).answer is Answer.ACCEPTED:
                    self._lab.door.withdraw(protocol, Role.FAILOVER, guise)

    def _plan_refresh(self, protocol: Protocol, answer: ProbeAnswer) -> None:
        """At half of what was granted; one that home did not take is not tried again."""
        self._refreshes.pop(protocol, None)
        if answer.answer is Answer.ACCEPTED and answer.expires is not None:
            wait = self._lab.inventory.settings.scale.to_real(answer.expires / 2)
            self._refreshes[protocol] = time.monotonic() + wait

    def _try(self, protocol: Protocol, role: Role, guise: Guise = Guise.OWN) -> ProbeAnswer:
        return self._record(guise, self._lab.door.register(protocol, role, guise))

    def _record(self, guise: Guise, answer: ProbeAnswer) -> ProbeAnswer:
        told = f"{answer.answer} {answer.reason}".rstrip()
        target = probe_target(answer.protocol, answer.role)
        self._lab.record(Stimulus(guise, target, answer.sent_at, answer.answered_at or now(), told))
        return answer
