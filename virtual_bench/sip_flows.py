"""Where SIP messages travel: datagrams, accepted and made TCP connections, all as *flows* to one peer."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Literal, Protocol, cast

from sipmessage import Request, Response

from virtual_bench.sip import Framing, Peer, parse
from virtual_bench.tls_client import TlsClient

Transport = Literal["UDP", "TCP", "TLS", "WSS"]
Receiver = Callable[["Flow", Request | Response], None]


class Flow(Protocol):
    """A way to one peer; `lost` is done once nothing can be sent any more."""

    transport: Transport
    local: Peer
    peer: Peer
    lost: asyncio.Future[None]

    def send(self, message: bytes) -> None:
        """Send one whole message; silently nothing where the flow is lost."""
        ...

    def close(self) -> None:
        """Give the flow up in good order."""
        ...

    def abort(self) -> None:
        """Give it up at once: nothing that was sent may arrive after an outage."""
        ...


class DatagramFlow:
    """The way to one peer over a UDP socket that may be shared with others."""

    transport: Transport = "UDP"

    def __init__(self, sockets: asyncio.DatagramTransport, local: Peer, peer: Peer, *, connected: bool) -> None:
        self._sockets, self._connected = sockets, connected
        self.local, self.peer = local, peer
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, message: bytes) -> None:
        """Send one datagram."""
        self._sockets.sendto(message, None if self._connected else self.peer)

    def close(self) -> None:
        """Close the socket if it is this flow's own."""
        if self._connected:
            self._sockets.close()

    def abort(self) -> None:
        """The same: a datagram is not repeated behind our back."""
        self.close()


class Datagrams(asyncio.DatagramProtocol):
    """A UDP socket: a server's, with a flow per datagram, or one connected to `peer` with one flow."""

    def __init__(self, receive: Receiver, peer: Peer | None = None) -> None:
        self._receive, self._peer = receive, peer
        self.flow: DatagramFlow | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the socket."""
        # asyncio's own datagram transports are no subclass of this before Python 3.13.
        transport = cast(asyncio.DatagramTransport, transport)
        self._transport, self._local = transport, transport.get_extra_info("sockname")[:2]
        if self._peer:
            self.flow = DatagramFlow(transport, self._local, self._peer, connected=True)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand the message on; what is none is dropped, as SIP over UDP has it."""
        try:
            message = parse(data)
        except (ValueError, KeyError):
            return
        # By IPv6 there is more than host and port.
        flow = self.flow or DatagramFlow(self._transport, self._local, addr[:2], connected=False)
        self._receive(flow, message)

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002
        """An ICMP error on a connected socket: what is waited for will not come."""
        if self.flow and not self.flow.lost.done():
            self.flow.lost.set_result(None)


class StreamFlow(asyncio.Protocol):
    """One TCP connection, with or without TLS."""

    def __init__(self, receive: Receiver, *, encrypted: bool) -> None:
        self._receive, self._framing = receive, Framing()
        self.transport: Transport = "TLS" if encrypted else "TCP"
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection."""
        transport = cast(asyncio.Transport, transport)
        self._transport = transport
        self.local: Peer = transport.get_extra_info("sockname")[:2]
        self.peer: Peer = transport.get_extra_info("peername")[:2]

    def data_received(self, data: bytes) -> None:
        """Hand on the messages that are complete; a stream that makes no sense is closed."""
        try:
            for message in self._framing.feed(data):
                self._receive(self, parse(message))
        except (ValueError, KeyError):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Nothing can be sent any more."""
        if not self.lost.done():
            self.lost.set_result(None)

    def send(self, message: bytes) -> None:
        """Send one message."""
        if not self.lost.done():
            self._transport.write(message)

    def close(self) -> None:
        """Close when all has been sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not acknowledged is thrown away (SO_LINGER of zero seconds, socket(7))."""
        if not self.lost.done():
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


async def serve_datagrams(address: Peer, receive: Receiver) -> asyncio.DatagramTransport:
    """A UDP server socket."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(receive), local_addr=address)
    return transport


async def serve_streams(address: Peer, receive: Receiver, encrypted: ssl.SSLContext | None = None) -> asyncio.Server:
    """A TCP listener, or one for TLS."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: StreamFlow(receive, encrypted=encrypted is not None),
        *address,
        backlog=100,
        reuse_address=True,
        ssl=encrypted,
    )


async def open_flow(
    transport: str, local: Peer, peer: Peer, receive: Receiver, within: float, trust: ssl.SSLContext | None = None
) -> Flow:
    """A flow of our own to `peer`: UDP from `local`, TCP from `local`'s address. `within` is in real seconds.

    By TLS the peer has to show a certificate that `trust` vouches for. Raises OSError (TimeoutError and SSLError
    included) where there is none to be had in that time.
    """
    loop = asyncio.get_running_loop()
    if transport == "udp":
        family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        # One socket per controller, all from the phone's one port: each gets its own peer's ICMP errors.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(local)
        sock.connect(peer)
        _, datagrams = await loop.create_datagram_endpoint(lambda: Datagrams(receive, peer), sock=sock)
        assert datagrams.flow is not None
        return datagrams.flow
    stream = StreamFlow(receive, encrypted=transport == "tls")
    async with asyncio.timeout(within):
        if transport == "tls" and trust is not None:
            client = TlsClient(trust, peer[0], stream)
            await loop.create_connection(lambda: client, *peer, local_addr=(local[0], 0))
            await client.until_ready()
        else:
            await loop.create_connection(lambda: stream, *peer, local_addr=(local[0], 0))
    return stream
