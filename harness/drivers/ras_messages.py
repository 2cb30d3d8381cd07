"""The few H.225.0 RAS messages of the probe, in aligned PER, and the proof of a password by H.235.

Source: H.225.0 (07/2003) for the messages, H.235.1's predecessor in H.225.0 (cryptoEPPwdHash) for the proof:
MD5 over the encoded ClearToken of name, password and time, which the token then carries without password.
"""

import hashlib
import threading
from ipaddress import IPv4Address
from typing import Any

from pycrate_asn1dir.H225 import H323_MESSAGES
from pycrate_asn1dir.H235 import H235_SECURITY_MESSAGES

H225_VERSION_4 = (0, 0, 8, 2250, 0, 4)
MD5 = (1, 2, 840, 113549, 2, 5)
PLAIN_TOKEN = (0, 0)
VENDOR = {"t35CountryCode": 181, "t35Extension": 0, "manufacturerCode": 0}

Fields = dict[str, Any]

_codec = threading.Lock()  # pycrate keeps the value in the type itself


def registration_request(
    number: int,
    local: tuple[str, int],
    extension: str,
    product: str,
    time_to_live: int,
    token: tuple[str, Fields],
    endpoint: str | None = None,
) -> bytes:
    """A full RRQ of a terminal at `local` (address, port); `time_to_live` is what it asks for, seconds.

    `endpoint`: the identifier of the RCF, for a light one, which keeps that registration alive.
    """
    fields: Fields = {
        "requestSeqNum": number,
        "protocolIdentifier": H225_VERSION_4,
        "discoveryComplete": False,
        "callSignalAddress": [_address(local[0], 1720)],
        "rasAddress": [_address(*local)],
        "terminalType": {"terminal": {}, "mc": False, "undefinedNode": False},
        "terminalAlias": [("dialledDigits", extension)],
        "endpointVendor": {"vendor": VENDOR, "productId": product.encode()},
        "timeToLive": time_to_live,
        "cryptoTokens": [token],
        "keepAlive": endpoint is not None,
        "willSupplyUUIEs": False,
        "maintainConnection": False,
    }
    if endpoint is not None:
        fields["endpointIdentifier"] = endpoint
    return encoded("registrationRequest", fields)


def unregistration_request(
    number: int, local: tuple[str, int], extension: str, endpoint: str | None, token: tuple[str, Fields]
) -> bytes:
    """A URQ; `endpoint` is the identifier of the RCF, where this probe has got one.

    Without one the token is left out: pycrate 0.8.1 misplaces what follows an alias of an odd number of
    digits where nothing aligned stands between.
    """
    fields: Fields = {
        "requestSeqNum": number,
        "callSignalAddress": [_address(local[0], 1720)],
        "endpointAlias": [("dialledDigits", extension)],
    }
    if endpoint is not None:
        fields |= {"endpointIdentifier": endpoint, "cryptoTokens": [token]}
    return encoded("unregistrationRequest", fields)


def password_proof(extension: str, password: str, seconds: int) -> tuple[str, Fields]:
    """The cryptoToken by which `extension` shows that it knows its password at `seconds` since 1970."""
    digest = hashlib.md5(_clear_token(extension, password, seconds), usedforsecurity=False).digest()
    hashed = {"algorithmOID": MD5, "paramS": {}, "hash": (int.from_bytes(digest, "big"), 128)}
    return "cryptoEPPwdHash", {"alias": ("dialledDigits", extension), "timeStamp": seconds, "token": hashed}


def answer_in(packet: bytes, number: int) -> tuple[str, Fields] | None:
    """Name and fields of the RAS message in `packet` if it carries `number`; None for anything else."""
    answer = decoded(packet)
    return answer if answer is not None and answer[1].get("requestSeqNum") == number else None


def decoded(packet: bytes) -> tuple[str, Fields] | None:
    """Name and fields of the RAS message in `packet`; None where it is none."""
    with _codec:
        try:
            H323_MESSAGES.RasMessage.from_aper(packet)
            name, fields = H323_MESSAGES.RasMessage.get_val()
        except Exception:  # pycrate has no class of its own for all that a bad packet can raise in it
            return None
    return name, fields


def _clear_token(extension: str, password: str, seconds: int) -> bytes:
    fields = {"tokenOID": PLAIN_TOKEN, "timeStamp": seconds, "password": password, "generalID": extension}
    with _codec:
        H235_SECURITY_MESSAGES.ClearToken.set_val(fields)
        return bytes(H235_SECURITY_MESSAGES.ClearToken.to_aper())


def encoded(name: str, fields: Fields) -> bytes:
    """A RAS message in aligned PER; fields in the shape of pycrate's values."""
    with _codec:
        H323_MESSAGES.RasMessage.set_val((name, fields))
        return bytes(H323_MESSAGES.RasMessage.to_aper())


def _address(host: str, port: int) -> tuple[str, Fields]:
    return "ipAddress", {"ip": IPv4Address(host).packed, "port": port}
