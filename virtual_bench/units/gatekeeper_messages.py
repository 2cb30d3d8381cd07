"""What a gatekeeper says over RAS (H.225.0), apart from when it says so."""

import itertools
from dataclasses import dataclass

from virtual_bench.ras import MD5_OID, PROTOCOL, Address, Body, Ras, alias_of, transport_address


@dataclass(frozen=True)
class GatekeeperSettings:
    """What is configured. `blocked`: the reason of a refusal, or "silent". `time_to_live`: bench seconds.

    `address` is where it is reached, `alternate` the other system, both with the RAS port.
    """

    name: str
    address: Address
    signalling_port: int
    alternate_name: str
    alternate: Address
    blocked: str
    time_to_live: int


class GatekeeperMessages:
    """Answers and requests of one gatekeeper."""

    def __init__(self, settings: GatekeeperSettings) -> None:
        self._settings = settings
        self._numbers = itertools.cycle(range(1, 65536))
        self._signalling = transport_address((settings.address[0], settings.signalling_port))

    def discovered(self, request: Ras) -> Ras:
        """GCF: it may register here, with a password; the other system is named, too."""
        body = self._begun(request) | {
            "rasAddress": transport_address(self._settings.address),
            "alternateGatekeeper": self._alternates(),
            "authenticationMode": ("pwdHash", 0),
            "algorithmOID": MD5_OID,
        }
        return Ras("gatekeeperConfirm", body)

    def registered(self, request: Ras, extension: str, identity: str) -> Ras:
        """RCF, to a full RRQ and to a light one."""
        body = self._begun(request) | {
            "callSignalAddress": [self._signalling],
            "terminalAlias": [alias_of(extension)],
            "endpointIdentifier": identity,
            "alternateGatekeeper": self._alternates(),
            "timeToLive": self._settings.time_to_live,
            "willRespondToIRR": False,
            "maintainConnection": False,
        }
        return Ras("registrationConfirm", body)

    def rejected(self, request: Ras, reason: str, kind: str = "registrationReject") -> Ras:
        """RRJ, or GRJ as `kind` says."""
        return Ras(kind, self._begun(request) | {"rejectReason": (reason, 0)})

    def unregistered(self, request: Ras) -> Ras:
        """UCF."""
        return Ras("unregistrationConfirm", {"requestSeqNum": request.number})

    def not_registered(self, request: Ras) -> Ras:
        """URJ."""
        reason = ("notCurrentlyRegistered", 0)
        return Ras("unregistrationReject", {"requestSeqNum": request.number, "rejectReason": reason})

    def take_back(self, extension: str, identity: str) -> Ras:
        """URQ of the gatekeeper's own."""
        body: Body = {
            "requestSeqNum": next(self._numbers),
            "callSignalAddress": [self._signalling],
            "endpointAlias": [alias_of(extension)],
            "endpointIdentifier": identity,
            "gatekeeperIdentifier": self._settings.name,
            "reason": ("maintenance", 0),
        }
        return Ras("unregistrationRequest", body)

    def _begun(self, request: Ras) -> Body:
        return {
            "requestSeqNum": request.number,
            "protocolIdentifier": PROTOCOL,
            "gatekeeperIdentifier": self._settings.name,
        }

    def _alternates(self) -> list[Body]:
        other = {
            "rasAddress": transport_address(self._settings.alternate),
            "gatekeeperIdentifier": self._settings.alternate_name,
            "needToRegister": True,
            "priority": 1,
        }
        return [other]
