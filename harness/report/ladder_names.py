"""Who has which address: of a bench by what its phones say of themselves, else nobody is known by name."""

from collections import defaultdict

from harness.capture.events import DhcpEvent, DhcpKind, Event, RegistrationAttempt
from harness.capture.messages import DhcpMessage, Message, RasMessage, SipMessage
from harness.capture.sip import user_of
from harness.inventory import Inventory

BROADCAST = "broadcast"
_EVERYBODY = "255.255.255.255"


class Names:
    """Let it `learn` from all messages first; a phone may have several addresses in the course of time."""

    def __init__(self, inventory: Inventory | None) -> None:
        self.order: tuple[str, ...] = ()
        """Names in the order of their columns, as far as a bench gives one."""
        self._fixed = {_EVERYBODY: BROADCAST}
        self._extensions: dict[str, str] = {}
        self._macs: dict[str, str] = {}
        self._learned: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        if inventory is not None:
            self._know(inventory)

    def learn(self, message: Message) -> None:
        """Take in what a phone says of itself, and which address a client is given."""
        if isinstance(message, SipMessage) and (message.status, message.method) == (None, "REGISTER"):
            self._registers(message.source.address, user_of(message.header("to")), message.at)
        elif isinstance(message, RasMessage) and message.kind in ("GRQ", "RRQ"):
            self._registers(message.source.address, message.digits, message.at)
        elif isinstance(message, DhcpMessage) and message.kind is DhcpKind.ACK:
            self._leases(message.client, message.offered, message.at)

    def learn_event(self, event: Event) -> None:
        """The same from an event."""
        if isinstance(event, RegistrationAttempt):
            self._registers(event.source, event.extension, event.asked_at)
        elif isinstance(event, DhcpEvent) and event.kind is DhcpKind.ACK:
            self._leases(event.client, event.offered, event.at)

    def of(self, address: str, at: float) -> str:
        """Who has an address at an instant (epoch seconds): a name, else the address itself."""
        return self._fixed.get(address) or self._nearest(address, at) or address

    def client(self, mac: str, at: float) -> str:
        """Who asks for an address: a name, else the address it is given, else its hardware address."""
        if mac in self._macs:
            return self._macs[mac]
        given = self._nearest(mac, at)
        return self.of(given, at) if given else mac

    def _know(self, inventory: Inventory) -> None:
        phones = inventory.phones
        self._extensions = inventory.extensions
        self._macs = {phone.mac.lower(): name for name, phone in phones.items()}
        systems = {address: role.value for address, role in inventory.roles.items()}
        gateways = {
            str(gateway): f"router {name}" for name, site in inventory.sites.items() for gateway in site.gateways
        }
        self._fixed |= gateways | systems | {str(inventory.lab_host.address.ip): "probe"}
        self.order = (*phones, "probe")

    def _registers(self, address: str, extension: str, at: float) -> None:
        if extension in self._extensions:
            self._learned[address].append((at, self._extensions[extension]))

    def _leases(self, mac: str, address: str, at: float) -> None:
        if address and mac in self._macs:
            self._learned[address].append((at, self._macs[mac]))
        if address:
            self._learned[mac].append((at, address))

    def _nearest(self, key: str, at: float) -> str:
        known = self._learned.get(key)
        return min(known, key=lambda each: abs(each[0] - at))[1] if known else ""
