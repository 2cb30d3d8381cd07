"""The registration probe in SIP: a small client of our own, messages read by the `sipmessage` parser."""

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from sipmessage import Response

from harness.base.clock import now
from harness.base.errors import ConfigurationFault
from harness.base.transcripts import Transcript
from harness.base.units import BenchSeconds, EpochSeconds, TimeScale
from harness.drivers.answers import Allowance, Answer, ProbeAnswer
from harness.drivers.exchange import (
    Answered,
    RefusedByTransportError,
    UnansweredError,
    ask_tcp,
    ask_udp,
    open_socket,
)
from harness.drivers.sip_digest import challenge_of, credentials
from harness.drivers.sip_messages import (
    ALL_CONTACTS,
    TIMER_F,
    Registration,
    final_answer,
    granted_expiry,
    is_stale,
    register_request,
    retransmissions,
)
from harness.inventory import ProbeExtension, Protocol, Role, System

EXPIRES = 900
"""Bench seconds asked for, as J100 telephones do (REGISTERWAIT, J100 administration guide)."""
PATIENCE = 5.0
"""Bench seconds for an answer of the failover system to a try. Where that is silent, a whole transaction (32 s) would
leave no try in the last 15 s of the 3 minutes; an answer that comes later is on the wire all the same."""

_CHALLENGES = (401, 407, 423, 439)


@dataclass(frozen=True)
class SipAccount:
    """Who registers: the probe's extension, how it shows itself, from where and by which transport."""

    extension: ProbeExtension
    user_agent: str
    source: str
    transport: str = "udp"


