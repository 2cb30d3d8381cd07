"""The line between the systems: a WebSocket over TLS, keepalives from both ends, no replies to them.

The home system listens, the failover system connects. Whichever end hears nothing for a while drops the
connection without a word; after an outage there is a new one, never the old one again.
"""

import asyncio
import logging
import socket
import ssl
import struct
from typing import Any, Protocol

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from virtual_bench.scaled_time import ScaledClock
from virtual_bench.truth import TruthLog
from virtual_bench.units.line_messages import keepalive, padded, read

SILENCE = 75.0
"""Bench seconds without any message after which the connection is given up: two keepalives and a half."""
UNACKNOWLEDGED = 60.0
"""Bench seconds for TCP to have something acknowledged (TCP_USER_TIMEOUT); the kernel takes minutes."""
CONNECT_EVERY, CONNECT_WITHIN = 3.0, 5.0
"""Bench seconds between two tries to connect, and for one; no source, choices of this bench.

Short, so that a home that reboots is seen again some 145 s after it went, whatever the phase of the tries.
"""
DISCARD = struct.pack("ii", 1, 0)
"""SO_LINGER, zero seconds: closing throws away what is not acknowledged (socket(7))."""
LEAST_REAL = 0.3
"""Real seconds below which a connect is not bounded: TCP and ARP do not run on bench time."""

# A peer that goes away in the middle of a handshake is this bench's daily bread.
logging.getLogger("websockets").setLevel(logging.CRITICAL)


class Listener(Protocol):
    """Who is told of what comes over the line."""

    def line_up(self) -> None:
        """A connection has been made."""
        ...

    def line_down(self) -> None:
        """It has ended."""
        ...

    def line_message(self, kind: str, data: dict[str, Any]) -> None:
        """A message was received, keepalives included."""
        ...


class Line:
    """One end of the line, with at most one connection at a time."""

    def __init__(
        self,
        clock: ScaledClock,
        truth: TruthLog,
        listener: Listener,
        period: float,
        payload: int,
        *,
        connects: bool,
    ) -> None:
        self._clock, self._truth, self._listener = clock, truth, listener
        self._period, self._keepalive = period, keepalive(payload, masked=connects)
        self._connection: Connection | None = None
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    def send(self, kind: str, data: dict[str, Any]) -> None:
        """Send a message if there is a connection; both ends tell all again when a new one is made."""
        if self.up:
            self._outgoing.put_nowait(padded(kind, data))

    def abort(self) -> None:
        """Drop the connection at once, without TLS or WebSocket farewells."""
        if self._connection is not None:
            self._connection.transport.abort()

    async def converse(self, connection: Connection) -> None:
        """Run one connection until it ends; an older one is dropped."""
        self.abort()
        self._connection, self._outgoing = connection, asyncio.Queue()
        _leave_no_loose_ends(connection, self._clock.real(UNACKNOWLEDGED))
        # A keepalive before all else: whoever watches the line from outside sees at once that it is back.
        self._outgoing.put_nowait(self._keepalive)
        sender = asyncio.create_task(self._speak(connection, self._outgoing))
        beats = asyncio.create_task(self._beat(self._outgoing))
        self._truth.write("line_up")
        self._listener.line_up()
        try:
            await self._listen(connection)
        finally:
            sender.cancel()
            beats.cancel()
            connection.transport.abort()
            if self._connection is connection:
                self._connection = None
                self._truth.write("line_down")
                self._listener.line_down()

    async def _listen(self, connection: Connection) -> None:
        try:
            while True:
                async with asyncio.timeout(self._clock.real(SILENCE)):
                    text = await connection.recv(decode=True)
                if self._connection is connection:
                    self._listener.line_message(*read(str(text)))
        except (ConnectionClosed, TimeoutError):
            return

    async def _beat(self, outgoing: asyncio.Queue[str]) -> None:
        due = self._clock.now()
        while True:
            due += self._period
            await self._clock.until(due)
            outgoing.put_nowait(self._keepalive)

    async def _speak(self, connection: Connection, outgoing: asyncio.Queue[str]) -> None:
        while True:
            text = await outgoing.get()
            if text is self._keepalive:
                self._truth.write("keepalive_sent")
            try:
                await connection.send(text)
            except ConnectionClosed:
                return

    async def listen(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        """Take connections from now on."""
        await serve(self.converse, host, port, ssl=tls, compression=None, ping_interval=None)

    async def keep_connected(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        """Connect, and again whenever the connection has ended; never returns."""
        due = self._clock.now()
        while True:
            try:
                async with asyncio.timeout(self._clock.real(CONNECT_WITHIN, LEAST_REAL)):
                    connection = await connect(
                        f"wss://{host}:{port}/", ssl=tls, compression=None, ping_interval=None, proxy=None
                    )
            except (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed):
                pass  # home is away; that is what the next try is for
            else:
                await self.converse(connection)
            due = max(due + CONNECT_EVERY, self._clock.now())
            await self._clock.until(due)


def _leave_no_loose_ends(connection: Connection, seconds: float) -> None:
    """Have TCP give up after `seconds` (real), and send nothing any more of what is aborted.

    Otherwise the kernel would go on repeating the last keepalives, and deliver them after an outage.
    """
    sock = connection.transport.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
