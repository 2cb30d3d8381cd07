"""One registration of a SIP telephone at one controller: REGISTER with digest, SUBSCRIBE, what it led to."""

import secrets
import ssl
from dataclasses import dataclass
from enum import Enum

from sipmessage import URI, Address, AuthChallenge, Parameters, Request, Response

from virtual_bench.phones.behaviour import SipBehaviour
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.settings import Controller
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip import PORT, in_uri, new_request, new_tag, uri_transport
from virtual_bench.sip_digest import credentials_for
from virtual_bench.sip_flows import Flow, open_flow
from virtual_bench.sip_transactions import Transactions

LEAST_REAL = 0.15
"""Real seconds below which a connect is not bounded."""


class Outcome(Enum):
    """What a request came to."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


@dataclass(frozen=True)
class Answered:
    """An outcome, with the expiry granted (bench seconds) where there is one."""

    outcome: Outcome
    granted: float = 0.0


class Registration:
    """The life of one registration: one Call-ID, counting requests, one way to the controller at a time."""

    def __init__(
        self,
        identity: Identity,
        domain: str,
        controller: Controller,
        behaviour: SipBehaviour,
        clock: ScaledClock,
        transactions: Transactions,
        host: str,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.controller = controller
        self._identity, self._domain, self._behaviour, self._clock = identity, domain, behaviour, clock
        self._transactions, self._host, self._trust = transactions, host, trust
        self._call_id, self._tag, self._number = f"{secrets.token_hex(8)}@{host}", new_tag(), 0
        self._challenge: AuthChallenge | None = None
        self._used = 0
        self._flow: Flow | None = None

    async def register(self) -> Answered:
        """Register, or refresh."""
        return await self._ask("REGISTER", self._behaviour.register_wait)

    async def withdraw(self) -> None:
        """Take the registration back, and let go of the controller."""
        await self._ask("REGISTER", 0)
        self.close()

    async def subscribe(self) -> None:
        """Ask to be told of the end of the registration; a controller that does not do it is as good."""
        await self._ask("SUBSCRIBE", self._behaviour.register_wait)

    def close(self) -> None:
        """Let go of the controller."""
        if self._flow:
            self._flow.close()
            self._flow = None

    def abort(self) -> None:
        """Let go of a controller that does not answer."""
        if self._flow:
            self._flow.abort()
            self._flow = None

    async def _ask(self, method: str, expires: int) -> Answered:
        deadline = self._clock.now() + self._behaviour.answer_within
        response = await self._exchange(method, expires, deadline)
        if response is not None and response.code == 401 and response.www_authenticate:
            self._challenge, self._used = response.www_authenticate, 0
            response = await self._exchange(method, expires, deadline)
        if response is None:
            self.abort()
            return Answered(Outcome.UNANSWERED)
        if response.code >= 300:
            return Answered(Outcome.REFUSED)
        return Answered(Outcome.ACCEPTED, _granted(response))

    async def _exchange(self, method: str, expires: int, deadline: float) -> Response | None:
        flow = await self._way()
        if flow is None:
            return None
        request = self._request(method, expires, flow)
        return await self._transactions.ask(flow, request, deadline - self._clock.now())

    async def _way(self) -> Flow | None:
        if self._flow and self._flow.lost.done():
            self.close()
        if self._flow is None:
            try:
                self._flow = await self._open()
            except OSError:
                return None
        return self._flow

    async def _open(self) -> Flow:
        controller, within = self.controller, self._clock.real(self._behaviour.connect_within, LEAST_REAL)
        peer, received = (controller.host, controller.port), self._transactions.received
        if controller.transport == "wss" and self._trust is not None:
            from virtual_bench.sip_websocket import open_websocket  # for those alone that need it

            return await open_websocket(self._host, peer, received, within, self._trust)
        return await open_flow(controller.transport, (self._host, PORT), peer, received, within, self._trust)

    def _request(self, method: str, expires: int, flow: Flow) -> Request:
        target = URI("sip", self._domain)
        aor = URI("sip", self._domain, self._identity.extension)
        local = Address(aor, self._identity.name, Parameters(tag=self._tag))
        self._number += 1
        via = (flow.transport, (self._host, flow.local[1]))
        call_id = self._call_id if method == "REGISTER" else f"s{self._call_id}"
        request = new_request(
            method, target if method == "REGISTER" else aor, local, Address(aor), call_id, self._number, via
        )
        transport = Parameters(transport=uri_transport(flow.transport))
        contact = URI("sip", in_uri(self._host), self._identity.extension, port=PORT, parameters=transport)
        request.contact = [Address(contact)]
        request.expires, request.user_agent = expires, self._identity.user_agent
        if method == "SUBSCRIBE":
            request.headers.set("Event", "reg")
            request.headers.set("Accept", "application/reginfo+xml")
        elif self._challenge:
            self._used += 1
            identity = self._identity
            request.authorization = credentials_for(
                self._challenge, method, str(target), identity.extension, identity.password, self._used
            )
        return request


def _granted(response: Response) -> float:
    """Seconds that a 200 grants: the Contact's, else its Expires."""
    contact = response.contact
    expires = contact[0].parameters.get("expires") if contact else None
    return float(expires if expires is not None else response.expires or 0)
