"""H.225.0 RAS messages out of a row. Numbers of choices: H.225.0 (2009), annex with the ASN.1."""

from collections.abc import Iterator

from harness.capture.events import Sighting
from harness.capture.fields import Row
from harness.capture.messages import Endpoint, RasMessage

KINDS = ("GRQ", "GCF", "GRJ", "RRQ", "RCF", "RRJ", "URQ", "UCF", "URJ")
"""The first nine alternatives of RasMessage, in their order."""

_GATEKEEPER_REJECT = (
    "resourceUnavailable", "terminalExcluded", "invalidRevision", "undefinedReason", "securityDenial",
    "genericDataReason", "neededFeatureNotSupported", "securityError",
)  # fmt: skip
_REGISTRATION_REJECT = (
    "discoveryRequired", "invalidRevision", "invalidCallSignalAddress", "invalidRASAddress", "duplicateAlias",
    "invalidTerminalType", "undefinedReason", "transportNotSupported", "transportQOSNotSupported",
    "resourceUnavailable", "invalidAlias", "securityDenial", "fullRegistrationRequired",
    "additiveRegistrationNotSupported", "invalidTerminalAliases", "genericDataReason",
    "neededFeatureNotSupported", "securityError", "registerWithAssignedGK",
)  # fmt: skip
_UNREGISTRATION_REJECT = (
    "notCurrentlyRegistered", "callInProgress", "undefinedReason", "permissionDenied", "securityDenial",
    "securityError",
)  # fmt: skip
_UNREGISTRATION = (
    "reregistrationRequired", "ttlExpired", "securityDenial", "undefinedReason", "maintenance",
    "securityError", "registerWithAssignedGK",
)  # fmt: skip
_REASONS = {
    "GRJ": ("h225.rejectReason", _GATEKEEPER_REJECT),
    "RRJ": ("h225.rejectReason", _REGISTRATION_REJECT),
    "URJ": ("h225.rejectReason", _UNREGISTRATION_REJECT),
    "URQ": ("h225.reason", _UNREGISTRATION),
}


def ras_messages(row: Row, point: str, frame: int) -> Iterator[RasMessage]:
    """The RAS message of this packet, if it is one that concerns a registration."""
    if not row.first("h225.RasMessage"):
        return
    alternative = row.number("h225.RasMessage")
    if alternative >= len(KINDS):
        return
    kind = KINDS[alternative]
    (source, destination), (source_port, destination_port) = row.addresses, row.ports
    yield RasMessage(
        row.at,
        (Sighting(point, frame, row.at),),
        Endpoint(source, source_port),
        Endpoint(destination, destination_port),
        kind,
        row.number("h225.requestSeqNum"),
        _digits(row),
        row.first("h225.endpointIdentifier"),
        row.has("h225.keepAlive"),
        row.number("h225.timeToLive") if row.first("h225.timeToLive") else None,
        _reason(row, kind),
    )


def _digits(row: Row) -> str:
    """The extension: dialled digits, else an H.323 identifier that is a number."""
    named = row.all("h225.dialledDigits") + [name for name in row.all("h225.h323_ID") if name.isdigit()]
    return next(iter(named), "")


def _reason(row: Row, kind: str) -> str:
    field, names = _REASONS.get(kind, ("", ()))
    if not field or not row.first(field):
        return ""
    number = row.number(field)
    return names[number] if number < len(names) else f"reason {number}"
