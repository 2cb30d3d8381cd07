"""The telephone's end of RAS: asking a gatekeeper, repeating, and being asked by it."""

import asyncio
import random
from collections.abc import Callable
from typing import cast

from virtual_bench.phones.behaviour import H323Behaviour
from virtual_bench.ras import Address, Body, Ras, decode, encode
from virtual_bench.scaled_time import ScaledClock

Asked = Callable[[Ras, Address], Ras | None]


class RasClient(asyncio.DatagramProtocol):
    """One RAS socket. `asked` answers the gatekeepers' own requests, or stays silent with None."""

    def __init__(self, clock: ScaledClock, behaviour: H323Behaviour, asked: Asked) -> None:
        self._clock, self._behaviour, self._asked = clock, behaviour, asked
        self._number = random.randrange(1, 30000)
        self._waiting: dict[tuple[Address, int], asyncio.Future[Ras]] = {}

    async def open(self, address: Address) -> None:
        """Bind the socket."""
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the socket."""
        # asyncio's own datagram transports are no subclass of this before Python 3.13.
        transport = cast(asyncio.DatagramTransport, transport)
        self._socket = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """An answer goes to who waits for it, a request is answered."""
        try:
            message = decode(data)
        except ValueError:
            return
        if message.kind.endswith("Request"):
            answer = self._asked(message, addr)
            if answer:
                self._socket.sendto(encode(answer), addr)
        else:
            waiter = self._waiting.get((addr, message.number))
            if waiter and not waiter.done():
                waiter.set_result(message)

    async def ask(self, gatekeeper: Address, kind: str, body: Body) -> Ras | None:
        """The gatekeeper's answer; None where it gave none to any of the tries."""
        return await self._ask(gatekeeper, kind, body, self._behaviour.tries, self._behaviour.try_every)

    async def confirm(self, gatekeeper: Address, body: Body) -> Ras | None:
        """Its answer to a light RRQ; None: it counts as lost."""
        tries, every = self._behaviour.poll_tries, self._behaviour.poll_try_every
        return await self._ask(gatekeeper, "registrationRequest", body, tries, every)

    async def _ask(self, gatekeeper: Address, kind: str, body: Body, tries: int, every: float) -> Ras | None:
        self._number = self._number % 65535 + 1
        key, data = (gatekeeper, self._number), encode(Ras(kind, {"requestSeqNum": self._number} | body))
        waiter: asyncio.Future[Ras] = asyncio.get_running_loop().create_future()
        self._waiting[key] = waiter
        due = self._clock.now()
        try:
            for _ in range(tries):
                self._socket.sendto(data, gatekeeper)
                due += every
                await asyncio.wait({waiter}, timeout=self._clock.real(max(0.0, due - self._clock.now())))
                if waiter.done():
                    return waiter.result()
            return None
        finally:
            del self._waiting[key]
