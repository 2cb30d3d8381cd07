"""`bench decode`: what captures say, as a table, as lines for other programs, or as a ladder."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import ConfigurationFault
from harness.capture.listing import KINDS, Selection, json_lines
from harness.commands.plain import console, plainly
from harness.inventory import find_bench
from harness.report.captures import Captures, captures_of
from harness.report.decoded_text import print_summary, print_table, write_csv
from harness.report.ladder_making import Wanted, ladder_of
from harness.report.ladder_svg import ladder_svg
from harness.report.ladder_text import columns_for, print_ladder

SVG_COLUMNS = 12


class Format(StrEnum):
    """How events are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


Kind = StrEnum("Kind", [(name.upper(), name) for name in KINDS.values()])  # type: ignore[misc]


def add_to(app: typer.Typer) -> None:
    """Add the command to `bench`."""
    app.command()(plainly(decode))


def decode(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Captures, each a point of its own; or a recording.")
    ],
    bench: Annotated[str | None, typer.Option(help="The bench they are of; without one the usual ports.")] = None,
    keys: Annotated[Path | None, typer.Option(help="TLS key log (NSS format) to decrypt with.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How events are printed.")] = Format.TABLE,
    only: Annotated[list[Kind] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    since: Annotated[
        float | None, typer.Option(help="Seconds since the first packet; of a recording: bench seconds.")
    ] = None,
    until: Annotated[float | None, typer.Option(help="The same, for the end.")] = None,
    ladder: Annotated[bool, typer.Option("--ladder", help="Who said what to whom, message by message.")] = False,
    party: Annotated[
        list[str] | None, typer.Option(help="Ladder: only what this one says or hears; may be repeated.")
    ] = None,
    collapse: Annotated[
        bool | None,
        typer.Option("--collapse/--each", help="Ladder: equal exchanges of a second as one row; default: if many."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Ladder: draw it into this file instead.")] = None,
) -> None:
    """Print what any pcap or pcapng says: registrations, calls, media, DHCP and what is wrong with packets."""
    _need_fitting(format_, only, party, collapse, svg, ladder=ladder)
    captures = captures_of(files, find_bench(bench).inventory if bench is not None else None, keys)
    window = _Window(-math.inf if since is None else since, math.inf if until is None else until)
    if ladder:
        _ladder(captures, window, _title(files, captures), tuple(party or ()), collapse, svg)
    else:
        kinds = frozenset(kind.value for kind in only or ())
        _events(captures, Selection(kinds, captures.epoch(window.since), captures.epoch(window.until)), format_)


@dataclass(frozen=True)
class _Window:
    """Shown seconds."""

    since: float
    until: float


def _need_fitting(
    format_: Format,
    only: Sequence[str] | None,
    party: Sequence[str] | None,
    collapse: bool | None,
    svg: Path | None,
    *,
    ladder: bool,
) -> None:
    """Raises ConfigurationFault for options that do not go together."""
    of_ladder = [name for name, value in (("--party", party), ("--svg", svg), ("--collapse", collapse)) if value]
    if of_ladder and not ladder:
        raise ConfigurationFault(f"{of_ladder[0]} is for ladders.", next_step="add --ladder.")
    if ladder and (only or format_ is not Format.TABLE):
        raise ConfigurationFault(
            "a ladder shows messages, --only and --format are for events.", next_step="leave them out, or --ladder."
        )


def _events(captures: Captures, selection: Selection, format_: Format) -> None:
    decoded = captures.decoded()
    if format_ is Format.TABLE:
        print_table(captures, decoded, selection, console())
        print_summary(captures, decoded, console())
        return
    if format_ is Format.CSV:
        write_csv(captures, decoded, selection, sys.stdout)
    else:
        for line in json_lines(decoded, selection):
            print(line)
    sys.stdout.flush()
    print_summary(captures, decoded, console(stderr=True))


def _ladder(
    captures: Captures, window: _Window, title: str, parties: tuple[str, ...], collapse: bool | None, svg: Path | None
) -> None:
    columns = columns_for(console().width) if svg is None else SVG_COLUMNS
    found = ladder_of(captures, Wanted(window.since, window.until, parties, columns, collapse), title)
    if svg is None:
        print_ladder(found, console())
    else:
        svg.write_text(ladder_svg(found))
        print(f"{svg}: {len(found.rows)} rows, {len(found.parties)} parties")


def _title(files: Sequence[Path], captures: Captures) -> str:
    if captures.recording is not None:
        manifest = captures.recording.manifest
        return f"{manifest.episode} on bench {manifest.bench}"
    names = [path.name for path in files]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"
