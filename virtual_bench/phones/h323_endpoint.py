"""What an H.323 telephone says over RAS (H.225.0), apart from when and to whom it says so."""

from dataclasses import dataclass

from virtual_bench.phones.identity import Identity
from virtual_bench.phones.ras_client import RasClient
from virtual_bench.ras import (
    MD5_OID,
    PROTOCOL,
    Address,
    Body,
    alias_of,
    name_of,
    password_token,
    terminal,
    transport_address,
    vendor,
)

RAS_PORT, SIGNALLING_PORT = 1719, 1720
ASKED_TO_LIVE = 300
"""Seconds of timeToLive that the telephone asks for; the gatekeeper decides."""


@dataclass(frozen=True)
class Registered:
    """The registration of an extension at a gatekeeper; `to_live` is in bench seconds."""

    extension: str
    gatekeeper: Address
    identifier: str
    to_live: float


class H323Endpoint:
    """The extensions of one telephone at the address `host`: its own, and those of its handsets if it is a base."""

    def __init__(self, identity: Identity, ras: RasClient, host: str) -> None:
        self._identity, self._ras, self._host = identity, ras, host
        self.refused = False
        """Whether the last gatekeeper that did not take the telephone answered at all."""

    async def discover(self, gatekeeper: Address) -> bool:
        """Whether the gatekeeper says that the telephone may register there."""
        answer = await self._ras.ask(gatekeeper, "gatekeeperRequest", self._discovery())
        self.refused = answer is not None
        return answer is not None and answer.kind == "gatekeeperConfirm"

    async def register(self, extension: str, gatekeeper: Address) -> Registered | None:
        """A full registration; None where it is refused or not answered."""
        body = self._registration() | {
            "terminalAlias": self._aliases(extension),
            "cryptoTokens": [password_token(extension, self._identity.password)],
            "keepAlive": False,
        }
        confirmed = await self._ras.ask(gatekeeper, "registrationRequest", body)
        self.refused = confirmed is not None
        if confirmed is None or confirmed.kind != "registrationConfirm":
            return None
        identifier = str(confirmed.body["endpointIdentifier"])
        return Registered(extension, gatekeeper, identifier, float(confirmed.body.get("timeToLive", ASKED_TO_LIVE)))

    async def confirm(self, registered: Registered) -> bool:
        """Whether the gatekeeper confirms a light RRQ."""
        body = self._registration() | {"keepAlive": True, "endpointIdentifier": registered.identifier}
        answer = await self._ras.confirm(registered.gatekeeper, body)
        return answer is not None and answer.kind == "registrationConfirm"

    async def unregister(self, registered: Registered) -> None:
        """Withdraw a registration."""
        body = {
            "callSignalAddress": [transport_address((self._host, SIGNALLING_PORT))],
            "endpointAlias": [alias_of(registered.extension)],
            "endpointIdentifier": registered.identifier,
        }
        await self._ras.ask(registered.gatekeeper, "unregistrationRequest", body)

    def _discovery(self) -> Body:
        return {
            "protocolIdentifier": PROTOCOL,
            "rasAddress": transport_address((self._host, RAS_PORT)),
            "endpointType": terminal(self._identity.user_agent),
            "endpointAlias": self._aliases(self._identity.extension),
            "authenticationCapability": [("pwdHash", 0)],
            "algorithmOIDs": [MD5_OID],
            "supportsAltGK": 0,
        }

    def _registration(self) -> Body:
        return {
            "protocolIdentifier": PROTOCOL,
            "discoveryComplete": True,
            "callSignalAddress": [transport_address((self._host, SIGNALLING_PORT))],
            "rasAddress": [transport_address((self._host, RAS_PORT))],
            "terminalType": terminal(self._identity.user_agent),
            "endpointVendor": vendor(self._identity.user_agent),
            "timeToLive": ASKED_TO_LIVE,
            "willSupplyUUIEs": False,
            "maintainConnection": False,
        }

    def _aliases(self, extension: str) -> list[tuple[str, str]]:
        # The number first; the name, which ends on a whole octet, last: see `encode`.
        return [alias_of(extension), name_of(self._identity.name)]
