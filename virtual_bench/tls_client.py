"""TLS for a connection that a telephone makes.

asyncio's own client ends a handshake that fails without a word; a telephone says by an alert what it refuses.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import Any, cast

_AT_ONCE = 65536


class TlsClient(asyncio.Protocol):
    """One end of an encrypted connection, between a socket and the protocol that speaks inside.

    To that it is the transport.
    """

    def __init__(self, context: ssl.SSLContext, host: str, inside: asyncio.Protocol) -> None:
        self._incoming, self._outgoing, self._inside = ssl.MemoryBIO(), ssl.MemoryBIO(), inside
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def until_ready(self) -> None:
        """Until both ends have shaken hands. Raises OSError (SSLError included) where they do not."""
        try:
            await self._ready
        except asyncio.CancelledError:
            self.abort()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._socket = cast(asyncio.Transport, transport)
        self._shake_hands()

    def data_received(self, data: bytes) -> None:
        """Go on with the handshake, or hand on what was said."""
        self._incoming.write(data)
        if not self._ready.done():
            self._shake_hands()
        else:
            self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing can be said any more."""
        if not self._ready.done():
            self._ready.set_exception(exc or ConnectionResetError("closed within the handshake"))
        elif self._ready.exception() is None:
            self._inside.connection_lost(exc)

    def write(self, data: bytes) -> None:
        """Say it."""
        self._tls.write(data)
        self._flush()

    def close(self) -> None:
        """Say that there is nothing more, and close."""
        with suppress(ssl.SSLError):  # the other end need not say so, too
            self._tls.unwrap()
        self._flush()
        self._socket.close()

    def abort(self) -> None:
        """Close without a word."""
        self._socket.abort()

    def get_extra_info(self, name: str) -> Any:
        """What the socket's transport says."""
        return self._socket.get_extra_info(name)

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._flush()
            self._socket.close()
            self._ready.set_exception(error)
            return
        self._flush()
        self._inside.connection_made(cast(asyncio.BaseTransport, self))
        self._ready.set_result(None)
        self._read()

    def _read(self) -> None:
        try:
            while data := self._tls.read(_AT_ONCE):
                self._inside.data_received(data)
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError:
            pass  # what is no TLS ends the connection as its end does
        self.close()

    def _flush(self) -> None:
        if waiting := self._outgoing.read():
            self._socket.write(waiting)
