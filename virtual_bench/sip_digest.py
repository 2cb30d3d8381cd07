"""HTTP digest as SIP uses it: MD5, with qop=auth or without (RFC 2617, RFC 3261 section 22)."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from sipmessage import AuthChallenge, AuthCredentials, AuthParameters


class Challenger:
    """Makes nonces of its own and checks what comes back with them; forgets all with its process."""

    def __init__(self, realm: str) -> None:
        self._realm, self._key = realm, secrets.token_bytes(16)

    def challenge(self, *, stale: bool = False) -> AuthChallenge:
        """A WWW-Authenticate; `stale`: the password may be right, the nonce is not of ours."""
        seed = secrets.token_hex(8)
        parameters = {
            "realm": self._realm,
            "nonce": seed + self._seal(seed),
            "algorithm": "MD5",
            "qop": "auth",
        }
        if stale:
            parameters["stale"] = "true"
        return AuthChallenge("Digest", AuthParameters(**parameters))

    def knows(self, credentials: AuthCredentials) -> bool:
        """Whether the nonce that was answered is one of ours."""
        given: Mapping[str, str] = credentials.parameters or {}
        nonce = given.get("nonce", "")
        return hmac.compare_digest(nonce[16:], self._seal(nonce[:16]))

    def _seal(self, seed: str) -> str:
        return hmac.new(self._key, seed.encode(), "md5").hexdigest()[:16]


def proves(credentials: AuthCredentials, method: str, user: str, password: str) -> bool:
    """Whether `credentials` were computed by somebody who knows the password of `user`."""
    given: Mapping[str, str] = credentials.parameters or {}
    if given.get("username") != user:
        return False
    expected = _response(given, method, password)
    return hmac.compare_digest(expected.encode(), given.get("response", "").encode())


def credentials_for(
    challenge: AuthChallenge, method: str, uri: str, user: str, password: str, count: int = 1
) -> AuthCredentials:
    """The Authorization that answers `challenge`; `count`: how often its nonce was used, now included."""
    asked = challenge.parameters
    given = {
        "username": user,
        "realm": asked["realm"],
        "nonce": asked["nonce"],
        "uri": uri,
        "algorithm": "MD5",
    }
    if "opaque" in asked:
        given["opaque"] = asked["opaque"]
    if "auth" in asked.get("qop", "").split(","):
        given |= {"qop": "auth", "nc": f"{count:08x}", "cnonce": secrets.token_hex(8)}
    given["response"] = _response(given, method, password)
    return AuthCredentials("Digest", AuthParameters(**given))


def _response(given: Mapping[str, str], method: str, password: str) -> str:
    secret = _md5(f"{given.get('username')}:{given.get('realm')}:{password}")
    asked = _md5(f"{method}:{given.get('uri')}")
    if given.get("qop") == "auth":
        middle = ":".join(given.get(part, "") for part in ("nonce", "nc", "cnonce", "qop"))
    else:
        middle = given.get("nonce", "")
    return _md5(f"{secret}:{middle}:{asked}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
