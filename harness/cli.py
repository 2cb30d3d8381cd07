"""The `bench` command. Commands of bench kinds (`bench up` …) come by entry point."""

import json
import signal
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import on_bench
from harness.commands import decode, recordings, replay, status
from harness.commands.plain import BenchName, plainly
from harness.episodes.episode import find_episode
from harness.episodes.kinds import bench_kind
from harness.episodes.running import recover as put_lab_back
from harness.episodes.running import run_episode
from harness.episodes.watching import Lines, Piped, Watcher
from harness.inventory import Bench, Inventory, find_bench
from harness.inventory.loading import load_inventory

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Benches of IP Office phone resilience.")
inventory_app = typer.Typer(no_args_is_help=True, help="Inventory files.")
app.add_typer(inventory_app, name="inventory")
decode.add_to(app)
replay.add_to(app)
recordings.add_to(app)
status.add_to(app)


@app.command()
@plainly
def run(
    episode: Annotated[str, typer.Argument(help="Name of the episode.")],
    out: Annotated[Path, typer.Option(help="Folder for the recording; made if need be.")],
    bench: BenchName = "virtual",
    progress: Annotated[str, typer.Option(help="lines or json.")] = "lines",
    wait_for_bench: Annotated[float, typer.Option(help="Seconds to wait for a bench in use.")] = 0.0,
) -> None:
    """Play one episode on a bench and leave its recording in a folder."""
    _stop_on_sigterm()
    watcher: Watcher = Piped() if progress == "json" else Lines()
    chosen = _entered(bench)
    run_episode(chosen, find_episode(episode), out, watcher, wait_for_bench)


@app.command()
@plainly
def recover(
    bench: BenchName = "virtual",
    wait_for_bench: Annotated[float, typer.Option(help="Seconds to wait for a bench in use.")] = 0.0,
    lease_fd: Annotated[int | None, typer.Option(hidden=True, help="The lock that a watchdog inherited.")] = None,
) -> None:
    """Put back what a run that died has left changed on a bench."""
    for line in put_lab_back(_entered(bench), Lines(), wait_for_bench, lease_fd):
        print(line)


@app.command()
@plainly
def episodes() -> None:
    """List the library of episodes."""
    from harness.episodes.episode import library

    for found in library().values():
        print(f"{found.name:26} {found.sentence}")


@inventory_app.command("check")
@plainly
def inventory_check(file: Path) -> None:
    """Say what is wrong with an inventory file, with file, line and field."""
    with on_bench(file.stem):
        inventory = load_inventory(file, Path("${state}"))
    counted = f"{len(inventory.phones)} phones, {len(inventory.switches)} switches"
    print(f"{file}: bench {inventory.bench}, {counted}: no fault found")


@inventory_app.command("schema")
@plainly
def inventory_schema() -> None:
    """Print the JSON Schema of inventory files (lab_inventory/schema.json is made by this)."""
    schema = Inventory.model_json_schema()
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "Another inventory file that this one changes.",
    }
    # A file that extends another need not say everything again.
    schema.pop("required", None)
    print(json.dumps(schema, indent=1, sort_keys=True))


def _entered(name: str) -> Bench:
    bench = find_bench(name)
    with on_bench(bench.name):
        bench_kind(bench.inventory.kind).enter(bench)
    return bench


def _stop_on_sigterm() -> None:
    """SIGTERM ends an episode like Ctrl-C does: the lab is put back first."""

    def interrupt(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)


def main() -> None:
    """Entry point of `bench`."""
    for entry in entry_points(group="ipoffice_resilience.commands"):
        entry.load()(app)
    app()


if __name__ == "__main__":
    main()
