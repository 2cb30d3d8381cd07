"""The SIP registrar of a unit: REGISTER with digest, SUBSCRIBE to `reg`, and taking a registration back."""

import asyncio
import ssl
from dataclasses import dataclass

from sipmessage import Request, Response

from virtual_bench.scaled_time import ScaledClock
from virtual_bench.sip import PORT, TLS_PORT, answer, asked_expiry, in_uri
from virtual_bench.sip_digest import Challenger, proves
from virtual_bench.sip_flows import Flow, serve_datagrams, serve_streams
from virtual_bench.sip_transactions import Transactions
from virtual_bench.truth import TruthLog
from virtual_bench.units.admission import Decision, Doorkeeper
from virtual_bench.units.bindings import Binding, Bindings
from virtual_bench.units.lockout import Lockout
from virtual_bench.units.records import User
from virtual_bench.units.reg_event import ACTIVE, DEACTIVATED, Notifier, Subscription, Way, contact_of

DEFAULT_EXPIRY = 3600
RETRY_AFTER = 30
"""Seconds in the Retry-After of a 503."""


@dataclass(frozen=True)
class RegistrarSettings:
    """What is configured: `blocked` is the form in which a registration is refused ("403", …, "silent").

    `granted_expiry` is in bench seconds, and stands so in the messages. `heeds_domain`: no other is served.
    """

    domain: str
    blocked: str
    granted_expiry: int
    heeds_domain: bool = True


