"""The timelines of a recording as tables for a terminal."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.base.interval import Interval
from harness.report.ladder import printable
from harness.report.timelines import Call, Phase, PhoneLanes, Stream, Timelines

STYLES = {
    "home": "green",
    "failover": "yellow",
    "none": "bold red",
    "unknown": "dim",
    "up": "green",
    "down": "bold red",
    "off": "bold red",
    "on": "green",
}
TOLD_FROM = 0.05
"""Bench seconds by which an instant must be uncertain for that to be told."""


def print_timelines(timelines: Timelines, console: Console) -> None:
    """Print all of it, a table each for what there is."""
    console.print(Text(timelines.title, "bold"), Text(f"({timelines.length:.1f} bench s)", "dim"))
    for reason in timelines.damage:
        console.print(Text(f"damaged: {printable(reason)}", "bold red"))
    for table in _tables(timelines):
        console.print()
        console.print(table)


def _tables(timelines: Timelines) -> Iterator[Table]:
    yield _lanes("registered at", ((lanes, lanes.registration) for lanes in timelines.phones))
    powered = [lanes for lanes in (*timelines.systems, *timelines.phones) if lanes.power]
    if powered:
        yield _lanes("power", ((lanes, lanes.power) for lanes in powered))
    yield _lanes("line from home", [(PhoneLanes("home", "", (), ()), timelines.line)])
    if timelines.stimuli:
        yield _stimuli(timelines.stimuli)
    if timelines.calls:
        yield _calls(timelines.calls)
    if timelines.media:
        yield _media(timelines.media)


def _lanes(title: str, lanes: Iterable[tuple[PhoneLanes, tuple[Phase, ...]]]) -> Table:
    table = _table(("", title, "from", "to", "for", "began by"), right=("from", "to", "for"))
    for owner, phases in lanes:
        name = f"{owner.name} ({owner.extension})" if owner.extension else owner.name
        for number, phase in enumerate(phases):
            state = Text(phase.state, STYLES.get(phase.state, ""))
            lasted = f"{phase.end.middle - phase.begin.middle:.1f}"
            why = Text(printable(phase.why))
            table.add_row(name if not number else "", state, shown(phase.begin), shown(phase.end), lasted, why)
        table.add_section()
    return table


def _stimuli(stimuli: Iterable[Phase]) -> Table:
    table = _table(("done", "between", "and", "note"), right=("between", "and"))
    for each in stimuli:
        table.add_row(Text(each.state, "bold"), f"{each.begin.low:.2f}", f"{each.begin.high:.2f}", Text(each.why))
    return table


def _calls(calls: Iterable[Call]) -> Table:
    names = ("call", "by", "began", "ringing", "answered", "ended", "how it ended")
    table = _table(names, right=names[2:6])
    for call in calls:
        times = (call.began, call.ringing, call.answered, call.ended)
        ends = Text(printable(f"{call.caller} → {call.called}"))
        table.add_row(
            ends, call.protocol, *map(_instant, times), Text(printable(call.reason or "not in the recording"))
        )
    return table


def _media(streams: Iterable[Stream]) -> Table:
    names = ("media from", "to", "seen at", "began", "ended", "packets", "lost", "longest gap (real s)")
    table = _table(names, right=names[3:])
    for each in streams:
        table.add_row(
            Text(each.source), Text(each.destination), each.point, _instant(each.begin), _instant(each.end),
            str(each.packets), str(each.lost), f"{each.longest:.2f}",
        )  # fmt: skip
    return table


def _table(names: Iterable[str], right: Iterable[str]) -> Table:
    right = set(right)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        numbers = name in right
        table.add_column(name, justify="right" if numbers else "left", no_wrap=numbers, overflow="fold")
    return table


def shown(at: Interval) -> str:
    """An instant with its uncertainty where that is worth telling."""
    half = at.width / 2
    return f"{at.middle:.1f} ±{half:.1f}" if half >= TOLD_FROM else f"{at.middle:.1f}"


def _instant(at: float | None) -> str:
    return "–" if at is None else f"{at:.1f}"
