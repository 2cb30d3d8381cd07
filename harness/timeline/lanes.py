"""A lane: the states of one thing in order of time."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.base.interval import Interval

State = TypeVar("State")


@dataclass(frozen=True)
class Span(Generic[State]):
    """One state from `begin` to `end`, both bench seconds and known no better than an interval."""

    state: State
    begin: Interval
    end: Interval


@dataclass(frozen=True)
class Lane(Generic[State]):
    """Spans without gaps, from 0 to the recording's end."""

    spans: tuple[Span[State], ...]

    def at(self, instant: float) -> State:
        """The state at `instant` (bench seconds): that of the last span which began before."""
        begun = [span for span in self.spans if span.begin.middle <= instant]
        return (begun[-1] if begun else self.spans[0]).state


def lane_of(first: State, changes: Iterable[tuple[Interval, State]], end: float) -> Lane[State]:
    """A lane that begins with `first`; a change to the state that is there already is none."""
    spans: list[Span[State]] = []
    state, begin = first, Interval.at(0.0)
    for at, new in changes:
        if new != state:
            spans.append(Span(state, begin, at))
            state, begin = new, at
    return Lane((*spans, Span(state, begin, Interval.at(end))))
