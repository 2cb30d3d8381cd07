"""Commands that only a virtual bench has: `bench up`, `down`, `shell`, `defects`."""

import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Annotated, ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from harness.base.errors import BenchError, ConfigurationFault
from harness.base.secrets import mask
from harness.inventory import Bench, find_bench
from harness.inventory.bench import inventory_folder, state_folder
from virtual_bench.defects import DEFECTS
from virtual_bench.kind import VirtualBench, running
from virtual_bench.state import Device, with_overrides

P = ParamSpec("P")

EXIT_FAULT = 2

BenchName = Annotated[str, typer.Option("--bench", envvar="LAB_BENCH", help="Name in lab_inventory, or a YAML file.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `bench`."""
    app.command()(_plainly(up))
    app.command()(_plainly(down))
    app.command()(_plainly(shell))
    app.command()(_plainly(defects))


def up(
    bench: BenchName = "virtual",
    defect: Annotated[list[str] | None, typer.Option(help="A defect to play; may be repeated.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="virtual.KEY=VALUE, such as virtual.failback=pushed."),
    ] = None,
) -> None:
    """Bring a virtual bench up; returns when all its devices answer."""
    began = time.monotonic()
    chosen = with_overrides(_virtual(bench), dict(_setting(text) for text in set_ or ()))
    VirtualBench().up(chosen, defect or (), lambda line: print(line, flush=True))
    print(f"bench {chosen.name} is up, after {time.monotonic() - began:.1f} s")


def defects() -> None:
    """List what a virtual bench can do wrong, and which clauses each of these violates."""
    table = Table("defect", "violates", "what it does", box=None, padding=(0, 2, 0, 0))
    for defect in DEFECTS.values():
        table.add_row(defect.name, ", ".join(defect.clauses), defect.sentence)
    Console().print(table)


def down(
    bench: BenchName = "virtual",
    every: Annotated[bool, typer.Option("--all", help="Every virtual bench that is up in this checkout.")] = False,
) -> None:
    """End a virtual bench with all that it started."""
    for name in _all_up() if every else [bench]:
        VirtualBench().down(_virtual(name))
        print(f"bench {name} is down")


def shell(
    device: Annotated[str, typer.Argument(help="A device as `bench status` names it; lab is the lab host.")],
    command: Annotated[list[str] | None, typer.Argument(help="After --: what to run instead of a shell.")] = None,
    bench: BenchName = "virtual",
) -> None:
    """Run a shell or a command in the namespaces of a device."""
    chosen = _virtual(bench)
    found = running(chosen)
    if found is None:
        raise ConfigurationFault("this bench is not up.", bench=chosen.name, next_step="bench up")
    if device not in found.devices:
        raise ConfigurationFault(
            f"there is no device '{device}'.",
            bench=chosen.name,
            next_step=f"name one of: {', '.join(found.devices)}.",
        )
    os.environ["PS1"] = f"{device}# "
    os.execvp("nsenter", ["nsenter", *_namespaces(found.devices[device]), *(command or ["/bin/sh"])])


def _namespaces(device: Device) -> list[str]:
    """A device without power or program has but its network."""
    own = ["--mount", "--uts", "--pid", "--target", str(device.pid)] if device.pid is not None else []
    return [f"--net={device.network}", *own, "--"]


def _setting(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key.startswith("virtual."):
        raise ConfigurationFault(
            f"--set {text} is not virtual.KEY=VALUE; all else the harness reads from the bench's file, too.",
            next_step="write a bench file that extends it.",
        )
    return key, value


def _virtual(name: str) -> Bench:
    bench = find_bench(name)
    if bench.inventory.kind != "virtual":
        raise ConfigurationFault("this is no virtual bench.", bench=bench.name, next_step="name a virtual one.")
    return bench


def _all_up() -> list[str]:
    """The benches of this checkout that have a state folder, up or dead."""
    folder = state_folder(inventory_folder() / "any.yaml")
    files = {path.stem for path in inventory_folder().glob("*.yaml")}
    states = sorted(folder.iterdir()) if folder.is_dir() else []
    names = [path.name for path in states if path.name.partition("@")[0] in files]
    return [name for name in names if find_bench(name).inventory.kind == "virtual"]


def _plainly(command: Callable[P, None]) -> Callable[P, None]:
    """A user's mistake or a lab's fault is one sentence on stderr and exit code 2, never a traceback."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BenchError as error:
            print(mask(f"{error.blame}: {error}"), file=sys.stderr)
            raise typer.Exit(EXIT_FAULT) from None

    return wrapped


if __name__ == "__main__":
    _app = typer.Typer(no_args_is_help=True)
    add_to(_app)
    _app()
