"""The telephone's DHCP client: busybox's udhcpc, with a script of ours that only tells what it was given."""

import asyncio
import ipaddress
from dataclasses import dataclass
from pathlib import Path

INTERFACE = "eth0"
USUAL_SITE_OPTION = 242
"""Number of the site-specific option for 1600, 9600 and J100; 176 is that of 4600 and 5600."""
_FIELDS = ("ip", "subnet", "router", "site")
EVENT = "EVENT"


@dataclass(frozen=True)
class Lease:
    """What DHCP gave. `site` is the text of the site-specific option, "" where there was none."""

    address: str
    netmask: str
    router: str
    site: str

    @property
    def interface(self) -> str:
        """Address with the length of its network's prefix."""
        return str(ipaddress.IPv4Interface(f"{self.address}/{self.netmask}"))


def read_event(line: str) -> tuple[str, Lease | None]:
    """What a line of the script tells: its reason, and a lease if it is about one."""
    _, reason, *words = line.split()
    given = dict(word.split("=", 1) for word in words)
    if not given.get("ip"):
        return reason, None
    site = bytes.fromhex(given.get("site", "")).decode()
    return reason, Lease(given["ip"], given["subnet"], given["router"], site)


def script(number: int) -> str:
    """What the client runs at each event: it prints reason, address and site-specific option `number`, and no more."""
    variables = dict(zip(_FIELDS, ("ip", "subnet", "router", f"opt{number}"), strict=True))
    told = "".join(f" {name}=${{{variable}%% *}}" for name, variable in variables.items())
    return f'#!/bin/sh\necho "EVENT $1{told}"\n'


class DhcpClient:
    """Keeps an address for as long as it runs; its script lies in `folder`.

    `number` is that of the one site-specific option that the telephone asks for.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self._script, self._number = folder / "udhcpc.sh", number
        self._script.parent.mkdir(parents=True, exist_ok=True)
        self._script.write_text(script(number))
        self._script.chmod(0o755)
        self._lease: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Ask at the shortest intervals that the client has, and renew; never returns."""
        process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", "busybox", "udhcpc", "-f", "-i", INTERFACE, "-T1", "-t2", "-A1",
            f"-O{self._number}", "-s", str(self._script),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async for line in process.stdout:
            if line.startswith(EVENT.encode()):
                await self._event(line.decode())
        raise ChildProcessError(f"the DHCP client ended with {await process.wait()}")

    async def lease(self) -> Lease:
        """The first lease."""
        return await asyncio.shield(self._lease)

    async def _event(self, line: str) -> None:
        _, lease = read_event(line)
        if lease is None:
            return
        await _ip("address", "replace", lease.interface, "dev", INTERFACE)
        if lease.router:
            await _ip("route", "replace", "default", "via", lease.router)
        if not self._lease.done():
            self._lease.set_result(lease)


async def _ip(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec("ip", *arguments)
    if await process.wait():
        raise ChildProcessError(f"ip {' '.join(arguments)} failed")
