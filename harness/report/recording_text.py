"""One recording in full for a terminal."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from harness.base.stimulus import PROBES
from harness.episodes.manifest import Captured, Manifest
from harness.report.ladder import printable
from harness.report.recordings import State, Told, written_in
from harness.report.recordings_text import drops, plain_table

_STATES = {State.SAME: "green", State.CHANGED: "bold red", State.MISSING: "yellow"}


def print_told(told: Told, console: Console) -> None:
    """One recording in full."""
    for part in _parts(told):
        console.print(part)


def _parts(told: Told) -> Iterator[RenderableType]:
    manifest = told.manifest
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(manifest.began))
    real = manifest.ended - manifest.began
    yield Text(f"{manifest.episode} on bench {manifest.bench}", "bold")
    lasted = f"{real:.1f} s, that is {told.bench(manifest.ended):.0f} bench s"
    yield f"{began}, {lasted}; schema version {written_in(manifest)}"
    yield from _outcome(manifest)
    yield Text("\ncaptures", "bold")
    yield _captures(told)
    yield from _points(told)
    yield from _other_files(told)
    if manifest.stimuli:
        yield Text("\ndone to the bench", "bold")
        yield _stimuli(told)
        yield from _probes(manifest)
    if manifest.waits:
        yield Text("\nwaited for", "bold")
        yield _waits(told)
    yield Text("\nclocks", "bold")
    yield from _clocks(told)
    yield Text("\nversions", "bold")
    yield Text(", ".join(f"{name} {version}" for name, version in manifest.versions.items()) or "not recorded")
    yield Text("\ndamage", "bold")
    yield Text("\n".join(map(printable, told.damages)), "bold red") if told.damages else Text("none", "green")


def _outcome(manifest: Manifest) -> Iterator[Text]:
    back = manifest.put_back
    restored = f": {'; '.join(back.restored)}" if back.restored else ""
    yield (
        Text(f"put back clean{restored}", "green")
        if back.clean
        else Text(f"NOT PUT BACK: {'; '.join(back.failures)}", "bold red")
    )
    for finding in manifest.findings:
        yield Text(printable(f"{finding.when} it: {finding}"), "yellow" if finding.mended else "bold red")
    if manifest.fault is not None:
        fault = manifest.fault
        where = f"{fault.device}: " if fault.device else ""
        step = f" Next: {fault.next_step}" if fault.next_step else ""
        yield Text(printable(f"ended early by a {fault.blame} fault: {where}{fault.message}{step}"), "bold red")


def _captures(told: Told) -> Table:
    table = plain_table(("point", "file", "packets", "from", "to", "hash"), right=("packets", "from", "to"))
    for capture in told.manifest.captures:
        for number, file in enumerate(capture.files):
            state = told.files.get(file.name, State.MISSING)
            table.add_row(
                capture.point if not number else "", file.name, str(file.packets),
                f"{told.bench(file.first):.1f}", f"{told.bench(file.last):.1f}", Text(state, _STATES[state]),
            )  # fmt: skip
    return table


def _points(told: Told) -> Iterator[Text]:
    for capture in told.manifest.captures:
        remarks = list(_remarks(capture))
        for loss in capture.losses:
            window = f"{told.bench(loss.low):.1f} and {told.bench(loss.high):.1f} s"
            remarks.append(f"{drops(loss.packets)} lost between {window}")
        if remarks:
            yield Text(f"{capture.point}: {printable('; '.join(remarks))}", "yellow")


def _remarks(capture: Captured) -> Iterator[str]:
    if capture.dropped:
        yield f"{drops(capture.dropped)} packets dropped"
    if not capture.complete:
        yield f"lacks its end{f' ({capture.fault})' if capture.fault else ''}"
    if capture.own_clock:
        yield "stamped by a clock of its own"
    if capture.keys is not None:
        yield f"TLS keys in {capture.keys}"


def _other_files(told: Told) -> Iterator[Text]:
    captured = {file.name for capture in told.manifest.captures for file in capture.files}
    others = {name: state for name, state in told.files.items() if name not in captured}
    same = sum(state is State.SAME for state in others.values())
    if others:
        yield Text(f"other files as recorded: {same} of {len(others)}")
    for name, state in others.items():
        if state is not State.SAME:
            yield Text(f"{name}: {state}", _STATES[state])


def _stimuli(told: Told) -> Table:
    table = plain_table(("what", "between", "and", "note"), right=("between", "and"))
    for each in (each for each in told.manifest.stimuli if each.verb not in PROBES):
        low, high = (f"{told.bench(at):.2f}" for at in (each.not_before, each.not_after))
        table.add_row(Text(f"{each.verb} {each.target}"), low, high, Text(printable(each.note)))
    return table


def _probes(manifest: Manifest) -> Iterator[Text]:
    """How often each probe had which answer."""
    counted = Counter((each.verb, each.target, each.note) for each in manifest.stimuli if each.verb in PROBES)
    for (verb, target, note), count in counted.items():
        yield Text(f"{verb} {target}: {count} × {printable(note)}")


def _waits(told: Told) -> Table:
    table = plain_table(("what", "from", "to", ""), right=("from", "to"))
    for each in told.manifest.waits:
        happened = Text("happened", "green") if each.happened else Text("time was up", "yellow")
        began, ended = (f"{told.bench(at):.1f}" for at in (each.began, each.ended))
        table.add_row(Text(printable(each.what)), began, ended, happened)
    return table


def _clocks(told: Told) -> Iterator[Text]:
    offsets = [pair.realtime - pair.monotonic for pair in told.manifest.clocks]
    if offsets:
        moved = 1000 * (max(offsets) - min(offsets))
        yield Text(f"{len(offsets)} readings by the episode: the wall clock moved by {moved:.2f} ms at most")
    if told.host:
        worst = max(told.host, key=lambda sample: sample.lag)
        apart = max((after.realtime - before.realtime for before, after in pairwise(told.host)), default=0.0)
        late = f"{1000 * worst.lag:.1f} ms at {told.bench(worst.realtime):.1f} bench s"
        yield Text(f"{len(told.host)} readings of the host, at most {apart:.1f} s apart: late by {late} at the worst")
    else:
        yield Text("no readings of the host")
    for step in told.steps:
        at = f"between {told.bench(step.low):.1f} and {told.bench(step.high):.1f} bench s"
        yield Text(f"the clock was stepped by {step.seconds:.3f} s {at}", "bold red")
