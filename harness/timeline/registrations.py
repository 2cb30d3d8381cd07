"""The registration attempts of one requester, or of several, in bench seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import overload

from harness.base.interval import Interval
from harness.capture.events import Outcome, RegistrationAttempt
from harness.inventory import Protocol, Role
from harness.timeline.instants import BenchClock
from harness.timeline.stimuli import TimedStimulus

SUCCESSES = (Outcome.ACCEPTED, Outcome.CONFIRMED)
REFUSALS = (Outcome.REFUSED, Outcome.UNANSWERED)


@dataclass(frozen=True)
class Attempt:
    """One attempt. `asked`: its first request; `decided`: its answer, or `asked` where there was none."""

    asked: Interval
    decided: Interval
    outcome: Outcome
    event: RegistrationAttempt

    @property
    def role(self) -> Role:
        """The system that was asked."""
        return Role(self.event.role)

    @property
    def extension(self) -> str:
        """Who asked."""
        return self.event.extension

    @property
    def protocol(self) -> Protocol:
        """By which protocol."""
        return self.event.protocol

    @property
    def reason(self) -> str:
        """The answer in the system's own words, or how there was none."""
        return self.event.reason

    @property
    def expires(self) -> float | None:
        """Bench seconds that were granted."""
        return self.event.expires

    @property
    def is_success(self) -> bool:
        """Whether it left the requester registered."""
        return self.outcome in SUCCESSES

    @property
    def is_answered(self) -> bool:
        """Whether the system's registrar itself answered; its kernel answers also while that is not there."""
        return self.outcome not in (Outcome.UNANSWERED, Outcome.UNHEARD) and not self.event.by_transport

    @property
    def is_refusal(self) -> bool:
        """Whether the system kept a registration out."""
        return self.outcome in REFUSALS and not self.event.withdrawing


class Registrations(Sequence[Attempt]):
    """Attempts in order of their decision; `until`: bench seconds at which nobody watched any more."""

    def __init__(self, attempts: Iterable[Attempt], until: float) -> None:
        self._attempts = tuple(sorted(attempts, key=lambda attempt: attempt.decided.low))
        self.until = until

    @overload
    def __getitem__(self, index: int) -> Attempt: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Attempt, ...]: ...
    def __getitem__(self, index: int | slice) -> Attempt | tuple[Attempt, ...]:
        return self._attempts[index]

    def __len__(self) -> int:
        return len(self._attempts)

    def at(self, role: Role) -> "Registrations":
        """Only those at one system."""
        return Registrations((attempt for attempt in self if attempt.role is role), self.until)

    def between(self, window: Interval) -> "Registrations":
        """Only those that may have been decided within `window`, its ends included."""
        inside = (each for each in self if each.decided.high >= window.low and each.decided.low <= window.high)
        return Registrations(inside, self.until)


def attempts_of(
    events: Iterable[RegistrationAttempt],
    clock: BenchClock,
    restarts: Sequence[TimedStimulus],
    phones: dict[str, str],
) -> list[Attempt]:
    """Events as attempts; `restarts`: power and reboots, `phones`: extension → name.

    A refresh looks like any other REGISTER. So the first success after the system or the phone was
    restarted is an acceptance even where it repeats Call-ID and Contact: no binding can have survived.
    So is the first one at a system after one at the other: a phone that moved and comes again was let
    in, even where its old binding was still there or its old credentials were taken without a challenge.
    """
    attempts = [
        Attempt(clock.at(each.asked_at), clock.of(each), each.outcome, each)
        for each in sorted(events, key=lambda event: event.at)
    ]
    last: dict[tuple[Role, str], Interval] = {}
    place: dict[str, Role] = {}
    for number, attempt in enumerate(attempts):
        key = (attempt.role, attempt.extension)
        targets = (str(attempt.role), phones.get(attempt.extension))
        began_anew = key in last and any(
            last[key].low < restart.bracket.high and restart.bracket.low < attempt.asked.high
            for restart in restarts
            if restart.target in targets
        )
        moved = place.get(attempt.extension, attempt.role) is not attempt.role
        if attempt.outcome is Outcome.CONFIRMED and attempt.protocol is Protocol.SIP and (began_anew or moved):
            attempts[number] = replace(attempt, outcome=Outcome.ACCEPTED)
        if attempt.is_success:
            last[key] = attempt.decided
            place[attempt.extension] = attempt.role
    return attempts