class Registrar:
    """Answers SIP requests of telephones; decides by its doorkeeper, logs every decision once."""

    protocol = "sip"

    def __init__(
        self,
        settings: RegistrarSettings,
        clock: ScaledClock,
        doors: Doorkeeper,
        bindings: Bindings,
        truth: TruthLog,
        encrypted: ssl.SSLContext | None = None,
    ) -> None:
        self._settings, self._clock, self._doors, self._encrypted = settings, clock, doors, encrypted
        self._bindings, self._truth = bindings, truth
        self._lockout = Lockout(clock)
        self._challenger = Challenger(settings.domain)
        self._transactions = Transactions(clock, self._handle, truth.release)
        self.received = self._transactions.received
        self._notifier = Notifier(settings.domain, self._transactions)

    async def serve(self, host: str, transports: tuple[str, ...], port: int = PORT) -> None:
        """Listen on the given transports."""
        if "udp" in transports:
            await serve_datagrams((host, port), self._transactions.received)
        if "tcp" in transports:
            await serve_streams((host, port), self._transactions.received)
        if "tls" in transports:
            await serve_streams((host, TLS_PORT), self._transactions.received, self._encrypted)

    def _handle(self, request: Request, flow: Flow) -> Response | None:
        self._truth.hold()
        if request.method == "OPTIONS":
            return answer(request, 200)
        handlers = {"REGISTER": self._register, "SUBSCRIBE": self._subscribe}
        if request.method not in handlers:
            return answer(request, 405, {"Allow": "REGISTER, SUBSCRIBE, OPTIONS"})
        try:
            return handlers[request.method](request, flow)
        except (ValueError, KeyError):
            return answer(request, 400)

    def _register(self, request: Request, flow: Flow) -> Response | None:
        extension = request.to_address.uri.user or ""
        if self._lockout.ignores(extension, flow.peer[0]):
            self._ignore(flow, extension, "locked out")
            return None
        user, identity = self._doors.user(extension), _identity(request)
        refresh = self._bindings.confirms(extension, identity)
        decision = self._doors.decide(extension, refresh=refresh)
        asked = asked_expiry(request, DEFAULT_EXPIRY)
        leaving = asked == 0 and self._bindings.get(extension) is not None
        if user is None or decision is Decision.UNKNOWN or user.protocol != "sip":
            return self._refuse(request, flow, extension, Decision.UNKNOWN.value)
        if self._settings.heeds_domain and request.uri.host.lower() != self._settings.domain.lower():
            return self._refuse(request, flow, extension, "domain")
        if decision is Decision.BLOCK and not leaving:
            return self._block(request, flow, extension, "blocked")
        if self._lockout.quarantines(extension, flow.peer[0]):
            return self._block(request, flow, extension, "quarantine")
        return self._authenticated(request, flow, user) or self._bind(request, flow, extension, asked)

    def _authenticated(self, request: Request, flow: Flow, user: User) -> Response | None:
        """The challenge or the refusal; None for a request that proves the user's password."""
        given = request.authorization
        if given is None or not self._challenger.knows(given):
            self._log("challenged", user.extension, flow)
            challenge = self._challenger.challenge(stale=given is not None)
            return answer(request, 401, {"WWW-Authenticate": str(challenge)})
        if proves(given, request.method, user.extension, user.password) or not self._doors.checks_passwords:
            return None
        self._lockout.failed(user.extension, flow.peer[0])
        return self._refuse(request, flow, user.extension, "password")

    def _bind(self, request: Request, flow: Flow, extension: str, asked: int) -> Response:
        contact = request.headers.get("Contact")
        if contact is None:  # a query: RFC 3261, 10.3
            return answer(request, 200)
        if asked == 0:
            return self._unbind(request, flow, extension)
        granted = min(asked, self._settings.granted_expiry)
        identity, way = _identity(request), Way(flow, str(request.contact[0].uri))
        known = self._bindings.get(extension)
        if known and known.identity == identity:
            way.subscription = known.way.subscription
        self._log("confirmed" if known and known.identity == identity else "accepted", extension, flow, expires=granted)
        expires_at = self._clock.now() + granted
        binding = Binding(extension, "sip", flow.peer[0], identity, expires_at, way)
        self._lockout.displaced(known, by=binding)
        self._bindings.put(binding)
        return answer(request, 200, {"Contact": f"<{way.contact}>;expires={granted}", "Expires": str(granted)})

    def _unbind(self, request: Request, flow: Flow, extension: str) -> Response:
        self._log("withdrawn", extension, flow)
        self._bindings.remove(extension)
        return answer(request, 200, {"Expires": "0"})

    def _block(self, request: Request, flow: Flow, extension: str, why: str) -> Response | None:
        if self._settings.blocked == "silent":
            self._ignore(flow, extension, why)
            return None
        return self._refuse(request, flow, extension, why, int(self._settings.blocked))

    def _ignore(self, flow: Flow, extension: str, why: str) -> None:
        self._log("ignored", extension, flow, reason=why)

    def _refuse(self, request: Request, flow: Flow, extension: str, reason: str, code: int = 403) -> Response:
        self._log("refused", extension, flow, reason=reason, code=code)
        return answer(request, code, {"Retry-After": str(RETRY_AFTER)} if code == 503 else None)

    def _subscribe(self, request: Request, flow: Flow) -> Response:
        if (request.headers.get("Event") or "").split(";")[0] != "reg":
            return answer(request, 489)
        extension = request.to_address.uri.user or ""
        binding, asked = self._bindings.get(extension), asked_expiry(request, DEFAULT_EXPIRY)
        if binding is None or binding.peer != flow.peer[0]:
            return answer(request, 481)
        response = answer(request, 200, {"Expires": str(asked), "Contact": contact_of(flow)})
        binding.way.subscription = None
        if asked:
            binding.way.subscription = Subscription(
                response.to_address, response.from_address, request.contact[0].uri, request.call_id
            )
            asyncio.get_running_loop().call_soon(self._notifier.notify, binding, ACTIVE)
        return response

    def take_back(self, extension: str) -> None:
        """Unregister a telephone: tell it so, and forget its registration."""
        binding = self._bindings.get(extension)
        if binding is None:
            return
        self._notifier.notify(binding, DEACTIVATED)
        self._log("unregistered", extension, binding.way.flow, reason="deactivated")
        self._bindings.remove(extension)

    def _log(self, what: str, extension: str, flow: Flow, **about: object) -> None:
        peer = f"{in_uri(flow.peer[0])}:{flow.peer[1]}"
        self._truth.write(what, extension=extension, protocol="sip", peer=peer, **about)


def _identity(request: Request) -> str:
    """What stays the same as long as a telephone only refreshes (RFC 3261, 10.2.4)."""
    contact = request.headers.get("Contact") or ""
    return f"{request.call_id} {contact.split(';expires')[0]}"
