"""SIP by WebSocket over TLS (RFC 7118), as WebRTC clients speak to a one-X Portal: each message is one of SIP.

That the portal speaks it is an assumption: no documentation fixes the form on the wire.
"""

import asyncio
import ssl
from contextlib import suppress

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from virtual_bench.sip import Peer, parse
from virtual_bench.sip_flows import Receiver, StreamFlow
from virtual_bench.tls_client import TlsClient

SUBPROTOCOLS = [Subprotocol("sip")]
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class WebSocketFlow(StreamFlow):
    """One WebSocket, of the end that `protocol` is; `opened` once both ends have agreed on one."""

    def __init__(self, receive: Receiver, protocol: ClientProtocol | ServerProtocol) -> None:
        super().__init__(receive, encrypted=True)
        self.transport = "WSS"
        self._protocol, self._message = protocol, b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client begins."""
        super().connection_made(transport)
        if isinstance(self._protocol, ClientProtocol):
            self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Hand on the messages that are complete; what makes no sense ends the connection."""
        self._protocol.receive_data(data)
        try:
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    self._frame(event)
                else:
                    self._shake_hands(event)
        except (ValueError, KeyError):
            self.close()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing can be said any more."""
        super().connection_lost(exc)
        if not self.opened.done():
            self.opened.set_exception(ConnectionResetError("there is no SIP by WebSocket"))
            self.opened.exception()  # of a server's end nobody asks

    def send(self, message: bytes) -> None:
        """Send one message; silently nothing where the flow is lost, or not yet open."""
        if not self.lost.done():
            with suppress(InvalidState):
                self._protocol.send_text(message)
            self._flush()

    def close(self) -> None:
        """Take leave, and close when all has been sent."""
        if not self.lost.done():
            with suppress(InvalidState):
                self._protocol.send_close()
            self._flush()
        self._transport.close()

    def _shake_hands(self, event: Request | Response) -> None:
        if isinstance(self._protocol, ServerProtocol) and isinstance(event, Request):
            self._protocol.send_response(self._protocol.accept(event))
        if self._protocol.handshake_exc is not None or self._protocol.subprotocol is None:
            raise ValueError("no SIP by WebSocket")
        self.opened.set_result(None)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in _DATA:
            self._message += frame.data
            if frame.fin:
                message, self._message = self._message, b""
                self._receive(self, parse(message))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()


async def serve_websockets(address: Peer, receive: Receiver, encrypted: ssl.SSLContext) -> asyncio.Server:
    """A listener for clients that speak SIP by WebSocket over TLS."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: WebSocketFlow(receive, ServerProtocol(subprotocols=SUBPROTOCOLS)),
        *address,
        backlog=100,
        reuse_address=True,
        ssl=encrypted,
    )


async def open_websocket(
    host: str, peer: Peer, receive: Receiver, within: float, trust: ssl.SSLContext
) -> WebSocketFlow:
    """A client's end, from the address `host`. `within` is in real seconds; raises OSError as `open_flow` does."""
    protocol = ClientProtocol(parse_uri(f"wss://{peer[0]}:{peer[1]}/"), subprotocols=SUBPROTOCOLS)
    flow = WebSocketFlow(receive, protocol)
    client = TlsClient(trust, peer[0], flow)
    async with asyncio.timeout(within):
        await asyncio.get_running_loop().create_connection(lambda: client, *peer, local_addr=(host, 0))
        await client.until_ready()
        try:
            await flow.opened
        except asyncio.CancelledError:
            flow.abort()
            raise
    return flow
