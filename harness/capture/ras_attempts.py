"""H.323 registration attempts from RAS messages: discovery, full and light registration, unregistration."""

from collections.abc import Iterator

from harness.base.units import EpochSeconds
from harness.capture.events import Event, Outcome, RegistrationAttempt, SystemNotice
from harness.capture.exchange import RETRY_WITHIN, Exchange, Voices, without_answer
from harness.capture.messages import Endpoint, RasMessage, Rejection
from harness.capture.topology import Topology
from harness.inventory import Protocol

_ASKS = {"GCF": "GRQ", "GRJ": "GRQ", "RCF": "RRQ", "RRJ": "RRQ", "UCF": "URQ", "URJ": "URQ"}
"""Answer → what it answers."""
_CHALLENGES = frozenset({"fullRegistrationRequired", "discoveryRequired"})
_Request = tuple[str, str, Endpoint, int]


class RasAttempts:
    """Feed it the messages in order of time; it gives events as they are decided, `finish` the rest."""

    def __init__(self, topology: Topology, voices: Voices) -> None:
        self._topology, self._voices = topology, voices
        self._waiting: dict[_Request, tuple[Exchange, RasMessage]] = {}
        self._to_continue: dict[tuple[str, str], Exchange] = {}
        self._by_address: dict[str, str] = {}
        self._by_endpoint: dict[tuple[str, str], str] = {}

    def feed(self, message: RasMessage) -> Iterator[Event]:
        """What this message decides."""
        to, by = (self._topology.roles.get(end.address) for end in (message.destination, message.source))
        if to is not None and by is None and message.kind in ("GRQ", "RRQ", "URQ"):
            yield from self._request(to, message)
        elif by is not None and message.kind in _ASKS:
            yield from self._answer(by, message)
        elif by is not None and to is None and message.kind == "URQ":
            yield self._notice(by, message)

    def reject(self, rejection: Rejection) -> Iterator[Event]:
        """An ICMP unreachable for what that requester waits for; RAS has no connections to refuse."""
        role = self._topology.roles[rejection.source.address]
        for exchange, request in self._waiting.values():
            if exchange.role == role and request.source == rejection.destination and not exchange.rejected:
                exchange.rejected, exchange.rejected_at = str(rejection.sign), rejection.at
                exchange.sightings.extend(rejection.sightings)
        yield from ()

    def finish(self, ended: EpochSeconds) -> Iterator[RegistrationAttempt]:
        """What was still open at the recording's end."""
        for exchange, _ in self._waiting.values():
            yield without_answer(exchange, self._topology, self._voices, ended)
        for exchange in self._to_continue.values():
            yield exchange.ended(Outcome.CHALLENGED, exchange.last_at, exchange.challenge)
        self._waiting.clear()
        self._to_continue.clear()

    def _request(self, role: str, request: RasMessage) -> Iterator[Event]:
        extension = self._extension(role, request)
        requester = (role, request.source.address)
        exchange = self._to_continue.pop(requester, None)
        if exchange is not None and not self._continues(exchange, request):
            yield exchange.ended(Outcome.CHALLENGED, exchange.last_at, exchange.challenge)
            exchange = None
        if exchange is None:
            withdrawing = request.kind == "URQ"
            exchange = Exchange(Protocol.H323, extension, requester[1], role, request.at, withdrawing)
        exchange.extension = exchange.extension or extension
        exchange.asked(request)
        key = (role, request.kind, request.source, request.sequence)
        if key in self._waiting:
            yield without_answer(self._waiting[key][0], self._topology, self._voices, request.at)
        self._waiting[key] = (exchange, request)

    def _continues(self, exchange: Exchange, request: RasMessage) -> bool:
        in_time = request.at - exchange.last_at <= self._topology.scale.to_real(RETRY_WITHIN)
        if exchange.challenge == "GCF":
            return in_time and request.kind == "RRQ" and not request.keep_alive
        return in_time and request.kind != "URQ" and not request.keep_alive

    def _answer(self, role: str, answer: RasMessage) -> Iterator[Event]:
        key = (role, _ASKS[answer.kind], answer.destination, answer.sequence)
        if key not in self._waiting:
            return
        exchange, request = self._waiting.pop(key)
        exchange.answered(answer)
        if answer.kind == "GCF" or answer.reason in _CHALLENGES:
            exchange.challenge = answer.reason or answer.kind
            self._to_continue[(role, exchange.source)] = exchange
        elif answer.kind == "RCF":
            yield self._registered(exchange, request, answer)
        elif answer.kind == "UCF":
            yield exchange.ended(Outcome.WITHDRAWN, answer.at, answer.kind)
        else:
            yield exchange.ended(Outcome.REFUSED, answer.at, f"{answer.kind} {answer.reason}".strip())

    def _registered(self, exchange: Exchange, request: RasMessage, answer: RasMessage) -> RegistrationAttempt:
        known = exchange.extension or answer.digits
        exchange.extension = known or self._by_address.get(exchange.source, "")
        self._by_address[exchange.source] = exchange.extension
        if answer.endpoint:
            self._by_endpoint[(exchange.role, answer.endpoint)] = exchange.extension
        outcome = Outcome.CONFIRMED if request.keep_alive else Outcome.ACCEPTED
        return exchange.ended(outcome, answer.at, answer.kind, answer.time_to_live)

    def _extension(self, role: str, message: RasMessage) -> str:
        """By alias, else by the endpoint identifier that the gatekeeper gave, else by address.

        An identifier that was not seen given may be that of any extension there: a base has several at one address.
        """
        if message.digits or message.endpoint:
            return message.digits or self._by_endpoint.get((role, message.endpoint), "")
        return self._by_address.get(message.source.address, "")

    def _notice(self, role: str, request: RasMessage) -> SystemNotice:
        address = request.destination.address
        extension = self._extension(role, request) or self._by_address.get(address, "")
        reason = f"URQ {request.reason}".strip()
        return SystemNotice(request.at, request.sightings, Protocol.H323, extension, address, role, reason)
