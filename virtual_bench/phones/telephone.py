"""A telephone from power on: boot, address, settings, then its SIP or H.323 agent."""

import asyncio
from typing import Protocol

from harness.inventory import Bench, VirtualSettings
from virtual_bench.defects import Conduct, apply_defects
from virtual_bench.phones.behaviour import ASK_AGAIN, BOOT
from virtual_bench.phones.dhcp_client import USUAL_SITE_OPTION, DhcpClient, Lease
from virtual_bench.phones.h323_phone import H323Phone
from virtual_bench.phones.identity import Identity
from virtual_bench.phones.ipv6_address import ipv6_address
from virtual_bench.phones.settings import Settings, combine, fetch, settings_lines, site_option
from virtual_bench.phones.sip_phone import SipPhone
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.tls import telephone_context


class Agent(Protocol):
    """What registers."""

    async def run(self) -> None:
        """Never returns."""
        ...


class Telephone:
    """One telephone; `powered` is when its power came, on the monotonic clock, real seconds."""

    def __init__(self, bench: Bench, name: str, powered: float) -> None:
        self._clock = ScaledClock(bench.inventory.settings.time_scale)
        phone = bench.inventory.telephones[name]
        self._identity = Identity.of(phone)
        played = (bench.inventory.virtual or VirtualSettings()).defects
        self._conduct = apply_defects(Conduct(), played, self._identity.family)
        self._site_option = phone.site_option or USUAL_SITE_OPTION
        self._trust = telephone_context(bench) if phone.encrypted else None
        self._folder, self._powered = bench.state / "files" / name, powered

    async def run(self) -> None:
        """Never returns; raises where its DHCP client dies."""
        await self._clock.until(self._powered * self._clock.factor + BOOT)
        client = DhcpClient(self._folder, self._site_option)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.run())
            lease = await client.lease()
            settings = await self._settings(lease)
            host = await ipv6_address() if settings.ip == 6 else lease.address
            await self._agent(settings, host).run()

    async def _settings(self, lease: Lease) -> Settings:
        option = site_option(lease.site)
        server = option.get("HTTPSRVR", [lease.router])[0]
        while True:
            try:
                settings = combine(option, settings_lines(await fetch(server, self._identity.user_agent)))
            except OSError:
                await self._clock.sleep(ASK_AGAIN)
            else:
                heeded = self._identity.resilient and self._conduct.heeds_others
                return settings if heeded else settings.without_resilience

    def _agent(self, settings: Settings, host: str) -> Agent:
        if self._identity.protocol == "sip":
            return SipPhone(self._identity, settings, self._clock, host, self._trust, self._conduct)
        return H323Phone(self._identity, settings, self._clock, host, self._conduct)
