"""`bench status`: who has a bench, what is changed there, its devices."""

import typer
from rich.table import Table

from harness.base.errors import LabFault
from harness.commands.plain import BenchName, console, plainly
from harness.episodes.kinds import bench_kind
from harness.inventory import Bench, find_bench
from harness.journal.lease import Holder, holder
from harness.journal.record import Journal

EXIT_NOT_UP = 3


def add_to(app: typer.Typer) -> None:
    """Add the command to `bench`."""
    app.command()(plainly(status))


def status(bench: BenchName = "virtual") -> None:
    """Show who has a bench, what is changed there and its devices; exit code 3 where it is not up.

    2 where something was left changed by a run that is no more.
    """
    chosen = find_bench(bench)
    who = holder(chosen.state)
    print(f"bench {chosen.name}: {_in_use(who)}")
    journal = Journal(chosen.state / "journal") if chosen.state.is_dir() else None
    changes = [f"{change.device} {change.target}" for _, change in journal.open_changes] if journal else []
    if changes:
        print(f"changed now: {', '.join(changes)}")
    _show_devices(chosen)
    if changes and who is None:
        raise LabFault(
            f"a run that is no more has left it changed: {', '.join(changes)}.",
            bench=chosen.name,
            next_step=f"bench recover --bench {chosen.name}",
        )


def _in_use(who: Holder | None) -> str:
    """The lock is one of this machine: other machines must be asked themselves."""
    return f"in use by {who}" if who else "free (on this machine)"


def _show_devices(bench: Bench) -> None:
    state = bench_kind(bench.inventory.kind).state(bench)
    if state is None:
        print(f"bench {bench.name} is not up")
        raise typer.Exit(EXIT_NOT_UP)
    print(state.remark)
    table = Table("device", "kind", "power", "link", "pid", box=None, padding=(0, 2, 0, 0))
    for device in state.devices:
        table.add_row(device.name, device.kind, device.power, device.link, str(device.pid or ""))
    console().print(table)
