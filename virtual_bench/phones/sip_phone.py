"""A SIP telephone: finds a controller, stays with it, and gets back to its first one."""

import asyncio
import ssl
from dataclasses import replace

from sipmessage import Request, Response

from virtual_bench import reginfo
from virtual_bench.defects import CONFORMING, Conduct
from virtual_bench.phones.behaviour import sip_behaviour
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.race import first_of
from virtual_bench.phones.settings import Settings
from virtual_bench.phones.sip_registration import Outcome, Registration
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip import answer
from virtual_bench.sip_flows import Flow
from virtual_bench.sip_transactions import Transactions


class SipPhone:
    """One telephone with an address and settings."""

    def __init__(
        self,
        identity: Identity,
        settings: Settings,
        clock: ScaledClock,
        host: str,
        trust: ssl.SSLContext | None = None,
        conduct: Conduct = CONFORMING,
    ) -> None:
        self._identity, self._settings, self._clock, self._host = identity, settings, clock, host
        self._conduct = conduct
        self._behaviour = replace(sip_behaviour(identity.family), **settings.timers)
        self._transactions = Transactions(clock, self._handle)
        self._sent_away, self._trust = asyncio.Event(), trust
        self._sent_home = False
        """A controller has sent it to its first one, and there it has not been since."""
        self._home_answered = False
        """Its first controller has refused it since it left there."""

    async def run(self) -> None:
        """Never returns."""
        first = 0
        while True:
            current, granted = await self._find(first)
            first = await self._stay(current, granted)

    async def _find(self, first: int) -> tuple[Registration, float]:
        """The first controller that accepts, trying from `first` to the last; then a wait, then all again."""
        while True:
            for index in range(first, len(self._settings.controllers)):
                registration = self._registration(index)
                answered = await registration.register()
                if answered.outcome is Outcome.ACCEPTED:
                    return registration, answered.granted
                registration.close()
            await self._clock.sleep(self._behaviour.recovery())
            first = 0

    async def _stay(self, current: Registration, granted: float) -> int:
        """Stay registered until that ends; the controller to try next.

        A telephone at another than its first controller may find itself accepted there meanwhile.
        """
        while True:
            self._sent_away.clear()
            await current.subscribe()
            index = self._settings.controllers.index(current.controller)
            self._sent_home, self._home_answered = self._sent_home and index != 0, False
            what, result = await first_of(
                home=self._ask_home(index),
                sent_away=self._sent_away.wait(),
                lost=self._keep(index, current, granted),
            )
            if what != "home":
                current.close()
                self._sent_home = self._sent_home or what == "sent_away"
                return 0 if what == "sent_away" else index + 1
            away, (current, granted) = current, result
            await away.withdraw()

    async def _keep(self, index: int, current: Registration, granted: float) -> None:
        """Refresh on a grid until a refresh fails."""
        due = self._clock.now()
        while True:
            due += granted * self._behaviour.refresh_at
            await self._clock.until(due)
            if index != 0 and not self._conduct.refreshes(self._home_answered):
                continue
            answered = await current.register()
            if answered.outcome is not Outcome.ACCEPTED:
                return
            granted = answered.granted

    async def _ask_home(self, index: int) -> tuple[Registration, float]:
        """Away from the first controller, ask there again and again; the registration once it is accepted.

        Where it is not to ask by itself it does so once it was sent there.
        """
        if index == 0 or not (self._conduct.goes_home and (self._settings.asks_home or self._sent_home)):
            await asyncio.Event().wait()
        home = self._registration(0)
        try:
            while True:
                await self._clock.sleep(self._behaviour.recovery())
                answered = await home.register()
                if answered.outcome is Outcome.ACCEPTED:
                    return home, answered.granted
                home.close()
                if answered.outcome is Outcome.REFUSED:
                    self._home_answered = True
                    await self._clock.sleep(self._conduct.asks_again_after)
        except asyncio.CancelledError:
            home.abort()
            raise

    def _registration(self, index: int) -> Registration:
        controller, domain = self._settings.controllers[index], self._settings.domain
        return Registration(
            self._identity, domain, controller, self._behaviour, self._clock, self._transactions, self._host,
            self._trust,
        )  # fmt: skip

    def _handle(self, request: Request, flow: Flow) -> Response | None:
        """What controllers ask of a telephone."""
        del flow
        if request.method == "OPTIONS":
            return answer(request, 200)
        if request.method != "NOTIFY":
            return answer(request, 405, {"Allow": "NOTIFY, OPTIONS"})
        state = request.headers.get("Subscription-State") or ""
        try:
            deactivated = bool(request.body) and reginfo.is_deactivated(request.body)
        except ValueError:
            return answer(request, 400)
        if state.startswith("terminated") and deactivated:
            self._sent_away.set()
        return answer(request, 200)
