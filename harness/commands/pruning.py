"""Which runs may go: whole runs, never the one that `latest` points to and never one that may still be recorded."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from harness.commands.found import LATEST, files_in, mebibytes

_RUN = re.compile(r"(?P<began>\d{8}-\d{6})-.+")
"""How a run's folder is called: nothing else is ever removed."""
DAY = 86_400.0
BUSY = 600.0
"""Seconds after the last write within which a run may still be going on."""


@dataclass(frozen=True)
class Run:
    """A run's folder; `began` and `written` (its newest file) in epoch seconds; `size`: MiB."""

    folder: Path
    began: float
    written: float
    size: float


@dataclass(frozen=True)
class Pruning:
    """What goes, oldest first, and what would but has to stay, with the reason."""

    goes: tuple[Run, ...]
    stays: tuple[tuple[Run, str], ...]

    @property
    def size(self) -> float:
        """How many MiB go."""
        return sum(run.size for run in self.goes)


def runs_in(folder: Path) -> list[Run]:
    """The runs in a folder, newest first; links and folders that are not called like runs are none."""
    places = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    found = [_run(path) for path in places if _RUN.fullmatch(path.name)]
    return sorted(found, key=lambda run: (run.began, run.folder.name), reverse=True)


def to_prune(folder: Path, now: float, *, keep: int | None = None, older_than: float | None = None) -> Pruning:
    """Of the runs in `folder` all but the newest `keep`, or those that began more than `older_than` days ago."""
    runs = runs_in(folder)
    over = runs[keep:] if keep is not None else [run for run in runs if now - run.began > (older_than or 0) * DAY]
    latest = (folder / LATEST).resolve()
    stays = [
        (run, reason)
        for run in over
        if (reason := "latest points to it" if run.folder.resolve() == latest else _busy(run, now))
    ]
    kept = [run for run, _ in stays]
    return Pruning(tuple(run for run in reversed(over) if run not in kept), tuple(stays))


def remove(run: Run) -> None:
    """Remove its folder with all that is in it."""
    shutil.rmtree(run.folder)


def _busy(run: Run, now: float) -> str:
    return "it was written to within the last ten minutes" if now - run.written < BUSY else ""


def _run(folder: Path) -> Run:
    match = _RUN.fullmatch(folder.name)
    assert match is not None
    written = max((path.lstat().st_mtime for path in files_in(folder)), default=folder.stat().st_mtime)
    try:
        began = time.mktime(time.strptime(match["began"], "%Y%m%d-%H%M%S"))
    except ValueError:
        began = written
    return Run(folder, began, written, mebibytes(folder))
