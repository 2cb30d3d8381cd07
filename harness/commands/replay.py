"""`bench replay`: the timelines of recordings, without a bench."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.found import recordings_in
from harness.commands.plain import console, plainly
from harness.episodes.recording import Recording
from harness.report.case import picture_of
from harness.report.timelines import timelines_of
from harness.report.timelines_text import print_timelines


def add_to(app: typer.Typer) -> None:
    """Add the command to `bench`."""
    app.command()(plainly(replay))


def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A recording, or a run with several.")],
    svg: Annotated[
        Path | None, typer.Option(help="Draw the picture, too; of several recordings each into a file of its own.")
    ] = None,
) -> None:
    """Show the timelines of recordings: registrations, line, power, what was done, calls, media. Needs no bench."""
    found = recordings_in(folder)
    for number, place in enumerate(found):
        recording = Recording.load(place.resolve())
        if number:
            print()
        print_timelines(timelines_of(recording), console())
        if svg is not None:
            out = svg if len(found) == 1 else svg.with_stem(f"{svg.stem}-{place.name}")
            out.write_text(picture_of(recording, f"{recording.manifest.episode}, bench seconds", (), None, ()))
            print(f"\n{out}: the picture of {place.name}")
