"""Whether the devices of a bench answer, asked from the lab host's network."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.inventory import Bench
from virtual_bench.fabric import terminal_servers
from virtual_bench.namespaces import within_network

READY_WITHIN = 30.0
"""Real seconds until every device must answer."""
_TRY_FOR, _PAUSE = 0.5, 0.05

SNMP_DISCOVERY = bytes.fromhex(
    "303a 020103 300f02024a69020300ffe3040104020103"
    "0410 300e0400020100020100040004000400"
    "3012 04000400 a00c020237f00201000201003000"
)
"""An SNMPv3 request without an engine's name; every agent reports its own to that (RFC 3414, 4)."""


@dataclass(frozen=True)
class Service:
    """What a device must answer at: `greeting` is what a TCP server says first."""

    device: str
    address: str
    port: int
    transport: str = "tcp"
    greeting: bytes = b""


def services(bench: Bench) -> Iterator[Service]:
    """Everything that must answer before a bench counts as up."""
    inventory = bench.inventory
    for name, device in inventory.managed.items():
        yield Service(name, str(device.address), device.login.port, greeting=b"SSH-")
    for name, pdu in inventory.pdus.items():
        yield Service(name, str(pdu.address), pdu.port, "udp")
    for name, address in terminal_servers(inventory).items():
        for url in (urlsplit(console.url) for console in inventory.consoles.values()):
            if url.hostname == address and url.port is not None:
                yield Service(name, address, url.port)
    for role, system in inventory.systems.items():
        if system.ssh is not None:
            yield Service(role.value, str(system.address), system.ssh.port, greeting=b"SSH-")
        if system.sip is not None and "tcp" in system.sip.transports:
            yield Service(role.value, str(system.address), system.sip.port)
        if system.sip is not None and system.portal is not None:
            yield Service(role.value, str(system.address), system.portal.port)
        if system.h323 is not None:
            yield Service(role.value, str(system.address), system.h323.signalling_port)


class Silent(Exception):
    """A service did not answer in time."""

    def __init__(self, service: Service) -> None:
        where = f"{service.address}:{service.port}/{service.transport}"
        super().__init__(f"nothing answers at {where} in {READY_WITHIN:g} s")
        self.service = service


class Died(Exception):
    """A device's program ended meanwhile."""

    def __init__(self, device: str) -> None:
        super().__init__(f"{device} died")
        self.device = device


async def answering(expected: Iterable[Service], network: int, dead: asyncio.Queue[str]) -> AsyncIterator[str]:
    """The devices as all of their services answer in the network namespace `network`.

    `dead` tells of devices that end meanwhile. Raises Died, Silent.
    """
    waiting: dict[asyncio.Task[Any], Service] = {
        asyncio.create_task(wait_for(service, network)): service for service in expected
    }
    death, loop = asyncio.create_task(dead.get()), asyncio.get_running_loop()
    deadline = loop.time() + READY_WITHIN
    try:
        while waiting:
            left = max(0.0, deadline - loop.time())
            done, _ = await asyncio.wait({death, *waiting}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if death in done:
                raise Died(death.result())
            if not done:
                raise Silent(next(iter(waiting.values())))
            for device in dict.fromkeys(waiting.pop(task).device for task in done):
                if all(service.device != device for service in waiting.values()):
                    yield device
    finally:
        for task in (death, *waiting):
            task.cancel()


async def wait_for(service: Service, network: int) -> None:
    """Ask until `service` answers in the network namespace `network`; the caller sets a deadline."""
    while True:
        try:
            async with asyncio.timeout(_TRY_FOR):
                return await _ask(service, network)
        except (OSError, TimeoutError):
            await asyncio.sleep(_PAUSE)


async def _ask(service: Service, network: int) -> None:
    """One question. Raises OSError or TimeoutError where it is not answered."""
    loop = asyncio.get_running_loop()
    with within_network(network):
        kind = socket.SOCK_DGRAM if service.transport == "udp" else socket.SOCK_STREAM
        client = socket.socket(socket.AF_INET, kind)
    with client:
        client.setblocking(False)
        await loop.sock_connect(client, (service.address, service.port))
        if service.transport == "udp":
            await loop.sock_sendall(client, SNMP_DISCOVERY)
            await loop.sock_recv(client, 1)
        elif service.greeting:
            greeting = await loop.sock_recv(client, len(service.greeting))
            if greeting != service.greeting:
                raise ConnectionError(f"{service.device} greets with {greeting!r}")