class SipProbe:
    """Registers and withdraws one extension of the harness's own."""

    def __init__(
        self,
        account: SipAccount,
        systems: Mapping[Role, System],
        scale: TimeScale,
        transcript: Transcript,
        allowance: Allowance,
    ) -> None:
        self._account, self._systems, self._scale = account, systems, scale
        self._transcript, self._allowance = transcript, allowance
        self._device = f"probe {account.extension.extension}"
        self._kept: dict[Role, Registration] = {}

    def register(self, role: Role, password_override: SecretStr | None = None) -> ProbeAnswer:
        """One attempt, the authenticated retry included, at the system `role`."""
        system = self._system(role)
        self._allowance.take(self._device)
        return self._attempt(role, system, EXPIRES, password_override)

    def refresh(self, role: Role) -> ProbeAnswer:
        """The same again: Call-ID and contact stay as they are."""
        return self.register(role)

    def withdraw(self, role: Role, handle: str = "") -> ProbeAnswer:  # noqa: ARG002  (a SIP registration has none)
        """Take the registration at `role` back; ACCEPTED means that it is gone there."""
        answer = self._attempt(role, self._system(role), 0, None)
        kept = self._kept.get(role)
        if kept is not None and (answer.answer is Answer.ACCEPTED or kept.contact == ALL_CONTACTS):
            self._kept.pop(role).link.close()
        return answer

    def close(self) -> None:
        """Close what is open; registrations stay."""
        while self._kept:
            self._kept.popitem()[1].link.close()

    def _system(self, role: Role) -> System:
        system = self._systems[role]
        if system.sip is None:
            raise ConfigurationFault(
                "the inventory states no SIP for this system.",
                device=role.value,
                next_step="state 'sip' there, or do not probe it in SIP.",
            )
        return system

    def _attempt(self, role: Role, system: System, expires: int, override: SecretStr | None) -> ProbeAnswer:
        sent_at, within = now(), PATIENCE if role is Role.FAILOVER and expires else TIMER_F
        try:
            registration = self._open(role, system, expires, within)
            answered = self._exchange(registration, expires, None, within)
            for _ in range(2):  # once more where the system calls the nonce stale
                authorization = self._authorization(answered.value, registration.domain, override)
                if authorization is None:
                    break
                answered = self._exchange(registration, expires, authorization, within)
                if not is_stale(answered.value):
                    break
        except RefusedByTransportError as refused:
            return self._answer(role, sent_at, Answer.REFUSED, str(refused), now())
        except UnansweredError as silence:
            return self._answer(role, sent_at, Answer.UNANSWERED, str(silence), None)
        return self._judged(role, sent_at, answered, registration, expires)

    def _open(self, role: Role, system: System, expires: int, within: float) -> Registration:
        """The registration kept for `role`, or a new one; over TCP with a new connection for each attempt.

        A kept connection may have been closed at the other end, which is no refusal of this attempt.
        """
        kept = self._kept.get(role)
        if kept is not None and self._account.transport == "udp":
            return kept
        sip = system.sip
        assert sip is not None  # _system has seen to it
        kind = socket.SOCK_STREAM if self._account.transport == "tcp" else socket.SOCK_DGRAM
        target = (str(system.address), sip.port)
        link = open_socket(kind, self._account.source, target, self._scale.to_real(within))
        if kept is not None:
            kept.link.close()
            kept.link = link
            return kept
        host, port = link.getsockname()[:2]
        extension = self._account.extension.extension
        own = f"<sip:{extension}@{host}:{port};transport={self._account.transport}>"
        call_id = f"{secrets.token_hex(8)}@{host}"
        # What another process registered is known to the system alone.
        contact = own if expires else ALL_CONTACTS
        home = self._systems[Role.HOME].sip or sip
        # As a phone of home's does, which keeps to home's domain wherever it registers.
        new = Registration(extension, home.domain, self._account.transport, call_id, contact, link)
        self._kept[role] = new
        return new

    def _exchange(
        self, registration: Registration, expires: int, authorization: str | None, within: float
    ) -> Answered[Response]:
        registration.sequence += 1
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        request = register_request(registration, self._account.user_agent, branch, expires, authorization)
        self._transcript.sent(request)

        def read(data: bytes) -> Response | None:
            return final_answer(data, branch)

        if self._account.transport == "tcp":
            answered = ask_tcp(registration.link, request.encode(), self._scale.to_real(within), read)
        else:
            waits = (self._scale.to_real(wait) for wait in retransmissions(within))
            answered = ask_udp(registration.link, request.encode(), waits, read)
        self._transcript.received(str(answered.value))
        return answered

    def _authorization(self, challenged: Response, domain: str, override: SecretStr | None) -> str | None:
        """The header line that answers a 401 or 407; None where there is nothing to answer."""
        names = {
            401: ("WWW-Authenticate", "Authorization"),
            407: ("Proxy-Authenticate", "Proxy-Authorization"),
        }
        if challenged.code not in names:
            return None
        asked, given = names[challenged.code]
        challenge = next(filter(None, map(challenge_of, challenged.headers.getlist(asked))), None)
        if challenge is None:
            return None
        extension = self._account.extension
        password = override.get_secret_value() if override else extension.password.resolve()
        value = credentials(challenge, extension.extension, password, "REGISTER", f"sip:{domain}")
        return f"{given}: {value}"

    def _judged(
        self,
        role: Role,
        sent_at: EpochSeconds,
        answered: Answered[Response],
        registration: Registration,
        expires: int,
    ) -> ProbeAnswer:
        response = answered.value
        reason = f"{response.code} {response.phrase}"
        if response.code in _CHALLENGES:
            return self._answer(role, sent_at, Answer.CHALLENGED, reason, answered.at)
        if response.code >= 300:
            return self._answer(role, sent_at, Answer.REFUSED, reason, answered.at)
        granted = granted_expiry(response, registration.contact, expires)
        if expires and not granted:
            return self._answer(role, sent_at, Answer.REFUSED, f"{reason} without a binding", answered.at)
        return self._answer(role, sent_at, Answer.ACCEPTED, reason, answered.at, granted if expires else None)

    def _answer(
        self,
        role: Role,
        sent_at: EpochSeconds,
        answer: Answer,
        reason: str,
        at: EpochSeconds | None,
        expires: int | None = None,
    ) -> ProbeAnswer:
        self._transcript.remark(f"{role}: {answer} ({reason})")
        granted = None if expires is None else BenchSeconds(expires)
        extension = self._account.extension.extension
        return ProbeAnswer(answer, Protocol.SIP, extension, role, sent_at, at, reason, granted)
