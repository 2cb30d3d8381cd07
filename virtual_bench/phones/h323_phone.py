"""An H.323 telephone: finds a gatekeeper, stays with it, and gets back to its first one."""

import asyncio

from virtual_bench.defects import CONFORMING, Conduct
from virtual_bench.phones.behaviour import h323_behaviour
from virtual_bench.phones.h323_endpoint import RAS_PORT, H323Endpoint, Registered
from virtual_bench.phones.handsets import Handsets
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.race import first_of
from virtual_bench.phones.ras_client import RasClient
from virtual_bench.phones.settings import Settings
from virtual_bench.ras import Address, Ras
from virtual_bench.scaled_time import ScaledClock


class H323Phone:
    """One telephone with an address and settings."""

    def __init__(
        self,
        identity: Identity,
        settings: Settings,
        clock: ScaledClock,
        host: str,
        conduct: Conduct = CONFORMING,
    ) -> None:
        self._identity, self._settings, self._clock, self._host = identity, settings, clock, host
        self._conduct = conduct
        self._behaviour = h323_behaviour(identity.family)
        self._ras = RasClient(clock, self._behaviour, self._asked)
        self._endpoint = H323Endpoint(identity, self._ras, host)
        self._handsets = Handsets(identity.handsets, self._endpoint, clock)
        self._current: Registered | None = None
        self._sent_away = asyncio.Event()
        self._sent_home = False
        """A gatekeeper has sent it to its first one, and there it has not been since."""
        self._home_answered = False
        """Its first gatekeeper has refused it since it left there."""

    async def run(self) -> None:
        """Never returns."""
        await self._ras.open((self._host, RAS_PORT))
        first = 0
        while True:
            first = await self._stay(await self._find(first))

    async def _find(self, first: int) -> Registered:
        """The first gatekeeper that accepts, from the one numbered `first` on; a pause after the last."""
        while True:
            for gatekeeper in self._settings.gatekeepers[first:]:
                if registered := await self._register(gatekeeper):
                    return registered
            await self._clock.sleep(self._behaviour.pause())
            first = 0

    async def _stay(self, registered: Registered) -> int:
        """Stay registered until that ends; the number of the gatekeeper to try next."""
        while True:
            self._current = registered
            self._sent_away.clear()
            index = self._settings.gatekeepers.index(registered.gatekeeper)
            every = self._behaviour.confirms_every(registered.to_live)
            self._sent_home, self._home_answered = self._sent_home and index != 0, False
            what, result = await first_of(
                home=self._ask_home(index),
                sent_away=self._sent_away.wait(),
                lost=self._keep(index, registered),
                never=self._handsets.follow(registered.gatekeeper, every),
            )
            await self._handsets.leave(lost=what == "lost")
            if what != "home":
                self._current = None
                self._sent_home = self._sent_home or what == "sent_away"
                return 0 if what == "sent_away" else index + 1
            away, registered = registered, result
            self._current = registered
            await self._endpoint.unregister(away)

    async def _keep(self, index: int, registered: Registered) -> None:
        """Light RRQs on a grid until one is not confirmed."""
        due = self._clock.now()
        while True:
            due += self._behaviour.confirms_every(registered.to_live)
            await self._clock.until(due)
            if index != 0 and not self._conduct.refreshes(self._home_answered):
                continue
            if not await self._endpoint.confirm(registered):
                return

    async def _ask_home(self, index: int) -> Registered:
        """Away from the first gatekeeper, ask there again and again, until it confirms.

        Where it is not to ask by itself it does so once it was sent there.
        """
        if index == 0 or not (self._conduct.goes_home and (self._settings.asks_home or self._sent_home)):
            await asyncio.Event().wait()
        due = self._clock.now()
        while True:
            due = max(due + self._behaviour.home_every, self._clock.now())
            await self._clock.until(due)
            if registered := await self._register(self._settings.gatekeepers[0]):
                return registered
            if self._endpoint.refused:
                self._home_answered = True
                await self._clock.sleep(self._conduct.asks_again_after)

    async def _register(self, gatekeeper: Address) -> Registered | None:
        if not await self._endpoint.discover(gatekeeper):
            return None
        return await self._endpoint.register(self._identity.extension, gatekeeper)

    def _asked(self, request: Ras, gatekeeper: Address) -> Ras | None:
        """What gatekeepers ask: being unregistered by its own one sends the telephone to its first."""
        if request.kind != "unregistrationRequest":
            return None
        current = self._current
        if current and current.gatekeeper == gatekeeper:
            if request.body.get("endpointIdentifier") == current.identifier:
                self._sent_away.set()
            return Ras("unregistrationConfirm", {"requestSeqNum": request.number})
        reason = ("notCurrentlyRegistered", 0)
        return Ras("unregistrationReject", {"requestSeqNum": request.number, "rejectReason": reason})
