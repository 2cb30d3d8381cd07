"""The H.323 gatekeeper of a unit: discovery, registration and its end over RAS (H.225.0)."""

import asyncio
import secrets
from collections.abc import Callable
from typing import cast

from virtual_bench.ras import Address, Ras, address_of, decode, encode, extension_in, password_fits
from virtual_bench.scaled_time import ScaledClock
from virtual_bench.truth import TruthLog
from virtual_bench.units.admission import Decision, Doorkeeper
from virtual_bench.units.bindings import Binding, Bindings
from virtual_bench.units.gatekeeper_messages import GatekeeperMessages, GatekeeperSettings
from virtual_bench.units.lockout import Lockout

_NO_DISCOVERY = {"securityDenial": "securityDenial", "resourceUnavailable": "resourceUnavailable"}
"""Reasons that GRJ and RRJ share; for any other discovery succeeds and registration does not."""
REMEMBERED = 30.0
"""Bench seconds for which an answer is kept for a request that is repeated."""


class Gatekeeper(asyncio.DatagramProtocol):
    """Answers RAS requests of telephones; decides by its doorkeeper, logs every decision once."""

    protocol = "h323"

    def __init__(
        self,
        settings: GatekeeperSettings,
        clock: ScaledClock,
        doors: Doorkeeper,
        bindings: Bindings,
        truth: TruthLog,
    ) -> None:
        self._settings, self._clock, self._doors = settings, clock, doors
        self._bindings, self._truth, self._lockout = bindings, truth, Lockout(clock)
        self._answered: dict[tuple[Address, bytes], bytes] = {}
        self._messages = GatekeeperMessages(settings)
        self._handlers: dict[str, Callable[[Ras, Address], Ras | None]] = {
            "gatekeeperRequest": self._discovery,
            "registrationRequest": self._registration,
            "unregistrationRequest": self._unregistration,
        }

    async def serve(self) -> None:
        """Listen for RAS, and for call signalling connections, which are taken and left alone so far."""
        loop, settings = asyncio.get_running_loop(), self._settings
        await loop.create_datagram_endpoint(lambda: self, local_addr=settings.address)
        await loop.create_server(asyncio.Protocol, settings.address[0], settings.signalling_port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the socket."""
        # asyncio's own datagram transports are no subclass of this before Python 3.13.
        transport = cast(asyncio.DatagramTransport, transport)
        self._socket = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a request; one that is repeated gets the same answer, and is not decided again."""
        key = (addr, data)
        if key not in self._answered:
            try:
                message = decode(data)
            except ValueError:
                return
            handler = self._handlers.get(message.kind)
            self._truth.hold()
            try:
                answer = handler(message, addr) if handler else None
                self._answered[key] = encode(answer) if answer else b""
                asyncio.get_running_loop().call_later(self._clock.real(REMEMBERED), self._answered.pop, key, None)
            finally:
                self._truth.release()
        if self._answered[key]:
            self._socket.sendto(self._answered[key], addr)

    def _discovery(self, request: Ras, peer: Address) -> Ras | None:
        extension = extension_in(request.body.get("endpointAlias")) or ""
        decision = self._decide(extension, refresh=False)
        if self._lockout.ignores(extension, peer[0]):
            self._ignore(extension, peer, "locked out")
            return None
        if decision is Decision.UNKNOWN:
            return self._refuse(request, peer, extension, decision.value, "gatekeeperReject", "terminalExcluded")
        if decision is Decision.BLOCK and self._settings.blocked == "silent":
            self._ignore(extension, peer, "blocked")
            return None
        if decision is Decision.BLOCK and self._settings.blocked in _NO_DISCOVERY:
            reason = _NO_DISCOVERY[self._settings.blocked]
            return self._refuse(request, peer, extension, decision.value, "gatekeeperReject", reason)
        self._log("discovered", extension, peer)
        return self._messages.discovered(request)

    def _registration(self, request: Ras, peer: Address) -> Ras | None:
        if request.body["keepAlive"]:
            return self._light(request, peer)
        extension = extension_in(request.body.get("terminalAlias")) or ""
        user, decision = self._doors.user(extension), self._decide(extension, refresh=False)
        if self._lockout.ignores(extension, peer[0]):
            self._ignore(extension, peer, "locked out")
            return None
        if user is None or decision is Decision.UNKNOWN:
            return self._refuse(request, peer, extension, Decision.UNKNOWN.value, reason="invalidAlias")
        if decision is Decision.BLOCK:
            return self._block(request, peer, extension, "blocked")
        if self._lockout.quarantines(extension, peer[0]):
            return self._block(request, peer, extension, "quarantine")
        fits = password_fits(request.body.get("cryptoTokens"), extension, user.password)
        if self._doors.checks_passwords and not fits:
            self._lockout.failed(extension, peer[0])
            return self._refuse(request, peer, extension, "password")
        return self._accept(request, peer, extension)

    def _light(self, request: Ras, peer: Address) -> Ras | None:
        binding = self._bindings.by_identity(str(request.body.get("endpointIdentifier", "")))
        if binding is None:
            self._log("challenged", None, peer, reason="fullRegistrationRequired")
            return self._messages.rejected(request, "fullRegistrationRequired")
        if self._doors.decide(binding.extension, refresh=True) is not Decision.ADMIT:
            return self._block(request, peer, binding.extension, "blocked")
        self._log("confirmed", binding.extension, peer, ttl=self._settings.time_to_live)
        binding.expires_at = self._clock.now() + self._settings.time_to_live
        return self._messages.registered(request, binding.extension, binding.identity)

    def _accept(self, request: Ras, peer: Address, extension: str) -> Ras:
        expires_at = self._clock.now() + self._settings.time_to_live
        way = address_of(request.body["rasAddress"][0])
        identity = secrets.token_hex(4)
        binding = Binding(extension, "h323", peer[0], identity, expires_at, way)
        self._log("accepted", extension, peer, ttl=self._settings.time_to_live)
        self._lockout.displaced(self._bindings.get(extension), by=binding)
        self._bindings.put(binding)
        return self._messages.registered(request, binding.extension, binding.identity)

    def _unregistration(self, request: Ras, peer: Address) -> Ras:
        binding = self._bindings.by_identity(str(request.body.get("endpointIdentifier", "")))
        if binding is None or binding.peer != peer[0]:
            return self._messages.not_registered(request)
        self._log("withdrawn", binding.extension, peer)
        self._bindings.remove(binding.extension)
        return self._messages.unregistered(request)

    def take_back(self, extension: str) -> None:
        """Unregister a telephone: tell it so, and forget its registration."""
        binding = self._bindings.get(extension)
        if binding is None:
            return
        message = encode(self._messages.take_back(extension, binding.identity))
        self._log("unregistered", extension, binding.way, reason="maintenance")
        self._socket.sendto(message, binding.way)
        self._bindings.remove(extension)

    def _decide(self, extension: str, *, refresh: bool) -> Decision:
        user = self._doors.user(extension)
        if user is None or user.protocol != "h323":
            return Decision.UNKNOWN
        return self._doors.decide(extension, refresh=refresh)

    def _block(self, request: Ras, peer: Address, extension: str, why: str) -> Ras | None:
        if self._settings.blocked == "silent":
            self._ignore(extension, peer, why)
            return None
        return self._refuse(request, peer, extension, why, reason=self._settings.blocked)

    def _ignore(self, extension: str, peer: Address, why: str) -> None:
        self._log("ignored", extension, peer, reason=why)

    def _refuse(
        self, request: Ras, peer: Address, extension: str, why: str,
        kind: str = "registrationReject", reason: str = "securityDenial",
    ) -> Ras:  # fmt: skip
        self._log("refused", extension, peer, reason=why, code=reason)
        return self._messages.rejected(request, reason, kind)

    def _log(self, what: str, extension: str | None, peer: Address, **about: object) -> None:
        self._truth.write(what, extension=extension, protocol="h323", peer=f"{peer[0]}:{peer[1]}", **about)
