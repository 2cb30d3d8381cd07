"""The failover system: home's phones are its guests while home is lost, on what home told it before."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from virtual_bench.units.admission import Decision
from virtual_bench.units.bindings import Binding, Bindings, take_back
from virtual_bench.units.failover_policy import OPEN, FailoverPolicy, Mode
from virtual_bench.units.line_messages import RECORDS, STATE
from virtual_bench.units.link_watch import watch_carrier
from virtual_bench.units.manual_failback import ManualFailback
from virtual_bench.units.records import Records, Told, User, ipv6_controllers, own_users_of
from virtual_bench.units.settings_file import SettingsServer, settings_file
from virtual_bench.units.surroundings import Surroundings

PUSHED_WITHIN = 10.0
"""Bench seconds over which the telephones are sent back, so that they do not all arrive at once."""
HOME_LEARNS = 1.0
"""Bench seconds between telling home to take them and sending the first."""


class FailoverSystem:
    """Doorkeeper of the failover system and its end of the line.

    What home told last holds for ever while home is away. Once phones have been let in, a home that comes
    back with less (it may have rebooted) takes none of that away until they have gone back.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around, self._clock = around, around.clock
        self._conduct = around.conduct
        self._policy = FailoverPolicy(self._conduct, self._mode_changed)
        self._told, self._kept = Told(learns_again=self._conduct.learns_again), Records()
        self._own = own_users_of(around.bench)
        self._asked: set[str] = set()
        """Extensions that have asked here since home was lost."""
        self.bindings = Bindings(self._bindings_changed)
        self._manual = ManualFailback(self._conduct, self.bindings)
        self._line = around.line(self)
        self._dhcp = around.dhcp(relayed_only=self._conduct.dhcp_relayed_only)
        self._registrar = around.registrar(self, self.bindings)
        self._gatekeeper = around.gatekeeper(self, self.bindings)
        self._store = around.files("records") / "kept.json"
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Bring all services up; DHCP stays silent until home is lost."""
        if not self._conduct.forgets:
            self._remember()
        if self._registrar:
            await self._around.serve_sip(self._registrar)
        if self._gatekeeper:
            await self._gatekeeper.serve()
        await SettingsServer(self._settings).serve(self._around.host)
        watch_carrier(self._carrier_changed)
        self._tasks += [
            asyncio.create_task(self._around.run_line(self._line)),
            asyncio.create_task(self._watch_the_clock()),
        ]

    def decide(self, extension: str, *, refresh: bool) -> Decision:
        """Admit its own phones always, home's phones while the policy is open; who stays may stay."""
        if extension in self._own or extension in self._manual.claimed:
            return Decision.ADMIT
        if refresh and (self._manual.stays(extension) or not self._conduct.drops_guests):
            return Decision.ADMIT
        if not self._knows(extension):
            return Decision.UNKNOWN
        self._asked.add(extension)
        if self._conduct.waits_for_all and self._told.records.registered.keys() - self._asked:
            return Decision.BLOCK
        user = self.user(extension)
        if user is not None and user.family == self._conduct.keeps_out:
            return Decision.BLOCK
        if user is not None and user.kind == "handset" and not self._conduct.admits_handsets:
            return Decision.BLOCK
        if user is not None and user.transport == "wss" and not self._around.portal_takes_over:
            return Decision.BLOCK
        if self._conduct.guests_need_licences and self._licences_used >= (self._around.system.licences or 0):
            return Decision.BLOCK
        admitted = self._policy.admits(self._clock.now(), soft=user is not None and user.kind == "soft")
        # A guest that refreshes after the grace is as unwelcome as one that comes anew.
        unasked = not self._conduct.blocks and (self._line.up or refresh)
        return Decision.ADMIT if admitted or unasked else Decision.BLOCK

    def _knows(self, extension: str) -> bool:
        if self._conduct.admits_strangers:
            return self.user(extension) is not None
        return extension in self._told.records.registered or extension in self._kept.registered

    @property
    def checks_passwords(self) -> bool:
        """As it conducts itself."""
        return self._conduct.checks_passwords

    def user(self, extension: str) -> User | None:
        """A user of its own, or of home's, as home told."""
        known = self._own, self._told.records.users, self._kept.users
        return next((users[extension] for users in known if extension in users), None)

    def line_up(self) -> None:
        """The connection itself is a sight of home."""
        self._told.connected()
        self._sighted()
        self._tell()

    def line_down(self) -> None:
        """Home is out of sight."""
        self._policy.lost(self._clock.now())
        self._changed.set()

    def line_message(self, kind: str, data: dict[str, Any]) -> None:
        """Every message is a sight of home; records replace what was told before."""
        self._sighted()
        if kind == RECORDS:
            self._told.take(Records.from_json(data))
            self._policy.told(self._clock.now())
            self._manual.stated = self._told.records.manual
            if self._conduct.dhcp_before and self._policy.mode is Mode.NORMAL and not self._dhcp.serves:
                self._dhcp.start(self._told.records.scopes, self._told.records.leases)

    def _sighted(self) -> None:
        self._policy.sighted(self._clock.now())
        if self._policy.mode is Mode.NORMAL:
            self._asked.clear()
        self._changed.set()

    def _carrier_changed(self, carrier: bool) -> None:
        self._around.truth.write("link", reason="up" if carrier else "down")
        if not carrier:
            self._line.abort()

    async def _watch_the_clock(self) -> None:
        while True:
            self._changed.clear()
            due = self._policy.due()
            try:
                async with asyncio.timeout(None if due is None else self._clock.real(due - self._clock.now())):
                    await self._changed.wait()
            except TimeoutError:
                self._policy.advance(self._clock.now())

    def _mode_changed(self, mode: Mode) -> None:
        self._around.truth.write("mode", reason=mode.value)
        if mode is Mode.SUPPORT:
            self._kept = self._kept.updated(self._told.records)
            if not self._conduct.forgets:
                self._store.parent.mkdir(parents=True, exist_ok=True)
                self._store.write_text(json.dumps(self._kept.as_json()))
            self._serve_dhcp()
        elif mode is Mode.FAILBACK:
            self._manual.failback_begins()
            self._tasks.append(asyncio.create_task(self._push_back()))
        elif mode is Mode.NORMAL:
            self._end_of_grace()
        self._tell()

    def _serve_dhcp(self) -> None:
        own = self._conduct.dhcp_domain
        ours = [
            replace(scope, settings_server=self._around.host, domain=own or scope.domain) for scope in self._kept.scopes
        ]
        if ours and self._conduct.dhcp_in:
            self._dhcp.start(ours, self._kept.leases)

    def _remember(self) -> None:
        """Go on with what was known before a restart, as if home had just been seen."""
        if self._store.exists():
            self._kept = Records.from_json(json.loads(self._store.read_text()))
            self._policy.sighted(self._clock.now())
            self._policy.lost(self._clock.now())

    async def _push_back(self) -> None:
        # The others ask at home by themselves, and home takes them from now on.
        await self._clock.sleep(HOME_LEARNS)
        guests = [binding.extension for binding in self._guests() if self._pushes(binding.extension)]
        for extension in guests:
            self._take_back(extension)
            await self._clock.sleep((PUSHED_WITHIN - HOME_LEARNS) / len(guests))

    def _pushes(self, extension: str) -> bool:
        if self._manual.concerns(extension):
            return not self._manual.stays(extension)
        return self._around.virtual.failback == "pushed"

    def log_out(self, extension: str) -> bool:
        """Unregister a telephone by hand; whether it was registered here."""
        self._manual.logged_out(extension)
        return self._take_back(extension)

    def _take_back(self, extension: str) -> bool:
        return take_back(extension, self.bindings, (self._registrar, self._gatekeeper))

    def _end_of_grace(self) -> None:
        self._dhcp.stop()
        if self._conduct.dhcp_after:
            self._dhcp.start(self._told.records.scopes, self._told.records.leases)
        self._kept = Records()
        self._store.unlink(missing_ok=True)
        if self._conduct.drops_guests:
            self._drop_guests()

    def _drop_guests(self) -> None:
        for binding in self._guests():
            if self._manual.stays(binding.extension):
                continue
            if self._pushes(binding.extension):
                self._take_back(binding.extension)
            else:
                self.bindings.remove(binding.extension)
                self._around.truth.write(
                    "removed", extension=binding.extension, protocol=binding.protocol, peer=binding.peer
                )

    def _bindings_changed(self) -> None:
        users = [self.user(binding.extension) for binding in self._guests()]
        if any(user is not None and user.kind == "physical" for user in users):
            self._policy.physical_accepted()
        self._tell()

    def _tell(self) -> None:
        mode, guests = self._policy.mode, [binding.extension for binding in self._guests()]
        if self._manual.claimed and mode not in (Mode.SUPPORT, Mode.RETURNING):
            mode, guests = Mode.RETURNING, self._manual.claimed
        self._line.send(STATE, {"mode": mode.value, "guests": guests})

    def _guests(self) -> list[Binding]:
        return [binding for binding in self.bindings if binding.extension not in self._own]

    @property
    def _licences_used(self) -> int:
        guests = 0 if self._conduct.guests_take_licences else len(self._guests())
        return len(self.bindings.extensions) - guests

    def _settings(self, user_agent: str) -> str | None:
        records = self._kept.updated(self._told.records)
        pushed, portals = self._around.virtual.failback == "pushed", self._around.portals
        if self._policy.mode not in OPEN or not records.scopes:
            own, here = self._own.values(), [self._around.host]
            domain = self._around.system.sip.domain if self._around.system.sip else ""
            by_ipv6 = ipv6_controllers(self._around.bench, self._around.role)
            file = settings_file(
                user_agent, own, here, domain, pushed=pushed, manual=False, by_ipv6=by_ipv6, portals=portals
            )
            return file if own else None
        users, controllers = records.users.values(), records.scopes[0].controllers
        # Home's phones go on in home's domain, which may not be ours.
        domain, manual = records.sip_domain, records.manual
        by_ipv6 = records.scopes[0].controllers_by_ipv6
        return settings_file(
            user_agent, users, controllers, domain, pushed=pushed, manual=manual, by_ipv6=by_ipv6, portals=portals
        )

    def status(self) -> dict[str, Any]:
        """What the unit's commands show."""
        mode = self._policy.mode.value
        return {
            "mode": mode,
            "line": self._line.up,
            "registered": self.bindings.extensions,
            "licences_used": self._licences_used,
        }
