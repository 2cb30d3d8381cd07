"""SIP digest authentication (RFC 3261, 22; RFC 8760 for SHA-256)."""

import hashlib
import re
import secrets
from collections.abc import Mapping

_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}


def challenge_of(header: str) -> dict[str, str] | None:
    """The parameters of a WWW-Authenticate or Proxy-Authenticate header; None for what we cannot answer."""
    scheme, _, rest = header.strip().partition(" ")
    found = {name.lower(): quoted or token for name, quoted, token in _PARAMETER.findall(rest)}
    known = found.get("algorithm", "MD5").upper() in _HASHES
    return found if scheme.lower() == "digest" and {"realm", "nonce"} <= found.keys() and known else None


def credentials(
    challenge: Mapping[str, str], user: str, password: str, method: str, uri: str, cnonce: str | None = None
) -> str:
    """The value of the Authorization header that answers `challenge`."""
    algorithm = challenge.get("algorithm", "MD5").upper()
    realm, nonce = challenge["realm"], challenge["nonce"]
    parts = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    secret = _digest(algorithm, f"{user}:{realm}:{password}")
    action = _digest(algorithm, f"{method}:{uri}")
    bare = {"algorithm": algorithm}
    if "auth" in re.split(r"[,\s]+", challenge.get("qop", "")):
        cnonce = cnonce or secrets.token_hex(8)
        parts["cnonce"] = cnonce
        bare |= {"qop": "auth", "nc": "00000001"}
        parts["response"] = _digest(algorithm, f"{secret}:{nonce}:00000001:{cnonce}:auth:{action}")
    else:
        parts["response"] = _digest(algorithm, f"{secret}:{nonce}:{action}")
    if "opaque" in challenge:
        parts["opaque"] = challenge["opaque"]
    quoted = [f'{name}="{value}"' for name, value in parts.items()]
    return "Digest " + ", ".join(quoted + [f"{name}={value}" for name, value in bare.items()])


def _digest(algorithm: str, text: str) -> str:
    return hashlib.new(_HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()
