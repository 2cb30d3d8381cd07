"""What the home system knows and tells the failover system: users, who has registered, leases, DHCP scope."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from harness.inventory import Bench, DhcpScope, Model, Phone, ProbeExtension, Role


@dataclass(frozen=True)
class User:
    """One extension of home, with what its telephone needs; `protocol` is "sip" or "h323".

    `kind` of its telephone: "physical", "soft" for a program, "base" for one of handsets, "handset" for one of those;
    `family`: which telephones it is like, "" where home does not know. `ip`: the version by which its telephone is to
    register.
    """

    extension: str
    name: str
    protocol: str
    password: str
    transport: str = "udp"
    user_agent: str = ""
    kind: str = "physical"
    family: str = ""
    ip: int = 4


@dataclass(frozen=True)
class Scope:
    """A DHCP scope as it goes over the line; addresses as text, `lease` in real seconds.

    `controllers` are the systems that a phone is to register with, in order; `settings_server` has its
    settings file. The failover system's own phones ask for the option `failover_sson`, and are to register with
    `failover`. `controllers_by_ipv6`: IPv6 addresses of the systems that have one.
    """

    netmask: str
    low: str
    high: str
    router: str
    dns: str
    domain: str
    lease: int
    sson: int
    controllers: tuple[str, ...]
    settings_server: str
    failover_sson: int | None = None
    failover: str = ""
    controllers_by_ipv6: tuple[str, ...] = ()


@dataclass(frozen=True)
class Records:
    """All that home tells. `registered`: contact data by extension, of now; `leases`: address by MAC.

    `sip_domain`: the one that its phones were given; "" before it has told any. `manual`: failback is by hand.
    """

    users: dict[str, User] = field(default_factory=dict)
    registered: dict[str, str] = field(default_factory=dict)
    scopes: tuple[Scope, ...] = ()
    leases: dict[str, str] = field(default_factory=dict)
    sip_domain: str = ""
    manual: bool = False

    def as_json(self) -> dict[str, Any]:
        """The records as JSON types."""
        return asdict(self)

    def updated(self, newer: "Records") -> "Records":
        """Both together; where they differ the newer ones count."""
        return Records(
            self.users | newer.users,
            self.registered | newer.registered,
            newer.scopes or self.scopes,
            self.leases | newer.leases,
            newer.sip_domain or self.sip_domain,
            newer.manual or self.manual,
        )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Records":
        """The records out of what `as_json` gave."""
        users = {extension: User(**user) for extension, user in data["users"].items()}
        lists = ("controllers", "controllers_by_ipv6")
        scopes = tuple(Scope(**scope | {name: tuple(scope[name]) for name in lists}) for scope in data["scopes"])
        return cls(users, dict(data["registered"]), scopes, dict(data["leases"]), data["sip_domain"], data["manual"])


class Told:
    """What home tells over one connection after another. `learns_again`: as of `Conduct`."""

    def __init__(self, *, learns_again: bool) -> None:
        self._learns_again = learns_again
        self._there: set[str] = set()
        self._gone: set[str] = set()
        self.records = Records()

    def connected(self) -> None:
        """Another connection; what was told before holds until more is told."""
        self._there, self._gone = set(), set()

    def take(self, records: Records) -> None:
        """What home told last."""
        self._gone |= self._there - records.registered.keys()
        self._there = set(records.registered)
        if not self._learns_again:
            left = {who: where for who, where in records.registered.items() if who not in self._gone}
            records = replace(records, registered=left)
        self.records = records


def users_of(bench: Bench) -> dict[str, User]:
    """Home's users by extension: its phones', the two of the registration probe and the two that never register."""
    inventory = bench.inventory
    users = [user for phone in inventory.phones.values() for user in _users_of(phone)]
    for probe in inventory.probes.values():
        like = inventory.phones[probe.like].catalogued
        users += [_user(entry, like) for entry in ((probe, probe.as_stranger()) if probe.stranger else (probe,))]
    return {user.extension: user for user in users}


def own_users_of(bench: Bench) -> dict[str, User]:
    """The failover system's own users by extension."""
    return {user.extension: user for phone in bench.inventory.failover_phones.values() for user in _users_of(phone)}


def _users_of(phone: Phone) -> list[User]:
    """Its own user, and those of its handsets, for which it gives its own password."""
    user = replace(_user(phone, phone.catalogued), transport=phone.transport, ip=phone.ip)
    return [user, *(replace(user, extension=each, kind="handset") for each in phone.handsets)]


def _user(entry: Phone | ProbeExtension, model: Model) -> User:
    return User(
        entry.extension,
        entry.user,
        model.protocol.value,
        entry.password.resolve(),
        user_agent=model.user_agent,
        kind=model.kind,
        family=model.family,
    )


def ipv6_controllers(bench: Bench, *roles: Role) -> tuple[str, ...]:
    """The IPv6 addresses of those systems that have one, whether or not they take phones there."""
    systems = [bench.inventory.systems[role] for role in roles]
    return tuple(str(system.ipv6.address) for system in systems if system.ipv6 is not None)


def scopes_of(bench: Bench, *, apart: bool = True) -> tuple[Scope, ...]:
    """Home's DHCP scopes; none where its DHCP is off. `apart`: the failover system's own phones are sent there."""
    systems = bench.inventory.systems
    if systems[Role.HOME].dhcp == "off":
        return ()
    controllers = tuple(str(systems[role].address) for role in (Role.HOME, Role.FAILOVER))
    own = controllers[1 if apart else 0]
    return tuple(_scope(bench, scope, controllers, own) for scope in bench.inventory.dhcp_scopes.values())


def _scope(bench: Bench, scope: DhcpScope, controllers: tuple[str, ...], own: str) -> Scope:
    return Scope(
        netmask=str(bench.inventory.sites[scope.site].subnet.netmask),
        low=str(scope.low),
        high=str(scope.high),
        router=str(scope.router),
        dns=str(scope.dns),
        domain=scope.domain,
        lease=scope.lease,
        sson=scope.sson,
        controllers=controllers,
        settings_server=controllers[0],
        failover_sson=scope.sson_of_failover,
        failover=own,
        controllers_by_ipv6=ipv6_controllers(bench, Role.HOME, Role.FAILOVER),
    )
