"""What one inventory file says of one bench, as typed models.

All periods are bench seconds. Names are the keys of their mappings and unique over the bench.
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from harness.base.secrets import SecretRef
from harness.base.units import TimeScale
from harness.inventory.telephones import Model, Protocol, catalogue

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40)]
Mac = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]
Extension = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,9}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Entry(BaseModel):
    """Common to all: unknown fields are refused, entries never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(StrEnum):
    """Which of the two systems a unit is."""

    HOME = "home"
    FAILOVER = "failover"


class Login(Entry):
    """How to log in at a device."""

    user: str
    password: SecretRef
    port: Port = 22


class PortRef(Entry):
    """A port of a switch of this bench."""

    switch: Name
    port: str


class OutletRef(Entry):
    """An outlet of a PDU of this bench."""

    pdu: Name
    outlet: int = Field(ge=1)


class SiteIpv6(Entry):
    """The IPv6 network of a site, with the address of its router, which advertises it to phones."""

    subnet: IPv6Network
    gateway: IPv6Address


class Site(Entry):
    """A network with the address of its router.

    `router`: the one that this address belongs to, where paths of single phones of this network can be blocked, and at
    home's network the line between the systems.
    """

    subnet: IPv4Network
    gateway: IPv4Address
    router: Name | None = None
    ipv6: SiteIpv6 | None = Field(default=None, description="Not stated: there is no IPv6 in this network.")

    @property
    def gateways(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """Its router's addresses."""
        return (self.gateway, *((self.ipv6.gateway,) if self.ipv6 is not None else ()))

    def network_for(self, address: IPv4Address | IPv6Address) -> IPv4Network | IPv6Network | None:
        """Its network of the IP version of `address`; None where it has none."""
        if address.version == 4:
            return self.subnet
        return self.ipv6.subnet if self.ipv6 is not None else None


class SipSettings(Entry):
    """*Stated* SIP support of a system."""

    domain: str
    transports: tuple[Literal["udp", "tcp", "tls"], ...] = ("udp", "tcp")
    port: Port = 5060


class SystemIpv6(Entry):
    """*Stated* IPv6 of a system: its address, and whether SIP phones can register there."""

    address: IPv6Address
    extensions: Literal["on", "off"] = "on"


class H323Settings(Entry):
    """*Stated* H.323 support of a system."""

    ras_port: Port = 1719
    signalling_port: Port = 1720


class PortalSettings(Entry):
    """*Stated* one-X Portal beside a system: WebRTC clients register through it, by WebSocket over TLS."""

    port: Port = 9443
    resilient: bool = Field(
        default=True, description="Of the failover system's: whether it serves home's clients while home is lost."
    )


class LicenceCount(Entry):
    """How a system tells how many of its licences are in use, by SSH."""

    command: str
    used: str = Field(description="Regular expression of what it prints; its group is the number.")


class System(Entry):
    """One of the two IP Office units, with its *stated* configuration; no test changes that."""

    site: Name
    address: IPv4Address
    ipv6: SystemIpv6 | None = Field(default=None, description="Not stated: the system has no IPv6.")
    mac: Mac | None = None
    port: PortRef
    outlet: OutletRef | None = None
    ssh: Login | None = None
    console: Name | None = None
    sip: SipSettings | None = None
    h323: H323Settings | None = None
    portal: PortalSettings | None = None
    failback: Literal["automatic", "manual"] | None = Field(
        default=None, description="Not stated: the product's default."
    )
    certificate_root: Name = Field(
        default="lab", description="The root CA that signed its identity certificate: phones trust that of home."
    )
    licences: int | None = Field(default=None, ge=0)
    licence_count: LicenceCount | None = None
    dhcp: Literal["on", "off"] = "off"
    boot_time: float = Field(
        gt=0, description="Bench seconds from the reboot command until phones can register again, at most."
    )
    reboot_command: str = "reboot"
    log_out_command: str | None = Field(
        default=None,
        pattern=r"\{extension\}",
        description="Logs a phone out at this system's command line (SSH), so that it logs in anew by itself; "
        "{extension} stands for the phone's. Not stated: there is no such command.",
    )

    @property
    def serves_ipv6(self) -> bool:
        """Whether phones can register at it by IPv6."""
        return self.ipv6 is not None and self.ipv6.extensions == "on"


class KeepaliveRule(Entry):
    """How a keepalive of the line is told from other packets without decryption."""

    period: float = Field(default=30, gt=0)
    payload_sizes: tuple[int, ...] = Field(default=(), description="TCP payload bytes of a keepalive; empty: no rule.")


class Line(Entry):
    """The line between the systems: the home system's side listens."""

    port: Port
    keepalive: KeepaliveRule = KeepaliveRule()


class SwitchPort(Entry):
    """One port of a switch, as it is to be between the episodes."""

    connects: Name
    state: Literal["on", "off"] = "on"


class Managed(Entry):
    """A device of the network: how its command line is reached, and which that is."""

    dialect: str
    address: IPv4Address
    login: Login


class Switch(Managed):
    """A switch whose ports the harness shuts."""

    site: Name | None = None
    ports: dict[str, SwitchPort]


class Router(Managed):
    """A router on which the harness blocks paths between a phone and the network of a system."""

    command: str = Field(default="nft", description="How this login runs nft, such as `sudo -n nft`.")


class SnmpV3(Entry):
    """SNMPv3 authPriv; the v2c community of old PDUs is a secret, too."""

    version: Literal[3] = 3
    user: str
    auth_protocol: Literal["SHA", "SHA256"] = "SHA"
    auth: SecretRef
    priv_protocol: Literal["AES"] = "AES"
    priv: SecretRef


class SnmpV2(Entry):
    """SNMPv2c."""

    version: Literal[2] = 2
    community: SecretRef


class Pdu(Entry):
    """A power strip; `outlets` says what hangs on each."""

    dialect: str
    address: IPv4Address
    port: Port = 161
    snmp: SnmpV3 | SnmpV2 = Field(discriminator="version")
    outlets: dict[int, Name]


class Console(Entry):
    """A serial console: a device file, `socket://HOST:PORT` or `rfc2217://HOST:PORT`."""

    url: str
    baud: int = 38400
    login: Login | None = None
    commands: tuple[str, ...] = Field(default=("reboot",), description="Nothing else is ever sent after the login.")


class Phone(Entry):
    """One telephone, of home where it stands among `phones`."""

    model: str
    extension: Extension
    user: str
    password: SecretRef
    port: PortRef
    outlet: OutletRef | None = None
    mac: Mac
    transport: Literal["udp", "tcp", "tls", "wss"] = Field(
        default="udp", description="`wss`: by WebSocket over TLS to a one-X Portal, as WebRTC clients do."
    )
    ip: Literal[4, 6] = Field(default=4, description="The IP version by which it registers.")
    site: Name = "phones"
    sson: int | None = Field(
        default=None, ge=128, le=254, description="Number of its site-specific DHCP option; default: its model's."
    )
    resilient: bool = Field(
        default=True,
        description="Whether it knows the failover system; a conference phone only where that was set by hand.",
    )
    handsets: tuple[Extension, ...] = Field(
        default=(), description="Extensions of the handsets that a base registers beside its own, from its address."
    )

    @property
    def as_handsets(self) -> "tuple[Phone, ...]":
        """Each of its handsets, as what it is to the systems: an extension that the base registers like its own."""
        return tuple(self.model_copy(update={"extension": each, "handsets": ()}) for each in self.handsets)

    @property
    def catalogued(self) -> Model:
        """What the catalogue knows of its model."""
        return catalogue()[self.model]

    @property
    def protocol(self) -> Protocol:
        """What it registers with."""
        return self.catalogued.protocol

    @property
    def encrypted(self) -> bool:
        """Whether nobody reads its registrations without session keys."""
        return self.transport in ("tls", "wss")

    @property
    def site_option(self) -> int | None:
        """The number of its site-specific DHCP option."""
        return self.sson or self.catalogued.sson

    @property
    def soft(self) -> bool:
        """Whether it is a program on somebody's computer."""
        return self.catalogued.kind == "soft"

    @property
    def base(self) -> bool:
        """Whether it is a base of handsets, which turns by a time of its own."""
        return self.catalogued.kind == "base"

    @property
    def physical(self) -> bool:
        """Whether it is a telephone of its own: no program, nor a base of handsets."""
        return self.catalogued.kind == "physical"


class Stranger(Entry):
    """An extension that never registers at home: no phone has it, or it exists nowhere at all."""

    extension: Extension
    password: SecretRef = Field(description="Its own; any where the extension exists nowhere.")


class ProbeExtension(Entry):
    """A home extension of the harness's own, never that of a judged phone."""

    extension: Extension
    user: str
    password: SecretRef
    like: Name = Field(description="The phone whose User-Agent the probe shows.")
    stranger: Stranger | None = Field(
        default=None, description="An extension that the failover system must never let in; the probe tries with it."
    )

    def as_stranger(self) -> "ProbeExtension":
        """The same client with the extension that never registers at home. Raises ValueError where none is stated."""
        if self.stranger is None:
            raise ValueError("no stranger is stated")
        return self.model_copy(update={"extension": self.stranger.extension, "password": self.stranger.password})


class DhcpScope(Entry):
    """What home's DHCP serves to a network of phones."""

    site: Name
    low: IPv4Address
    high: IPv4Address
    router: IPv4Address
    dns: IPv4Address
    domain: str
    lease: int = Field(default=3600, ge=120)
    sson: int = Field(default=242, ge=128, le=254)
    sson_of_failover: int | None = Field(default=None, ge=128, le=254)


class CaptureSensor(Entry):
    """Another Linux machine with dumpcap and Python 3, on which the interface is."""

    address: IPv4Address
    login: Login


class CapturePoint(Entry):
    """An interface that receives a mirror: `sees` names the devices whose ports it shows."""

    interface: str
    sees: tuple[Name, ...]
    netns: str | None = Field(
        default=None, description="The network namespace it is in: a name of `ip netns`, or a path; default: ours."
    )
    sensor: CaptureSensor | None = Field(default=None, description="The machine it is on; default: this one.")
    keys: Path | None = Field(
        default=None, description="File of TLS session keys (NSS key log) of what is seen there, for encrypted phones."
    )
    buffer_mib: int = Field(default=16, ge=1, le=1024, description="MiB that the kernel keeps for dumpcap.")


class LabHost(Entry):
    """The machine the harness runs on."""

    address: IPv4Interface
    management: IPv4Interface | None = None


class Settings(Entry):
    """What is agreed for the whole bench."""

    time_scale: float = Field(default=1, gt=0, le=60)
    disruptive: Literal["allowed", "refused"] = "refused"
    failover_bound: float | None = Field(default=None, gt=180, description="Default: 180 s + keepalive period.")
    failback_bound: float | None = Field(default=None, gt=600, description="Default: 600 s + keepalive period.")
    binding: Literal["must", "all"] = Field(default="must", description="Whether MAY and DERIVED clauses bind too.")
    known_hosts: Path = Path("${state}/known_hosts")
    clock_uncertainty: float = Field(
        default=0.0005, ge=0, description="Real seconds by which a capture stamp may be wrong."
    )
    clock_rate: float = Field(
        default=50e-6, ge=0, description="By which share the harness clock may go too fast or too slow."
    )
    lag_limit: float = Field(
        default=0.15,
        gt=0,
        description="Real seconds by which this machine may be late within a judged window; above: inconclusive.",
    )
    clock_skew: float = Field(
        default=2.0, gt=0, description="Real seconds by which the clock of another machine that captures may differ."
    )
    room_mib: int = Field(default=256, ge=0, description="MiB that a night may need on the disk of its recordings.")
    ring_mib: int = Field(default=64, ge=1, description="MiB after which a capture point begins another file.")

    @property
    def scale(self) -> TimeScale:
        """Bench seconds in a real one."""
        return TimeScale(self.time_scale)


class VirtualSettings(Entry):
    """What only a virtual bench reads: what documentation leaves open, and the defects to play."""

    sip_blocked: Literal["403", "404", "503", "silent"] = "403"
    ras_blocked: Literal["securityDenial", "resourceUnavailable", "undefinedReason", "invalidAlias", "silent"] = Field(
        default="securityDenial", description="The first two refuse discovery already (GRJ), the others not (RRJ)."
    )
    failback: Literal["pushed", "polled"] = "polled"
    dhcp_relay: Literal["on", "off"] = Field(
        default="on", description="Whether the router hands the telephones' DHCP on to the systems."
    )
    opens_after: float = Field(default=180, gt=0)
    granted_expiry: float = Field(default=180, gt=0)
    time_to_live: float = Field(default=120, gt=0)
    defects: tuple[Name, ...] = ()


class Inventory(Entry):
    """One bench."""

    bench: Name
    kind: str = "real"
    description: str = ""
    settings: Settings = Settings()
    sites: dict[Name, Site]
    lab_host: LabHost
    systems: dict[Role, System]
    line: Line
    switches: dict[Name, Switch]
    routers: dict[Name, Router] = {}
    pdus: dict[Name, Pdu] = {}
    consoles: dict[Name, Console] = {}
    phones: dict[Name, Phone]
    failover_phones: dict[Name, Phone] = Field(
        default={}, description="Telephones of the failover system itself, which stay where they are."
    )
    probes: dict[Protocol, ProbeExtension] = {}
    dhcp_scopes: dict[Name, DhcpScope] = {}
    captures: dict[Name, CapturePoint]
    virtual: VirtualSettings | None = None

    @property
    def failover_bound(self) -> float:
        """By when after its loss home counts as lost, bench seconds."""
        return self.settings.failover_bound or 180 + self.line.keepalive.period

    @property
    def telephones(self) -> dict[Name, Phone]:
        """Those of both systems."""
        return {**self.phones, **self.failover_phones}

    @property
    def extensions(self) -> dict[str, Name]:
        """Extension to the phone of home that registers it: a handset's to its base."""
        return {each: name for name, phone in self.phones.items() for each in (phone.extension, *phone.handsets)}

    @property
    def roles(self) -> dict[str, Role]:
        """Address, IPv4 or IPv6, to the system that has it."""
        by_ipv6 = {str(system.ipv6.address): role for role, system in self.systems.items() if system.ipv6 is not None}
        return {str(system.address): role for role, system in self.systems.items()} | by_ipv6

    @property
    def managed(self) -> dict[str, Managed]:
        """Switches and routers."""
        return {**self.switches, **self.routers}

    @property
    def readable(self) -> tuple[str, ...]:
        """The phones whose registrations can be read: not encrypted, or some capture point has session keys."""
        keys = any(capture.keys is not None for capture in self.captures.values())
        return tuple(name for name, phone in self.phones.items() if keys or not phone.encrypted)

    def name_of(self, phone: Phone) -> str:
        """How a phone of this bench is called in it."""
        return next(name for name, entry in self.telephones.items() if entry.extension == phone.extension)

    def router_of(self, phone: Name) -> Name | None:
        """The router on which paths of a phone can be blocked; None where the inventory names none."""
        return self.sites[self.phones[phone].site].router

    @property
    def failback_bound(self) -> float:
        """By when after its return phones begin to go back, bench seconds."""
        return self.settings.failback_bound or 600 + self.line.keepalive.period
