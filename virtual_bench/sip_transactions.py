"""SIP transactions (RFC 3261, section 17, non-INVITE): repeating requests, absorbing repeated ones."""

import asyncio
from collections.abc import Callable

from sipmessage import Request, Response

from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip import branch_of, stamp_received
from virtual_bench.sip_flows import Flow

T1, T2 = 0.5, 4.0
"""Bench seconds: RFC 3261, 17.1.2.2, the first and the longest time between two repetitions over UDP."""
COMPLETED = 32.0
"""Bench seconds for which an answered request is remembered (Timer J, 64 times T1)."""

Handler = Callable[[Request, Flow], Response | None]
Sent = Callable[[], None]


class Transactions:
    """The transaction layer of one SIP element.

    `handle` gets each request once and returns its final response, or None to stay silent. `sending` is
    called when that is about to be sent, or will not be.
    """

    def __init__(self, clock: ScaledClock, handle: Handler, sending: Sent = lambda: None) -> None:
        self._clock, self._handle, self._sending = clock, handle, sending
        self._waiting: dict[str, asyncio.Future[Response]] = {}
        self._answered: dict[tuple[str, ...], bytes] = {}

    def received(self, flow: Flow, message: Request | Response) -> None:
        """Take a message from a flow."""
        if isinstance(message, Response):
            waiter = self._waiting.get(branch_of(message))
            if waiter and not waiter.done() and message.code >= 200:
                waiter.set_result(message)
        elif message.method != "ACK":
            self._request_received(flow, message)

    def _request_received(self, flow: Flow, request: Request) -> None:
        key = (branch_of(request), request.via[0].host, request.method, str(flow.peer))
        if key not in self._answered:
            stamp_received(request, flow.peer)
            response = self._handle(request, flow)
            self._answered[key] = bytes(response) if response else b""
            asyncio.get_running_loop().call_later(self._clock.real(COMPLETED), self._answered.pop, key, None)
            self._sending()
        if self._answered[key]:
            flow.send(self._answered[key])

    async def ask(self, flow: Flow, request: Request, within: float) -> Response | None:
        """The final response; None where none came `within` bench seconds or the flow was lost."""
        branch, deadline = branch_of(request), self._clock.now() + within
        waiter: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[branch] = waiter
        try:
            interval = T1 if flow.transport == "UDP" else within
            while not waiter.done() and not flow.lost.done() and (left := deadline - self._clock.now()) > 0:
                flow.send(bytes(request))
                await self._first_of(waiter, flow.lost, min(interval, left))
                interval = min(2 * interval, T2) if flow.transport == "UDP" else within
            return waiter.result() if waiter.done() else None
        finally:
            del self._waiting[branch]

    async def _first_of(self, answer: asyncio.Future[Response], lost: asyncio.Future[None], bench: float) -> None:
        await asyncio.wait((answer, lost), timeout=self._clock.real(bench), return_when=asyncio.FIRST_COMPLETED)
