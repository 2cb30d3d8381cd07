"""Stand-ins for the other end of a SIP flow."""

import asyncio

from sipmessage import URI, Address, Message, Parameters, Request, Response

from virtual_bench.sip import Peer, new_request
from virtual_bench.sip_digest import credentials_for
from virtual_bench.sip_flows import Transport
from virtual_bench.units.admission import Decision
from virtual_bench.units.records import User


class OpenDoors:
    """A doorkeeper that lets everybody in who knows the password."""

    checks_passwords = True

    def decide(self, extension: str, *, refresh: bool) -> Decision:
        del extension, refresh
        return Decision.ADMIT

    def user(self, extension: str) -> User | None:
        return User(extension, "Ada", "sip", "secret")


class RecordingFlow:
    """A flow that keeps what was sent on it."""

    transport: Transport = "UDP"
    local: Peer = ("10.77.1.10", 5060)
    peer: Peer = ("10.77.3.101", 5060)

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def close(self) -> None:
        return

    def abort(self) -> None:
        return

    @property
    def last(self) -> Request | Response:
        return Message.parse(self.sent[-1])


def register(extension: str = "301", *, expires: int = 900, number: int = 1, domain: str = "lab.example") -> Request:
    aor = URI("sip", domain, extension)
    local = Address(aor, parameters=Parameters(tag="t"))
    via = ("UDP", ("10.77.3.101", 5060))
    request = new_request("REGISTER", URI("sip", domain), local, Address(aor), "call-1", number, via)
    request.contact = [Address(URI("sip", "10.77.3.101", extension, port=5060))]
    request.expires = expires
    return request


def answered(challenge: Response, request: Request, password: str) -> Request:
    """`request` again, with what the challenge asks for."""
    asked = challenge.www_authenticate
    assert asked is not None
    user = request.to_address.uri.user or ""
    request.authorization = credentials_for(asked, request.method, str(request.uri), user, password)
    return request
