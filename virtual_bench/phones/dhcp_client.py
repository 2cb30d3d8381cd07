"""The telephone's DHCP client: busybox's udhcpc, with a script of ours that only tells what it was given."""

import asyncio
import ipaddress
from dataclasses import dataclass
from pathlib import Path

INTERFACE = "eth0"
SITE_OPTIONS = (242, 176)
"""Site-specific option numbers asked for: 242 for 1600, 9600 and J100, 176 for 4600 and 5600."""
_FIELDS = ("ip", "subnet", "router", *(f"opt{number}" for number in SITE_OPTIONS))
_SCRIPT = '#!/bin/sh\necho "EVENT $1' + "".join(f" {name}=${{{name}%% *}}" for name in _FIELDS) + '"\n'
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
    site = next((given[f"opt{number}"] for number in SITE_OPTIONS if given.get(f"opt{number}")), "")
    return reason, Lease(given["ip"], given["subnet"], given["router"], bytes.fromhex(site).decode())


class DhcpClient:
    """Keeps an address for as long as it runs; its script lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "udhcpc.sh"
        self._script.parent.mkdir(parents=True, exist_ok=True)
        self._script.write_text(_SCRIPT)
        self._script.chmod(0o755)
        self._lease: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Ask at the shortest intervals that the client has, and renew; never returns."""
        asked = [f"-O{number}" for number in SITE_OPTIONS]
        process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", "busybox", "udhcpc", "-f", "-i", INTERFACE, "-T1", "-t2", "-A1",
            "-s", str(self._script), *asked, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
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
