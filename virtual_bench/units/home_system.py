"""The home system: where the telephones belong, and what tells the failover system of them."""

import asyncio
from typing import Any

from harness.inventory import Role
from virtual_bench.units.admission import Decision
from virtual_bench.units.bindings import Bindings, take_back
from virtual_bench.units.dhcp import read_leases
from virtual_bench.units.home_policy import HomePolicy
from virtual_bench.units.line_messages import RECORDS, STATE
from virtual_bench.units.link_watch import watch_carrier
from virtual_bench.units.records import Records, User, ipv6_controllers, scopes_of, users_of
from virtual_bench.units.settings_file import SettingsServer, settings_file
from virtual_bench.units.surroundings import Surroundings


class HomeSystem:
    """Doorkeeper of home and its end of the line.

    Among the records is who is registered now: a telephone whose registration lapsed is new when it comes again.
    """

    checks_passwords = True

    def __init__(self, around: Surroundings) -> None:
        self._around, self._clock = around, around.clock
        self._users = users_of(around.bench)
        self._scopes = scopes_of(around.bench, apart=around.conduct.numbers_apart)
        self._domain = around.system.sip.domain if around.system.sip else ""
        self._manual = around.system.failback == "manual"
        self._policy = HomePolicy(self._clock.now(), needs_line=around.conduct.needs_line)
        self.bindings = Bindings(self._tell)
        self._line, self._dhcp = around.line(self), around.dhcp()
        self._registrar, self._gatekeeper = (
            around.registrar(self, self.bindings),
            around.gatekeeper(self, self.bindings),
        )

    async def start(self) -> None:
        """Bring all services up."""
        if self._registrar:
            await self._around.serve_sip(self._registrar)
        if self._gatekeeper:
            await self._gatekeeper.serve()
        await self._around.run_line(self._line)
        await SettingsServer(self._settings).serve(self._around.host)
        if self._scopes:
            self._dhcp.start(self._scopes, {})
        watch_carrier(self._carrier_changed)

    def decide(self, extension: str, *, refresh: bool) -> Decision:
        """Admit, unless home waits for the failover system's word or that says it has the telephone."""
        if extension not in self._users:
            return Decision.UNKNOWN
        admitted = self._policy.admits(extension, self._clock.now(), refresh=refresh)
        return Decision.ADMIT if admitted else Decision.BLOCK

    def user(self, extension: str) -> User | None:
        """One of home's users."""
        return self._users.get(extension)

    def log_out(self, extension: str) -> bool:
        """Unregister a telephone by hand; whether it was registered here."""
        return take_back(extension, self.bindings, (self._registrar, self._gatekeeper))

    def line_up(self) -> None:
        """Tell the failover system all there is."""
        self._tell()

    def line_down(self) -> None:
        """Nobody tells any more whom the failover system has."""
        self._policy.line_lost(self._clock.now())

    def line_message(self, kind: str, data: dict[str, Any]) -> None:
        """Take the failover system's word for whom it has."""
        if kind == STATE:
            self._policy.told(data["mode"], data["guests"])

    def _carrier_changed(self, carrier: bool) -> None:
        self._around.truth.write("link", reason="up" if carrier else "down")
        if carrier:
            self._policy.hold(self._clock.now())
        else:
            self._line.abort()

    def _tell(self) -> None:
        registered = {binding.extension: f"{binding.protocol}:{binding.peer}" for binding in self.bindings}
        leases = read_leases(self._dhcp.lease_file)
        records = Records(self._users, registered, self._scopes, leases, self._domain, self._manual)
        self._line.send(RECORDS, records.as_json())

    def _settings(self, user_agent: str) -> str | None:
        systems = self._around.bench.inventory.systems.values()
        pushed = self._around.virtual.failback == "pushed"
        controllers = [str(system.address) for system in systems]
        users, by_ipv6 = self._users.values(), ipv6_controllers(self._around.bench, Role.HOME, Role.FAILOVER)
        return settings_file(
            user_agent,
            users,
            controllers,
            self._domain,
            pushed=pushed,
            manual=self._manual,
            by_ipv6=by_ipv6,
            portals=self._around.portals,
        )

    def status(self) -> dict[str, Any]:
        """What the unit's commands show."""
        used = len(self.bindings.extensions)
        return {
            "mode": "home",
            "line": self._line.up,
            "registered": self.bindings.extensions,
            "licences_used": used,
        }


async def lapse(bindings: Bindings, around: Surroundings) -> None:
    """Remove what nobody refreshed, each bench second; never returns."""
    due = around.clock.now()
    while True:
        for binding in bindings.lapsed(around.clock.now()):
            around.truth.write("lapsed", extension=binding.extension, protocol=binding.protocol, peer=binding.peer)
        due += 1.0
        await around.clock.until(due)
        await asyncio.sleep(0)
