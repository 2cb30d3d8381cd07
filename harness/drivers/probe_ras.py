"""The registration probe in H.323: a full RRQ straight to the gatekeeper, and URQ to withdraw."""

import itertools
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from harness.base.clock import now
from harness.base.errors import ConfigurationFault
from harness.base.transcripts import Transcript
from harness.base.units import BenchSeconds, EpochSeconds, TimeScale
from harness.drivers import ras_messages as ras
from harness.drivers.answers import Allowance, Answer, ProbeAnswer
from harness.drivers.exchange import Answered, RefusedByTransportError, UnansweredError, ask_udp, open_socket
from harness.inventory import ProbeExtension, Protocol, Role, System

WAITS = (3.0, 3.0, 3.0)
"""Bench seconds to wait for an answer; an RRQ or URQ is sent up to three times (H.225.0, RAS timers)."""
TIME_TO_LIVE = 300
"""Bench seconds asked for; the gatekeeper grants what it likes."""

_CHALLENGES = ("fullRegistrationRequired", "discoveryRequired")
_GONE = "notCurrentlyRegistered"
"""Of a URQ with the identifier that this probe was given: the registration has ended by itself."""
_CONFIRMED = ("registrationConfirm", "unregistrationConfirm")
_FINAL = (*_CONFIRMED, "registrationReject", "unregistrationReject")

_Answer = tuple[str, ras.Fields]


@dataclass(frozen=True)
class RasAccount:
    """Who registers: the probe's extension, the product name it shows, and from where."""

    extension: ProbeExtension
    product: str
    source: str


class RasProbe:
    """Registers and withdraws one extension of the harness's own."""

    def __init__(
        self,
        account: RasAccount,
        systems: Mapping[Role, System],
        scale: TimeScale,
        transcript: Transcript,
        allowance: Allowance,
    ) -> None:
        self._account, self._systems, self._scale = account, systems, scale
        self._transcript, self._allowance = transcript, allowance
        self._device = f"probe {account.extension.extension}"
        self._numbers = itertools.count(random.randrange(1, 30000))
        self._endpoints: dict[Role, str] = {}
        self._tried: set[Role] = set()

    def register(self, role: Role, password_override: SecretStr | None = None) -> ProbeAnswer:
        """One full RRQ to the system `role`."""
        return self._register(role, self._proof(password_override), None)

    def refresh(self, role: Role) -> ProbeAnswer:
        """One light RRQ by the identifier that `role` gave."""
        return self._register(role, self._proof(None), self._endpoints.get(role))

    def _register(self, role: Role, token: tuple[str, ras.Fields], endpoint: str | None) -> ProbeAnswer:
        target, product = self._target(role), self._account.product
        self._allowance.take(self._device)
        self._tried.add(role)
        number = next(self._numbers)

        def request(local: tuple[str, int]) -> bytes:
            kind = "RRQ" if endpoint is None else "light RRQ"
            self._transcript.sent(f"{kind} {number} of {self._name} from {local[0]}:{local[1]}")
            return ras.registration_request(number, local, self._name, product, TIME_TO_LIVE, token, endpoint)

        return self._attempt(role, target, number, request)

    def withdraw(self, role: Role, handle: str = "") -> ProbeAnswer:
        """Take the registration at `role` back; ACCEPTED means that it is gone there.

        `handle`: the identifier that another process was given. Where that was killed before it could tell, it is
        asked for by registering anew: a gatekeeper ends a registration by its identifier alone.
        """
        target = self._target(role)
        if handle:
            self._endpoints.setdefault(role, handle)
        elif role not in self._tried:
            self.register(role)
        number, endpoint, token = next(self._numbers), self._endpoints.get(role), self._proof(None)

        def request(local: tuple[str, int]) -> bytes:
            self._transcript.sent(f"URQ {number} of {self._name} ({endpoint}) from {local[0]}:{local[1]}")
            return ras.unregistration_request(number, local, self._name, endpoint, token)

        answer = self._attempt(role, target, number, request)
        if answer.answer is Answer.ACCEPTED:
            self._endpoints.pop(role, None)
        return answer

    def close(self) -> None:
        """Nothing stays open between two attempts; registrations stay."""

    @property
    def _name(self) -> str:
        return self._account.extension.extension

    def _target(self, role: Role) -> tuple[str, int]:
        system = self._systems[role]
        if system.h323 is None:
            raise ConfigurationFault(
                "the inventory states no H.323 for this system.",
                device=role.value,
                next_step="state 'h323' there, or do not probe it in H.323.",
            )
        return str(system.address), system.h323.ras_port

    def _proof(self, override: SecretStr | None) -> tuple[str, ras.Fields]:
        password = override.get_secret_value() if override else self._account.extension.password.resolve()
        return ras.password_proof(self._name, password, int(now()))

    def _attempt(
        self, role: Role, target: tuple[str, int], number: int, request: Callable[[tuple[str, int]], bytes]
    ) -> ProbeAnswer:
        sent_at = now()
        try:
            answered = self._exchange(target, number, request)
        except RefusedByTransportError as refused:
            return self._answer(role, sent_at, Answer.REFUSED, str(refused), now())
        except UnansweredError as silence:
            return self._answer(role, sent_at, Answer.UNANSWERED, str(silence), None)
        name, fields = answered.value
        if name not in _CONFIRMED:
            reason = str(fields["rejectReason"][0])
            if name == "unregistrationReject" and role in self._endpoints and reason == _GONE:
                return self._answer(role, sent_at, Answer.ACCEPTED, reason, answered.at)
            answer = Answer.CHALLENGED if reason in _CHALLENGES else Answer.REFUSED
            return self._answer(role, sent_at, answer, reason, answered.at)
        if name == "registrationConfirm" and "endpointIdentifier" in fields:
            self._endpoints[role] = fields["endpointIdentifier"]
        return self._answer(role, sent_at, Answer.ACCEPTED, name, answered.at, fields.get("timeToLive"))

    def _exchange(
        self, target: tuple[str, int], number: int, request: Callable[[tuple[str, int]], bytes]
    ) -> Answered[_Answer]:
        waits = [self._scale.to_real(wait) for wait in WAITS]

        def read(packet: bytes) -> _Answer | None:
            answer = ras.answer_in(packet, number)
            if answer is not None and answer[0] == "requestInProgress":
                waits.append(self._scale.to_real(answer[1]["delay"] / 1000))  # the gatekeeper asks for patience
            return answer if answer is not None and answer[0] in _FINAL else None

        with open_socket(socket.SOCK_DGRAM, self._account.source, target, waits[0]) as link:
            host, port = link.getsockname()[:2]
            answered = ask_udp(link, request((host, port)), waits, read)
        self._transcript.received(f"{answered.value[0]} {number}")
        return answered

    def _answer(
        self,
        role: Role,
        sent_at: EpochSeconds,
        answer: Answer,
        reason: str,
        at: EpochSeconds | None,
        granted: int | None = None,
    ) -> ProbeAnswer:
        self._transcript.remark(f"{role}: {answer} ({reason})")
        expires = None if granted is None else BenchSeconds(granted)
        handle = self._endpoints.get(role, "")
        return ProbeAnswer(answer, Protocol.H323, self._name, role, sent_at, at, reason, expires, handle)
