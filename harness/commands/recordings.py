"""`bench recordings`: list them, show one, remove old runs, pack one for others. Needs no bench."""

import time
from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import ConfigurationFault
from harness.commands.found import LATEST, mebibytes, recordings_in, run_of, runs_folder
from harness.commands.plain import console, plainly
from harness.commands.pruning import Pruning, remove, to_prune
from harness.commands.sharing import share as pack
from harness.episodes.recording import Recording
from harness.report.recording_text import print_told
from harness.report.recordings import Listed, Told
from harness.report.recordings_text import print_list

Recorded = Annotated[Path, typer.Argument(metavar="RECORDING", help="The folder of one recording.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `bench`."""
    own = typer.Typer(no_args_is_help=True, help="Recordings: list, show, prune, share.")
    own.command("list")(plainly(list_))
    own.command()(plainly(show))
    own.command()(plainly(prune))
    own.command()(plainly(share))
    app.add_typer(own, name="recordings")


def list_(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Default: runs/ of this checkout.")] = None,
) -> None:
    """List recordings by run: when, how long, how big, what was lost, how the lab was left."""
    place = folder or runs_folder()
    runs: dict[str, list[Listed]] = {}
    for found in recordings_in(place.resolve()):
        runs.setdefault(run_of(found), []).append(Listed.of(found, mebibytes(found)))
    link = runs_folder() / LATEST if folder is None else folder / LATEST
    print_list(runs, link.resolve().name if link.is_symlink() else "", console())


def show(recording: Recorded) -> None:
    """Show what a recording says of itself, its files held against their hashes."""
    print_told(Told.of(recording.resolve()), console())


def prune(
    keep: Annotated[int | None, typer.Option(min=0, help="How many of the newest runs stay.")] = None,
    older_than: Annotated[float | None, typer.Option(min=0, metavar="DAYS", help="Runs older than that go.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    runs: Annotated[Path | None, typer.Option(help="Default: runs/ of this checkout.")] = None,
) -> None:
    """Remove whole runs, never the latest; say which and how many MiB that is."""
    if (keep is None) == (older_than is None):
        raise ConfigurationFault(
            "prune needs to know which runs go.", next_step="give either --keep N or --older-than DAYS."
        )
    folder = runs or runs_folder()
    if not folder.is_dir():
        raise ConfigurationFault(f"there is no folder {folder}.", next_step="name the folder of the runs.")
    found = to_prune(folder, time.time(), keep=keep, older_than=older_than)
    for line in _told(found, dry_run=dry_run):
        print(line)


def share(
    recording: Recorded,
    out: Annotated[Path, typer.Option(help="The .tar.gz to be made; never one that is there already.")],
) -> None:
    """Pack a recording for others, without its TLS keys."""
    left_out = pack(Recording.load(recording.resolve()), out)
    print(f"{out}: {out.stat().st_size / (1 << 20):.1f} MiB")
    print(f"left out: {', '.join(left_out)}" if left_out else "left out: nothing, it has no keys")


def _told(found: Pruning, *, dry_run: bool) -> list[str]:
    """What goes, as it goes."""
    lines = []
    for run in found.goes:
        if not dry_run:
            remove(run)
        lines.append(f"{'would remove' if dry_run else 'removed'} {run.folder}: {run.size:.1f} MiB")
    lines += [f"kept {run.folder}: {reason}" for run, reason in found.stays]
    total = f"{len(found.goes)} run{'' if len(found.goes) == 1 else 's'}, {found.size:.1f} MiB"
    return [*lines, f"{'would remove' if dry_run else 'removed'} {total}"]
