"""What a report shows of one recording: its picture, the messages around an instant, a slice of its capture."""

import csv
import io
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from harness.base.interval import Interval
from harness.base.stimulus import PROBES
from harness.base.units import EpochSeconds
from harness.capture.events import Outcome
from harness.capture.packets import PacketRow, packet_table
from harness.capture.slices import slice_capture
from harness.episodes.recording import Recording
from harness.inventory import Role
from harness.report.picture import Lane, Mark, Picture, Span
from harness.timeline import Attempt, TimedStimulus

SLICE_BYTES = 200_000
AROUND = 20.0
"""Bench seconds shown on either side of a judged instant."""
MOST_PACKETS = 12

Judged = Sequence[tuple[Interval, str]]


def picture_of(
    recording: Recording,
    title: str,
    judged: Judged,
    window: tuple[float, float] | None,
    subjects: Sequence[str],
) -> str:
    """The episode as SVG: the line, a lane per phone (the case's own first), stimuli, window, judged instants."""
    timeline = recording.timeline
    names = with_handsets(recording, sorted(recording.inventory.phones, key=lambda name: name not in subjects))
    return Picture(
        title,
        timeline.end,
        (_line_lane(recording), *(_phone_lane(recording, name) for name in names)),
        tuple(_mark(stimulus) for stimulus in timeline.stimuli if stimulus.verb not in PROBES),
        window,
        tuple(Mark(at.low, at.high, label) for at, label in judged),
    ).svg()


def with_handsets(recording: Recording, names: Sequence[str]) -> list[str]:
    """These phones, each base followed by the extensions of its handsets."""
    phones = recording.inventory.phones
    return [each for name in names for each in (name, *(phones[name].handsets if name in phones else ()))]


def messages_csv(recording: Recording, subjects: Sequence[str], judged: Judged) -> str:
    """The registration attempts of the case's phones, bench seconds; those around a judged instant are marked."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["bench s", "phone", "system", "outcome", "answer", "granted s", "requests", "judged"])
    for attempt in recording.timeline.registrations(*with_handsets(recording, subjects)):
        table.writerow(_attempt_row(recording, attempt, judged))
    return out.getvalue()


def packets_csv(recording: Recording, subjects: Sequence[str], judged: Judged) -> str:
    """The answers at the judged instants in full, one row a field; empty where none can be shown."""
    subjects = with_handsets(recording, subjects)
    attempts = [one for one in recording.timeline.registrations(*subjects) if _is_judged(one, judged)]
    sightings = [one.event.sightings[0] for one in attempts[:MOST_PACKETS] if one.event.sightings]
    packets = [(sighting.point, _acceptances(recording)[sighting.point].get(sighting.frame)) for sighting in sightings]
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["capture point", "frame", "layer", "field", "value"])
    rows = [
        (point, packet.frame, layer, what, value)
        for point, packet in packets
        if packet is not None
        for layer, fields in packet.layers
        for what, value in fields
    ]
    table.writerows(rows)
    return out.getvalue() if rows else ""


@cache
def _acceptances(recording: Recording) -> dict[str, dict[int, PacketRow]]:
    """Every acceptance of a recording in full, by capture point and frame: one pass a file for all cases."""
    wanted: dict[Path, dict[int, tuple[str, int]]] = {}
    for attempt in recording.timeline.attempts:
        if attempt.outcome is Outcome.ACCEPTED and attempt.event.sightings:
            seen = attempt.event.sightings[0]
            file, number = recording.packet_at(seen.point, seen.frame)
            wanted.setdefault(file, {})[number] = (seen.point, seen.frame)
    found: dict[str, dict[int, PacketRow]] = {point: {} for point in recording.inventory.captures}
    for file, numbers in wanted.items():
        for row in packet_table(file, numbers):
            point, frame = numbers[row.frame]
            found[point][frame] = replace(row, frame=frame)
    return found


def slice_of(recording: Recording, judged: Judged) -> bytes:
    """The capture at the failover system's port around the judged instants, at most 200 kB."""
    point = next(name for name, capture in recording.inventory.captures.items() if Role.FAILOVER.value in capture.sees)
    clock = recording.timeline.clock
    last = judged[-1][0]
    begin = EpochSeconds(clock.began + clock.scale.to_real(last.low - AROUND))
    end = EpochSeconds(clock.began + clock.scale.to_real(last.high + AROUND))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "slice.pcapng"
        slice_capture(recording.file_around(point, EpochSeconds((begin + end) / 2)), begin, end, out, SLICE_BYTES)
        return out.read_bytes() if out.exists() else b""


@cache
def _line_lane(recording: Recording) -> Lane:
    spans: list[Span] = []
    begin = 0.0
    for outage in recording.line.outages(Role.HOME):
        until = outage.visible.low if isinstance(outage.visible, Interval) else recording.timeline.end
        spans += [Span(begin, outage.lost.high, "up"), Span(outage.lost.high, until, "down")]
        begin = until
    return Lane("line from home", (*spans, Span(begin, recording.timeline.end, "up")))


@cache
def _phone_lane(recording: Recording, name: str) -> Lane:
    spans = recording.timeline.phone_lane(name).spans
    return Lane(name, tuple(Span(span.begin.middle, span.end.middle, str(span.state)) for span in spans))


def _mark(stimulus: TimedStimulus) -> Mark:
    return Mark(stimulus.bracket.low, stimulus.bracket.high, f"{stimulus.verb} {stimulus.target}")


def _attempt_row(recording: Recording, attempt: Attempt, judged: Judged) -> list[str]:
    return [
        f"{attempt.decided.middle:.2f}",
        _who(recording, attempt.extension),
        str(attempt.role),
        str(attempt.outcome),
        attempt.reason,
        "" if attempt.expires is None else f"{attempt.expires:g}",
        str(attempt.event.requests),
        "judged" if _is_judged(attempt, judged) else "",
    ]


def _who(recording: Recording, extension: str) -> str:
    """The phone of that extension; the base of a handset, and the probe, with it."""
    name = recording.inventory.extensions.get(extension, "probe")
    return name if extension == recording.timeline.extension(name) else f"{name} {extension}"


def _is_judged(attempt: Attempt, judged: Judged) -> bool:
    return any(attempt.decided.low <= at.high and at.low <= attempt.decided.high for at, _ in judged)
