"""Equal exchanges within one second as one row, so that a storm can be looked at."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from harness.report.ladder import Arrow, Tone

WITHIN = 1.0
"""Shown seconds."""
_NO_ANSWER = "no answer"


@dataclass
class _Exchange:
    """A request and its last answer until now."""

    request: Arrow
    awaits: bool
    answer: Arrow | None = None

    @property
    def text(self) -> str:
        """What was asked and what came of it."""
        if self.answer is not None:
            return f"{self.request.text} → {self.answer.text}"
        return f"{self.request.text} → {_NO_ANSWER}" if self.awaits else self.request.text

    @property
    def tone(self) -> Tone:
        """That of its end."""
        if self.answer is not None:
            return self.answer.tone
        return Tone.REFUSES if self.awaits else self.request.tone

    @property
    def kind(self) -> Hashable:
        """Equal for exchanges that are shown as one."""
        request = self.request
        return (request.at // WITHIN, request.source, request.destination, self.text, self.tone, request.arrived)

    @property
    def ended(self) -> float:
        """When the last of it was seen."""
        return max(arrow.until for arrow in (self.request, self.answer) if arrow is not None)

    @property
    def repeats(self) -> int:
        """How many of its messages were sent again."""
        return sum(arrow.times - 1 for arrow in (self.request, self.answer) if arrow is not None)


def collapsed(said: Iterable[tuple[Arrow, Hashable, bool]]) -> list[Arrow]:
    """Arrows in order of time, each with what it shares with its answer and whether it awaits one → fewer arrows."""
    groups: dict[Hashable, list[_Exchange]] = {}
    for exchange in _paired(said):
        groups.setdefault(exchange.kind, []).append(exchange)
    return sorted((_as_one(group) for group in groups.values()), key=lambda arrow: arrow.at)


def _paired(said: Iterable[tuple[Arrow, Hashable, bool]]) -> list[_Exchange]:
    waiting: dict[Hashable, _Exchange] = {}
    found = []
    for arrow, key, awaits in said:
        asked = waiting.get(key) if key is not None and arrow.tone is not Tone.ASKS else None
        if asked is not None:
            asked.answer = arrow
            continue
        exchange = _Exchange(arrow, awaits)
        found.append(exchange)
        if awaits:
            waiting[key] = exchange
    return found


def _as_one(group: list[_Exchange]) -> Arrow:
    first = group[0]
    repeats = sum(exchange.repeats for exchange in group)
    again = f"{repeats} sent again" if repeats else ""
    return replace(
        first.request,
        text=first.text,
        tone=first.tone,
        times=len(group),
        until=max(exchange.ended for exchange in group),
        detail=", ".join(filter(None, (first.request.detail if len(group) == 1 else "", again))),
    )
