"""What every service of a unit is given: the bench, who it is, its clock, its truth log."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from harness.inventory import Bench, Role, System, VirtualSettings
from harness.inventory.models import SipSettings
from virtual_bench.defects import Conduct, apply_defects
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip_websocket import serve_websockets
from virtual_bench.tls import client_context, server_context, telephones_context
from virtual_bench.truth import TruthLog
from virtual_bench.units.admission import Doorkeeper
from virtual_bench.units.bindings import Bindings
from virtual_bench.units.dhcp import DhcpDaemon
from virtual_bench.units.gatekeeper import Gatekeeper
from virtual_bench.units.gatekeeper_messages import GatekeeperSettings
from virtual_bench.units.line import Line, Listener
from virtual_bench.units.registrar import Registrar, RegistrarSettings

KEEPALIVE_PAYLOAD = 150
"""TCP payload bytes of a keepalive where the inventory states no size."""


@dataclass(frozen=True)
class Surroundings:
    """One unit on one bench."""

    bench: Bench
    role: Role
    clock: ScaledClock
    truth: TruthLog

    @property
    def system(self) -> System:
        """This unit's entry in the inventory."""
        return self.bench.inventory.systems[self.role]

    @property
    def other(self) -> Role:
        """The role of the other unit."""
        return Role.FAILOVER if self.role is Role.HOME else Role.HOME

    @property
    def other_system(self) -> System:
        """The other unit's entry."""
        return self.bench.inventory.systems[self.other]

    @property
    def virtual(self) -> VirtualSettings:
        """What documentation leaves open, as this bench has it."""
        return self.bench.inventory.virtual or VirtualSettings()

    @property
    def conduct(self) -> Conduct:
        """What this unit goes by, with those of the defects that it plays."""
        conforming = Conduct(opens_after=self.virtual.opens_after)
        return apply_defects(conforming, self.virtual.defects, self.role.value)

    @property
    def host(self) -> str:
        """The unit's address."""
        return str(self.system.address)

    @property
    def sip_hosts(self) -> list[str]:
        """The unit's addresses at which telephones can register by SIP."""
        ipv6 = self.system.ipv6
        serves = ipv6 is not None and (self.system.serves_ipv6 or self.conduct.serves_anyway)
        return [self.host, str(ipv6.address)] if ipv6 is not None and serves else [self.host]

    def files(self, name: str) -> Path:
        """A folder of the unit's own for the files of one service; it outlives reboots."""
        return self.bench.state / "files" / self.role.value / name

    @property
    def sip(self) -> SipSettings | None:
        """The SIP support of the system; None where it has none."""
        return self.system.sip or (self.other_system.sip if self.conduct.serves_anyway else None)

    def registrar(self, doors: Doorkeeper, bindings: Bindings) -> Registrar | None:
        """The SIP registrar, where the system supports SIP extensions; by TLS it shows its own certificate."""
        sip = self.sip
        if sip is None:
            return None
        expiry, heeds = round(self.virtual.granted_expiry), self.conduct.heeds_domain
        settings = RegistrarSettings(sip.domain, self.virtual.sip_blocked, expiry, heeds_domain=heeds)
        encrypted = self._shown() if "tls" in sip.transports else None
        return Registrar(settings, self.clock, doors, bindings, self.truth, encrypted)

    def _shown(self) -> ssl.SSLContext:
        return telephones_context(self.bench, self.conduct.shows_certificate_of or self.role)

    @property
    def portals(self) -> dict[str, int]:
        """Address of a system → port of the portal beside it."""
        systems = self.bench.inventory.systems.values()
        return {str(system.address): system.portal.port for system in systems if system.portal is not None}

    @property
    def portal_takes_over(self) -> bool:
        """Whether this unit's portal serves the other one's clients while that is lost."""
        portal = self.system.portal
        return self.conduct.serves_anyway or (portal is not None and portal.resilient)

    async def serve_sip(self, registrar: Registrar) -> None:
        """Listen at the unit's addresses and, where there is a portal beside it, hand on what clients say to that.

        The portal has the unit's address and certificate.
        """
        sip, portal = self.sip, self.system.portal
        if sip is None:
            return
        for host in self.sip_hosts:
            await registrar.serve(host, sip.transports, sip.port)
        if portal is not None:
            await serve_websockets((self.host, portal.port), registrar.received, self._shown())

    def gatekeeper(self, doors: Doorkeeper, bindings: Bindings) -> Gatekeeper | None:
        """The H.323 gatekeeper, where the system supports H.323 extensions."""
        other = self.other_system
        h323 = self.system.h323 or (other.h323 if self.conduct.serves_anyway else None)
        if h323 is None:
            return None
        settings = GatekeeperSettings(
            name=self.role.value,
            address=(self.host, h323.ras_port),
            signalling_port=h323.signalling_port,
            alternate_name=self.other.value,
            alternate=(str(other.address), other.h323.ras_port if other.h323 else h323.ras_port),
            blocked=self.virtual.ras_blocked,
            time_to_live=round(self.virtual.time_to_live),
        )
        return Gatekeeper(settings, self.clock, doors, bindings, self.truth)

    def line(self, listener: Listener) -> Line:
        """This unit's end of the line."""
        rule = self.bench.inventory.line.keepalive
        payload = rule.payload_sizes[0] if rule.payload_sizes else KEEPALIVE_PAYLOAD
        connects = self.role is Role.FAILOVER
        return Line(self.clock, self.truth, listener, rule.period, payload, connects=connects)

    async def run_line(self, line: Line) -> None:
        """Listen for the line at home; keep it connected at the failover system, without ever returning."""
        port, home = self.bench.inventory.line.port, self.bench.inventory.systems[Role.HOME]
        if self.role is Role.HOME:
            await line.listen(self.host, port, server_context(self.bench, self.role))
        else:
            await line.keep_connected(str(home.address), port, client_context(self.bench, self.role))

    def dhcp(self, *, relayed_only: bool = False) -> DhcpDaemon:
        """The unit's DHCP daemon, not yet started."""
        return DhcpDaemon(self.files("dhcp"), relayed_only=relayed_only)
