"""What captures say, for people and for spreadsheets, and how much of what there was."""

import csv
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.capture.decoder import Decoded
from harness.capture.listing import Line, Selection, lines
from harness.report.captures import Captures
from harness.report.ladder import printable
from harness.report.ladder_names import Names

_STYLES = {
    "registration": "cyan",
    "notice": "yellow",
    "call": "green",
    "media": "magenta",
    "line": "blue",
    "finding": "bold red",
}
_COLUMNS = ("at", "seconds", "kind", "from", "to", "text", "seen")


def print_table(captures: Captures, decoded: Decoded, selection: Selection, console: Console) -> None:
    """A row for each thing that is selected; names where a bench is known."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("seconds", justify="right", no_wrap=True)
    for name in ("what", "from", "to"):
        table.add_column(name, no_wrap=True)
    table.add_column("")
    table.add_column("seen" if len(captures.files) > 1 else "frame", no_wrap=True)
    names = Names(captures.inventory)
    for event in decoded.events:
        names.learn_event(event)
    for line in lines(decoded, selection):
        ends = (_named(end, line, names) for end in (line.source, line.destination))
        seen = line.seen if len(captures.files) > 1 else line.seen.removeprefix(next(iter(captures.files))).strip()
        cells = (f"{captures.shown(line.at):.3f}", line.kind, *ends, line.text, seen)
        table.add_row(*(Text(printable(cell)) for cell in cells), style=_STYLES.get(line.kind, ""))
    if table.row_count:
        console.print(table)


def write_csv(captures: Captures, decoded: Decoded, selection: Selection, out: TextIO) -> None:
    """The same as CSV with a header; `at` in epoch seconds, `seconds` as they are shown."""
    table = csv.writer(out, lineterminator="\n")
    table.writerow(_COLUMNS)
    for line in lines(decoded, selection):
        shown = f"{captures.shown(line.at):.6f}"
        table.writerow((f"{line.at:.6f}", shown, line.kind, line.source, line.destination, line.text, line.seen))


def print_summary(captures: Captures, decoded: Decoded, console: Console) -> None:
    """Packets by file, messages by kind, media, findings: of everything, whatever was selected."""
    if decoded.tally.different:
        console.print()
        console.print(_messages(decoded))
    console.print()
    for sentence in _sentences(captures, decoded):
        console.print(Text(sentence), soft_wrap=True)


def _messages(decoded: Decoded) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("protocol")
    table.add_column("message")
    table.add_column("messages", justify="right")
    table.add_column("with copies", justify="right")
    before = ""
    for (protocol, start), count in sorted(decoded.tally.different.items(), key=_by_protocol):
        copies = decoded.tally.seen[protocol, start]
        table.add_row(protocol if protocol != before else "", Text(printable(start)), str(count), str(copies))
        before = protocol
    return table


def _by_protocol(entry: tuple[tuple[str, str], int]) -> tuple[str, str, bool, str]:
    """A request before its answers."""
    (protocol, start), _ = entry
    status, _, method = start.rpartition(" to ")
    return protocol, method, bool(status), status


def _sentences(captures: Captures, decoded: Decoded) -> Iterator[str]:
    yield f"times: {captures.unit}"
    for file, count in captures.counts.items():
        yield f"{file}: {_many(count, 'packet')}"
    for protocol in dict.fromkeys(protocol for protocol, _ in sorted(decoded.tally.different)):
        different, seen = (
            sum(count for (other, _), count in counted.items() if other == protocol)
            for counted in (decoded.tally.different, decoded.tally.seen)
        )
        copies = f", {seen} with every copy" if seen != different else ""
        yield f"{protocol}: {_many(different, 'message')}{copies}"
    packets = sum(stream.packets for stream in decoded.media)
    yield f"RTP: {_many(packets, 'packet')} in {_many(len(decoded.media), 'stream')}, told by their headers alone"
    found = len(decoded.findings) + len(decoded.clock_doubts)
    yield f"findings: {found}" if found else "no findings"


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _named(end: str, line: Line, names: Names) -> str:
    """Whose address it is; media tell a port as well."""
    if line.kind != "media":
        return names.of(end, line.at)
    address, _, port = end.rpartition(":")
    return f"{names.of(address, line.at)}:{port}"
