"""What a recording shows of phones, line, power, calls and media, as facts. All times are bench seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.base.interval import Interval
from harness.base.stimulus import PROBES
from harness.capture.events import CallEvent, CallStep
from harness.capture.media import MediaStream
from harness.episodes.recording import Recording
from harness.inventory import Role
from harness.report.ladder_names import Names
from harness.timeline import Lane, Power, Turn

UP, DOWN = "up", "down"


@dataclass(frozen=True)
class Phase:
    """One state from `begin` to `end`, and what began it."""

    state: str
    begin: Interval
    end: Interval
    why: str = ""


@dataclass(frozen=True)
class PhoneLanes:
    """One phone: where it was registered, and whether it had power if that was ever switched."""

    name: str
    extension: str
    registration: tuple[Phase, ...]
    power: tuple[Phase, ...]


@dataclass(frozen=True)
class Call:
    """One call as all its messages together tell it; None for what never happened."""

    caller: str
    called: str
    protocol: str
    began: float | None = None
    ringing: float | None = None
    answered: float | None = None
    ended: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Stream:
    """One media stream at one capture point; `longest`: its longest silence, real seconds."""

    point: str
    source: str
    destination: str
    begin: float
    end: float
    packets: int
    lost: int
    longest: float


@dataclass(frozen=True)
class Timelines:
    """Everything that is shown of one recording. `line`: of home; `systems`: power of the systems, if switched."""

    title: str
    length: float
    phones: tuple[PhoneLanes, ...]
    line: tuple[Phase, ...]
    systems: tuple[PhoneLanes, ...]
    stimuli: tuple[Phase, ...]
    calls: tuple[Call, ...]
    media: tuple[Stream, ...]
    damage: tuple[str, ...]


def timelines_of(recording: Recording) -> Timelines:
    """Those of one recording. Raises as its decoding."""
    timeline, manifest = recording.timeline, recording.manifest
    phones = tuple(
        PhoneLanes(
            name,
            phone.extension,
            _registration(recording, name, timeline.turns(name)),
            _power(timeline.power_lane(name)),
        )
        for name, phone in recording.inventory.phones.items()
    )
    systems = tuple(PhoneLanes(role.value, "", (), _power(timeline.power_lane(role.value))) for role in Role)
    return Timelines(
        f"{manifest.episode} on bench {manifest.bench}",
        timeline.end,
        phones,
        _line(recording),
        tuple(lanes for lanes in systems if lanes.power),
        tuple(
            Phase(f"{each.verb} {each.target}", each.bracket, each.bracket, each.note)
            for each in timeline.stimuli
            if each.verb not in PROBES
        ),
        _calls(recording, [event for event in recording.decoded.events if isinstance(event, CallEvent)]),
        _media(recording),
        recording.damage,
    )


def _registration(recording: Recording, name: str, turns: Sequence[Turn]) -> tuple[Phase, ...]:
    began = {turn.at: _why(turn) for turn in turns}
    spans = recording.timeline.phone_lane(name).spans
    return tuple(Phase(str(span.state), span.begin, span.end, began.get(span.begin, "")) for span in spans)


def _why(turn: Turn) -> str:
    return f"{turn.change} at {turn.role}: {turn.why}".removesuffix(": ")


def _power(lane: Lane[Power]) -> tuple[Phase, ...]:
    """Nothing where it was never switched."""
    if len(lane.spans) == 1:
        return ()
    return tuple(Phase(str(span.state), span.begin, span.end) for span in lane.spans)


def _line(recording: Recording) -> tuple[Phase, ...]:
    end = Interval.at(recording.timeline.end)
    found = []
    begin = Interval.at(0.0)
    for outage in recording.line.outages(Role.HOME):
        back = outage.visible if isinstance(outage.visible, Interval) else end
        found += [Phase(UP, begin, outage.lost), Phase(DOWN, outage.lost, back)]
        begin = back
    if begin.low < end.low:
        found.append(Phase(UP, begin, end))
    return tuple(found)


def _calls(recording: Recording, events: Sequence[CallEvent]) -> tuple[Call, ...]:
    """By Call-ID or call identifier; of several legs with one the first to come a step further counts."""
    clock, calls = recording.timeline.clock, dict[tuple[str, str], Call]()
    for event in events:
        key = (str(event.protocol), event.call)
        before = calls.get(key, Call(event.caller, event.called, str(event.protocol)))
        calls[key] = _further(before, event, clock.of(event).middle)
    return tuple(calls.values())


_REACHED = {CallStep.SETUP: "began", CallStep.RINGING: "ringing", CallStep.ANSWERED: "answered"}


def _further(call: Call, event: CallEvent, at: float) -> Call:
    reached = _REACHED.get(event.step)
    if reached is not None:
        change: dict[str, Any] = {reached: at}
        return call if getattr(call, reached) is not None else replace(call, **change)
    if event.step is CallStep.CHANGED or call.ended is not None:
        return call
    return replace(call, ended=at, reason=f"{event.step} ({event.reason})")


def _media(recording: Recording) -> tuple[Stream, ...]:
    clock, names = recording.timeline.clock, Names(recording.inventory)
    for event in recording.decoded.events:
        names.learn_event(event)

    def bench(at: float) -> float:
        return clock.scale.to_bench(at - clock.began)

    return tuple(
        Stream(
            stream.point,
            names.of(stream.source[0], stream.first),
            names.of(stream.destination[0], stream.first),
            bench(stream.first),
            bench(stream.last),
            stream.packets,
            stream.lost,
            _longest(stream),
        )
        for stream in recording.decoded.media
    )


def _longest(stream: MediaStream) -> float:
    gaps: Iterable[float] = (gap.seconds for gap in stream.gaps)
    return max(gaps, default=0.0)
