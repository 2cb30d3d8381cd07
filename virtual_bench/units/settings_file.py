"""The telephones' settings file, and the small HTTP server that hands it out.

Names and defaults as in the 9600 SIP and J100 administration guides.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from virtual_bench.sip import PORT, TLS_PORT, in_uri
from virtual_bench.units.records import User

PATH = "/46xxsettings.txt"
HTTP_PORT = 80
WAITS = 5.0
"""Real seconds for a client to say what it wants."""
REGISTER_WAIT, REGISTER_WAIT_OF_OLDER = 900, 300
"""REGISTERWAIT: J100 administration guide; B5800 implementation guide."""
OLDER = frozenset({"1120", "1140", "1220", "1230", "B179", "B199"})
"""Families that were there before J100. That they take timers from such a file is an assumption."""


def settings_file(
    user_agent: str,
    users: Iterable[User],
    controllers: Iterable[str],
    domain: str,
    *,
    pushed: bool,
    manual: bool,
    by_ipv6: Iterable[str] = (),
    portals: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """The file for a telephone that says it is `user_agent`: lines `SET NAME value`.

    `by_ipv6`: the controllers of a telephone that is to register so. `pushed`: the failover system sends telephones
    back, they do not ask by themselves; nor do H.323 telephones where failback is `manual`. `portals`: controller →
    port of the portal beside it, if there is one.
    """
    user = next((user for user in users if user.user_agent and user.user_agent in user_agent), None)
    transport = user.transport if user else "tcp"
    told = pushed or (manual and user is not None and user.protocol == "h323")
    settings = {
        "SIP_CONTROLLER_LIST": _controllers(controllers, transport, portals),
        "SIPDOMAIN": domain,
        "FAILBACK_POLICY": "admin" if told else "auto",
        "DISCOVER_AVAYA_ENVIRONMENT": 0,
    }
    if user and user.protocol == "sip":
        settings |= _timers(user.family)
    if user and user.ip == 6:
        settings |= {"SIP_CONTROLLER_LIST_2": _controllers(by_ipv6, transport, portals), "SIGNALING_ADDR_MODE": 6}
    return "".join(f"SET {name} {value}\n" for name, value in settings.items())


def _timers(family: str) -> dict[str, int]:
    """The timers that a family of SIP telephones knows; H.323 ones go by what their gatekeeper grants."""
    return {
        "REGISTERWAIT": REGISTER_WAIT_OF_OLDER if family in OLDER else REGISTER_WAIT,
        "WAIT_FOR_REGISTRATION_TIMER": 32,
        "RECOVERYREGISTERWAIT": 60,
    }


def _controllers(hosts: Iterable[str], transport: str, portals: Mapping[str, int]) -> str:
    usual = TLS_PORT if transport == "tls" else PORT
    ports = {host: portals.get(host) if transport == "wss" else usual for host in hosts}
    return f'"{",".join(f"{in_uri(host)}:{port};transport={transport}" for host, port in ports.items() if port)}"'


class SettingsServer:
    """Serves one path by HTTP GET; `content` gives the text for a User-Agent, None while there is none."""

    def __init__(self, content: Callable[[str], str | None]) -> None:
        self._content = content

    async def serve(self, host: str) -> None:
        """Listen."""
        await asyncio.start_server(self._client, host, HTTP_PORT)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(WAITS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            writer.write(self._answer(head))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that went away or never asked gets nothing
        finally:
            writer.close()

    def _answer(self, head: str) -> bytes:
        request, *headers = head.split("\r\n")
        agent = next((line[11:].strip() for line in headers if line.lower().startswith("user-agent:")), "")
        method, _, path = request.partition(" ")
        content = self._content(agent) if method == "GET" and path.split(" ")[0] == PATH else None
        if content is None:
            return _response("404 Not Found", "")
        return _response("200 OK", content)


def _response(status: str, content: str) -> bytes:
    length = len(content.encode())
    head = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain",
        f"Content-Length: {length}",
        "Connection: close",
    ]
    return "\r\n".join([*head, "", content]).encode()
