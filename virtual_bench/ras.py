"""H.225.0 RAS as the emulators speak it: messages as (kind, body), in aligned PER, with passwords by H.235.

A body is a dict in the shape of pycrate's values: CHOICE as (name, value), addresses as bytes and port.
"""

import hashlib
import ipaddress
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pycrate_asn1dir import H225, H235

PROTOCOL = (0, 0, 8, 2250, 0, 4)
"""H.225.0 version 4."""
MD5_OID = (1, 2, 840, 113549, 2, 5)
NO_TOKEN_OID = (0, 0)
"""tokenOID of a ClearToken that only carries a password (H.235, annex D practice)."""
GENERIC_VENDOR = {"t35CountryCode": 181, "t35Extension": 0, "manufacturerCode": 9}

_RAS = H225.H323_MESSAGES.RasMessage
_CLEAR = H235.H235_SECURITY_MESSAGES.ClearToken

Body = dict[str, Any]
Address = tuple[str, int]


@dataclass(frozen=True)
class Ras:
    """One RAS message: `kind` is the name of the CHOICE ("registrationRequest"), `body` its fields."""

    kind: str
    body: Body

    @property
    def number(self) -> int:
        """Its requestSeqNum, which ties an answer to its request."""
        return int(self.body["requestSeqNum"])


def encode(message: Ras) -> bytes:
    """The message in aligned PER. Raises ValueError where the encoder gets it wrong.

    pycrate (0.8) pads one octet too much before extension additions unless the root part ends on a whole
    octet, which a product name, a text alias or an address as its last field sees to.
    """
    _RAS.set_val((message.kind, message.body))
    data = bytes(_RAS.to_aper())
    if decode(data).body.keys() != message.body.keys():
        raise ValueError(f"{message.kind} does not survive its encoding")
    return data


def decode(data: bytes) -> Ras:
    """The message in `data`. Raises ValueError where it is none."""
    try:
        _RAS.from_aper(data)
        kind, body = _RAS.get_val()
    except Exception as error:  # the parser raises whatever its many layers raise
        raise ValueError(f"not a RAS message: {error}") from error
    return Ras(kind, body)


def transport_address(address: Address) -> tuple[str, Body]:
    """`address` as H.225's TransportAddress."""
    return "ipAddress", {"ip": ipaddress.IPv4Address(address[0]).packed, "port": address[1]}


def address_of(value: tuple[str, Mapping[str, Any]]) -> Address:
    """Host and port of a TransportAddress. Raises ValueError for anything but IPv4."""
    kind, body = value
    if kind != "ipAddress":
        raise ValueError(f"an address of the kind {kind}")
    return str(ipaddress.IPv4Address(body["ip"])), int(body["port"])


def alias_of(extension: str) -> tuple[str, str]:
    """An extension as H.225's AliasAddress."""
    return "dialledDigits", extension


def name_of(user: str) -> tuple[str, str]:
    """A user's name as H.225's AliasAddress."""
    return "h323-ID", user


def extension_in(aliases: Iterable[tuple[str, Any]] | None) -> str | None:
    """The first dialled number among `aliases`; None where there is none."""
    return next((str(value) for kind, value in aliases or () if kind == "dialledDigits"), None)


def terminal(product: str) -> Body:
    """An EndpointType for a telephone of the given product name."""
    return {"vendor": vendor(product), "terminal": {}, "mc": False, "undefinedNode": False}


def vendor(product: str) -> Body:
    """A VendorIdentifier with the product name."""
    return {"vendor": GENERIC_VENDOR, "productId": product.encode()}


def password_token(extension: str, password: str, at: int | None = None) -> tuple[str, Body]:
    """An endpoint's cryptoToken: cryptoEPPwdHash, an MD5 over password, name and time (H.235, 10.3.2)."""
    stamp = int(time.time()) if at is None else at
    hashed = {"algorithmOID": MD5_OID, "paramS": {}, "hash": _as_bits(_digest(extension, password, stamp))}
    return "cryptoEPPwdHash", {"alias": alias_of(extension), "timeStamp": stamp, "token": hashed}


def password_fits(tokens: Iterable[tuple[str, Any]] | None, extension: str, password: str) -> bool:
    """Whether one of `tokens` proves that the endpoint knows the password of `extension`."""
    for kind, body in tokens or ():
        if kind == "cryptoEPPwdHash" and body["alias"] == alias_of(extension):
            return bool(body["token"]["hash"] == _as_bits(_digest(extension, password, int(body["timeStamp"]))))
    return False


def _digest(name: str, password: str, stamp: int) -> bytes:
    clear = {"tokenOID": NO_TOKEN_OID, "timeStamp": stamp, "password": password, "generalID": name}
    _CLEAR.set_val(clear)
    return hashlib.md5(_CLEAR.to_aper(), usedforsecurity=False).digest()


def _as_bits(value: bytes) -> tuple[int, int]:
    """Bytes as pycrate's BIT STRING."""
    return int.from_bytes(value, "big"), 8 * len(value)
