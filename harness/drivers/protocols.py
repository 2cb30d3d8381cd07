"""What a driver can do, as small protocols of verbs, and the states that can be read back."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from pydantic import SecretStr

from harness.base.units import EpochSeconds
from harness.drivers.answers import ProbeAnswer
from harness.inventory import Role


class Link(StrEnum):
    """Whether a port or a path is open (ON) or shut (OFF) by command; UNKNOWN is neither of them.

    An open port with nothing alive at its far end is ON: the harness shuts ports, it does not watch cables.
    """

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Power(StrEnum):
    """Whether an outlet gives power; UNKNOWN is neither of them."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PathRef:
    """A path through a router: what passes it, in both directions, between one address and a network."""

    router: str
    address: IPv4Address | IPv6Address
    network: IPv4Network | IPv6Network

    @property
    def target(self) -> str:
        """What it is called within its router."""
        return f"{self.address} - {self.network}"

    def __str__(self) -> str:
        return f"{self.router} {self.target}"

    @classmethod
    def of(cls, router: str, target: str) -> "PathRef":
        """The path that is called so."""
        address, _, network = target.partition(" - ")
        return cls(router, ip_address(address), ip_network(network))


class SwitchDriver(Protocol):
    """The ports of one switch. Verbs raise LabFault or ConfigurationFault, naming switch and port."""

    def connect(self) -> None:
        """Open the session beforehand, so that a cut takes no longer than its command."""

    def shut(self, port: str) -> None:
        """Shut `port`; returns when the switch says that it is shut."""

    def open(self, port: str) -> None:
        """Open `port`; returns when the switch says that it is open."""

    def state(self, port: str) -> Link:
        """What the switch says of `port` now."""

    @property
    def dropped(self) -> bool:
        """Whether the switch has left the session that was kept with it; cheap, asks nothing."""

    def close(self) -> None:
        """End the session."""


class RouterDriver(Protocol):
    """The paths through one router. Verbs raise LabFault or ConfigurationFault, naming the router.

    A path is OFF while the router drops everything of it without a word to either end.
    """

    def block(self, path: PathRef) -> None:
        """Block `path`; returns when the router says that it is blocked."""

    def open(self, path: PathRef) -> None:
        """Open `path`; returns when the router says that it is not blocked any more."""

    def state(self, path: PathRef) -> Link:
        """What the router says of `path` now."""

    def blocked(self) -> tuple[PathRef, ...]:
        """Every path that was blocked by this driver, by whichever run, and is still."""

    @property
    def dropped(self) -> bool:
        """Whether the router has left the session that was kept with it; cheap, asks nothing."""

    def close(self) -> None:
        """End the session."""


class OutletDriver(Protocol):
    """The outlets of one PDU. Verbs raise LabFault or ConfigurationFault, naming PDU and outlet."""

    def on(self, outlet: int) -> None:
        """Give power; returns when the PDU says that the outlet is on."""

    def off(self, outlet: int) -> None:
        """Take power away; returns when the PDU says that the outlet is off."""

    def state(self, outlet: int) -> Power:
        """What the PDU says of `outlet` now."""

    def close(self) -> None:
        """End the session."""


class UnitDriver(Protocol):
    """One IP Office unit, by its own login."""

    def connect(self) -> None:
        """Log in beforehand, so that a reboot takes no longer than its command."""

    def run(self, command: str) -> str:
        """What `command` printed; LabFault where it failed or did not end in time."""

    def reboot(self) -> None:
        """Reboot the unit: it took the command, or the connection dropped because of it."""

    def reachable(self) -> bool:
        """Whether it answers a command now; a wrong password or host key still raises."""

    def close(self) -> None:
        """End the session."""


class ConsoleDriver(Protocol):
    """One serial console, owned by one reader from `connect` to `close`."""

    def connect(self) -> None:
        """Take the console and read it from now on."""

    def greet(self) -> None:
        """Have the unit show that it is there, without logging in; LabFault where it does not."""

    def login(self) -> None:
        """Log in, unless somebody is."""

    def run(self, command: str) -> str:
        """What `command` printed; only the inventory's commands of this console are ever sent."""

    def reboot(self) -> None:
        """Reboot the unit behind the console; returns when it took the command."""

    def wait_for(self, pattern: str, seconds: float, since: EpochSeconds | None = None) -> EpochSeconds:
        """When `pattern` (a regular expression) was first read after `since` (default: now).

        Waits `seconds` (real) for it, else raises LabFault.
        """

    def close(self) -> None:
        """Let go of the console."""


class ProbeDriver(Protocol):
    """A registration client with a home extension of its own (clauses.md, *Probe*)."""

    def register(self, role: Role, password_override: SecretStr | None = None) -> ProbeAnswer:
        """One attempt, the authenticated retry included, at the system `role`.

        `password_override` stands in for the extension's password: for the wrong one, on purpose.
        Raises HarnessFault once the attempts of this run are used up.
        """

    def refresh(self, role: Role) -> ProbeAnswer:
        """Keep the registration at `role` alive, as a telephone does; ACCEPTED means that it goes on."""

    def withdraw(self, role: Role, handle: str = "") -> ProbeAnswer:
        """Take the registration at `role` back; ACCEPTED means that it is gone there.

        `handle`: that of the answer to its registration, where another process made it.
        """

    def close(self) -> None:
        """Close what is open; registrations stay until withdrawn or lapsed."""
