"""SIP registration attempts from messages: REGISTER, its challenge, its retry, its final answer."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.base.units import EpochSeconds
from harness.capture.events import Event, Outcome, RegistrationAttempt, Sign, SystemNotice
from harness.capture.exchange import RETRY_WITHIN, Exchange, Voices, without_answer
from harness.capture.messages import Rejection, SipMessage
from harness.capture.sip import granted, is_registration_withdrawn, uri_of, user_of, withdraws
from harness.capture.topology import Topology
from harness.inventory import Protocol

CHALLENGES = frozenset({401, 407, 423, 439})
_Transaction = tuple[str, str, str, str]
_Requester = tuple[str, str, str]


@dataclass(frozen=True)
class Binding:
    """What a system keeps of a phone; `until` in epoch seconds."""

    contact: str
    call_id: str
    until: float


class SipAttempts:
    """Feed it the messages in order of time; it gives events as they are decided, `finish` the rest."""

    def __init__(self, topology: Topology, voices: Voices) -> None:
        self._topology, self._voices = topology, voices
        self._waiting: dict[_Transaction, tuple[Exchange, SipMessage]] = {}
        self._challenged: dict[_Requester, tuple[Exchange, SipMessage]] = {}
        self._bindings: dict[tuple[str, str], Binding] = {}
        self._known: set[tuple[str, str]] = set()
        """Extensions of which something was decided at that system within the recording."""
        self._extensions: dict[str, str] = {}

    def feed(self, message: SipMessage) -> Iterator[Event]:
        """What this message decides."""
        role = self._topology.roles.get(message.destination.address)
        if message.status is None and message.method == "REGISTER" and role is not None:
            yield from self._request(role, message)
            return
        role = self._topology.roles.get(message.source.address)
        if role is None:
            return
        if message.status is not None and message.method == "REGISTER":
            yield from self._answer(role, message, message.status)
        elif is_registration_withdrawn(message):
            yield self._notice(role, message)

    def reject(self, rejection: Rejection) -> Iterator[Event]:
        """A refusal by transport: of what that requester waits for, or of its connection."""
        role = self._topology.roles[rejection.source.address]
        for exchange, request in self._waiting.values():
            if exchange.role == role and request.source == rejection.destination and not exchange.rejected:
                exchange.rejected, exchange.rejected_at = str(rejection.sign), rejection.at
                exchange.sightings.extend(rejection.sightings)
        if rejection.sign in (Sign.CONNECTION_REFUSED, Sign.ALERT):  # before there was a request
            address = rejection.destination.address
            exchange = Exchange(Protocol.SIP, self._extensions.get(address, ""), address, role, rejection.at, False)
            exchange.asked(rejection)
            yield exchange.ended(Outcome.REFUSED, rejection.at, str(rejection.sign))

    def finish(self, ended: EpochSeconds) -> Iterator[RegistrationAttempt]:
        """What was still open at the recording's end."""
        for exchange, _ in self._waiting.values():
            yield without_answer(exchange, self._topology, self._voices, ended)
        for exchange, _ in self._challenged.values():
            yield exchange.ended(Outcome.CHALLENGED, exchange.last_at, exchange.challenge)
        self._waiting.clear()
        self._challenged.clear()

    def _request(self, role: str, request: SipMessage) -> Iterator[Event]:
        if not request.headers.get("contact"):
            return  # a query of the bindings, no attempt
        requester = (role, user_of(request.header("to")), request.source.address)
        self._extensions[request.source.address] = requester[1]
        exchange = None
        if requester in self._challenged:
            earlier, challenge = self._challenged.pop(requester)
            if self._continues(earlier, challenge, request):
                exchange = earlier
            else:
                yield earlier.ended(Outcome.CHALLENGED, earlier.last_at, earlier.challenge)
        if exchange is None:
            exchange = Exchange(Protocol.SIP, requester[1], requester[2], role, request.at, withdraws(request))
        exchange.asked(request)
        transaction = (role, request.source.address, request.call_id, request.sequence)
        if transaction in self._waiting:
            yield without_answer(self._waiting[transaction][0], self._topology, self._voices, request.at)
        self._waiting[transaction] = (exchange, request)

    def _continues(self, exchange: Exchange, challenge: SipMessage, request: SipMessage) -> bool:
        in_time = request.at - exchange.last_at <= self._topology.scale.to_real(RETRY_WITHIN)
        fitting = _has_credentials(request) or challenge.status in (423, 439)
        return in_time and request.call_id == challenge.call_id and fitting

    def _answer(self, role: str, answer: SipMessage, status: int) -> Iterator[Event]:
        transaction = (role, answer.destination.address, answer.call_id, answer.sequence)
        if status < 200 or transaction not in self._waiting:
            return
        exchange, request = self._waiting.pop(transaction)
        exchange.answered(answer)
        reason = answer.start.removeprefix("SIP/2.0 ")
        if status in CHALLENGES:
            yield from self._challenge(exchange, request, answer, reason)
        elif status >= 300:
            yield exchange.ended(Outcome.REFUSED, answer.at, reason)
        else:
            yield self._success(exchange, request, answer, reason)
        self._known.add((role, exchange.extension))

    def _challenge(self, exchange: Exchange, request: SipMessage, answer: SipMessage, reason: str) -> Iterator[Event]:
        """Keep it open for a retry; where credentials were refused, the next try is an attempt of its own."""
        stale = "stale=true" in answer.header("www-authenticate").lower().replace('"', "")
        exchange.challenge = reason
        if _has_credentials(request) and exchange.requests > 1 and not stale and answer.status in (401, 407):
            yield exchange.ended(Outcome.CHALLENGED, answer.at, reason)
        else:
            self._challenged[(exchange.role, exchange.extension, exchange.source)] = (exchange, answer)

    def _success(self, exchange: Exchange, request: SipMessage, answer: SipMessage, reason: str) -> RegistrationAttempt:
        key = (exchange.role, exchange.extension)
        if exchange.withdrawing:
            self._bindings.pop(key, None)
            return exchange.ended(Outcome.WITHDRAWN, answer.at, reason)
        expires = granted(request, answer)
        if not expires:
            return exchange.ended(Outcome.REFUSED, answer.at, f"{reason}, but no binding left")
        new = Binding(
            uri_of(request.header("contact")),
            request.call_id,
            answer.at + self._topology.scale.to_real(expires),
        )
        known = key in self._known
        refresh = self._renews(key, new, answer.at) if known else _began_before(exchange, request)
        self._bindings[key] = new
        return exchange.ended(Outcome.CONFIRMED if refresh else Outcome.ACCEPTED, answer.at, reason, expires)

    def _renews(self, key: tuple[str, str], new: Binding, at: float) -> bool:
        before = self._bindings.get(key)
        same = before is not None and (before.contact, before.call_id) == (new.contact, new.call_id)
        return same and before is not None and before.until >= at

    def _notice(self, role: str, notify: SipMessage) -> SystemNotice:
        address = notify.destination.address
        extension = user_of(notify.header("to")) or self._extensions.get(address, "")
        self._bindings.pop((role, extension), None)
        return SystemNotice(
            notify.at, notify.sightings, Protocol.SIP, extension, address, role, "NOTIFY reg terminated"
        )


def _began_before(exchange: Exchange, request: SipMessage) -> bool:
    """Whether the first success of a recording renews what began before it.

    The requester brought credentials that the system took without a challenge, so it was challenged earlier.
    """
    return exchange.requests == 1 and _has_credentials(request)


def _has_credentials(request: SipMessage) -> bool:
    return "authorization" in request.headers or "proxy-authorization" in request.headers
