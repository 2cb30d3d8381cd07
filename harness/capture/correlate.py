"""One packet seen at several capture points, or sent several times, is one message: told by its content."""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import TypeVar

from harness.capture.messages import DhcpMessage, LineMessage, Message, RasMessage, Rejection
from harness.capture.topology import Topology

M = TypeVar("M", bound=Message)

RAS_REPEATS = 20.0
"""Bench seconds in which a RAS message may be sent again: three tries 5 s apart, and some slack. A phone that
restarts numbers from the beginning again, but takes longer than this to do so."""
TRANSIT = 0.2
"""Real seconds: nothing numbers repetitions of these messages, so only what is in transit is the same one."""
_ALWAYS = float("inf")


def merged(messages: Iterable[M], topology: Topology) -> list[M]:
    """Messages with all their sightings in order of time, `at` at the deciding port; sorted by `at`."""
    open_ones: dict[Hashable, list[M]] = {}
    groups: list[list[M]] = []
    for message in sorted(messages, key=lambda each: each.at):
        group = open_ones.get(message.identity)
        if group is None or message.at - group[0].at > repeats_for(message, topology):
            group = open_ones[message.identity] = []
            groups.append(group)
        group.append(message)
    return sorted((_one(group, topology) for group in groups), key=lambda each: each.at)


def repeats_for(message: Message, topology: Topology) -> float:
    """For how many real seconds a message with the same identity is the same message."""
    if isinstance(message, RasMessage):
        return topology.scale.to_real(RAS_REPEATS)
    return TRANSIT if isinstance(message, DhcpMessage | Rejection) else _ALWAYS


def _one(group: list[M], topology: Topology) -> M:
    first = group[0]
    sightings = tuple(seen for message in group for seen in message.sightings)
    role = topology.system_among(first.source.address, first.destination.address)
    point = topology.deciding.get(role) if role else None
    deciding = [seen.at for seen in sightings if seen.point == point] if not isinstance(first, LineMessage) else []
    return replace(first, at=deciding[0] if deciding else first.at, sightings=sightings)
