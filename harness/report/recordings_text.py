"""The list of recordings for a terminal."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from harness.episodes.manifest import Manifest
from harness.report.ladder import printable
from harness.report.recordings import Listed


def print_list(runs: Mapping[str, Sequence[Listed]], latest: str, console: Console) -> None:
    """Recordings by run, the newest run last; `latest`: the run that `latest` points to, "" if none."""
    table = plain_table(
        ("run, episode", "bench", "began", "real s", "MiB", "packets", "drops", "v.", "state"),
        right=("real s", "MiB", "packets", "drops"),
        apart=1,
    )
    for run, listed in runs.items():
        table.add_row(Text(run, "bold"), Text("latest" if run == latest else "", "bold"))
        for one in listed:
            table.add_row(*_listed(one))
    console.print(table)


def _listed(one: Listed) -> Iterator[RenderableType]:
    manifest = one.manifest
    yield f"  {one.folder.name}"
    if manifest is None:
        yield from ("", "", "", f"{one.size:.1f}", "", "", "", Text(printable(one.problem), "bold red"))
        return
    yield manifest.bench
    yield time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest.began))
    yield f"{manifest.ended - manifest.began:.0f}"
    yield f"{one.size:.1f}"
    yield str(one.packets)
    yield Text(drops(one.drops), "bold red" if one.drops else "")
    yield str(manifest.migrated_from or manifest.schema_version)
    yield _state(manifest)


def _state(manifest: Manifest) -> Text:
    """Whether the lab was put back, and what ended the episode early."""
    parts = [] if manifest.put_back.clean else ["NOT PUT BACK"]
    if manifest.fault is not None:
        parts.append(f"{manifest.fault.blame} fault: {manifest.fault.message}")
    return Text(printable("; ".join(parts)), "bold red") if parts else Text("clean", "green")


def drops(count: int) -> str:
    """How many packets, "?" where nobody knows."""
    return "?" if count < 0 else str(count)


def plain_table(names: Iterable[str], right: Iterable[str], apart: int = 2) -> Table:
    """Without lines; `right`: columns of numbers; `apart`: characters between columns."""
    right = set(right)
    table = Table(box=None, padding=(0, apart, 0, 0), header_style="bold")
    for name in names:
        numbers = name in right
        table.add_column(name, justify="right" if numbers else "left", no_wrap=numbers, overflow="fold")
    return table
