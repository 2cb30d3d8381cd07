"""One packet seen at several capture points, or sent several times, is one message: told by its content."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Generic, TypeVar

from harness.capture.events import Sighting
from harness.capture.messages import DhcpMessage, DnsMessage, HttpMessage, LineMessage, Message, RasMessage, Rejection
from harness.capture.topology import Topology

M = TypeVar("M", bound=Message)

RAS_REPEATS = 20.0
"""Bench seconds in which a RAS message may be sent again: three tries 5 s apart, and some slack. A phone that
restarts numbers from the beginning again, but takes longer than this to do so."""
TRANSIT = 0.2
"""Real seconds: nothing numbers repetitions of these messages, so only what is in transit is the same one."""
HELD = 64.0
"""Real seconds in which further sightings of a message are waited for. A kernel sends a TCP segment again after
0.2 s, 0.4 s, 0.8 s and so on: a copy that got through only after a minute is another message."""
ALWAYS = float("inf")


@dataclass(slots=True)
class _Group(Generic[M]):
    """The sightings of one message until now."""

    first: M
    last_repeat: float
    sightings: list[Sighting]


class Merger(Generic[M]):
    """Feed it sightings about in order of time; it gives each message once, in order of time.

    A message comes with all its sightings, `at` at the deciding port, once none is to be expected for it or
    for an earlier one any more: `held` real seconds later, or at the end.
    """

    def __init__(self, topology: Topology, held: float = HELD) -> None:
        self._topology, self._held = topology, held
        self._open: dict[Hashable, _Group[M]] = {}
        self._waiting: list[tuple[float, int, _Group[M]]] = []
        """In a heap: stamp, of several with one stamp which came first, and the message."""
        self._count = 0

    def add(self, message: M) -> Iterator[M]:
        """Take one sighting in; the messages that are complete by that."""
        group = self._open.get(message.identity)
        if group is None or message.at > group.last_repeat:
            repeats = min(repeats_for(message, self._topology), self._held)
            group = _Group(message, message.at + repeats, list(message.sightings))
            self._open[message.identity] = group
            heappush(self._waiting, (message.at, self._count, group))
            self._count += 1
        else:
            group.sightings.extend(message.sightings)
            if message.at < group.first.at:
                group.first = message
        while self._waiting and self._waiting[0][0] < message.at - self._held:
            yield self._complete(heappop(self._waiting)[2])

    def rest(self) -> Iterator[M]:
        """All that was still waited for."""
        while self._waiting:
            yield self._complete(heappop(self._waiting)[2])

    def _complete(self, group: _Group[M]) -> M:
        first = group.first
        if self._open.get(first.identity) is group:
            del self._open[first.identity]
        at = first.at
        group.sightings.sort(key=lambda seen: seen.at)
        role = self._topology.system_among(first.source.address, first.destination.address)
        point = self._topology.deciding.get(role) if role and not isinstance(first, LineMessage) else None
        for seen in group.sightings:
            if seen.point == point:
                at = seen.at
                break
        if at == first.at and len(group.sightings) == 1:
            return first
        return replace(first, at=at, sightings=tuple(group.sightings))


def merged(messages: Iterable[M], topology: Topology) -> list[M]:
    """All of them, each once; sorted by `at`."""
    merger: Merger[M] = Merger(topology, ALWAYS)
    for message in sorted(messages, key=lambda each: each.at):
        list(merger.add(message))
    return sorted(merger.rest(), key=lambda each: each.at)


def repeats_for(message: Message, topology: Topology) -> float:
    """For how many real seconds a message with the same identity is the same message."""
    if isinstance(message, RasMessage):
        return topology.scale.to_real(RAS_REPEATS)
    return TRANSIT if isinstance(message, DhcpMessage | DnsMessage | HttpMessage | Rejection) else ALWAYS
