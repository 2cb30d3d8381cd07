"""What commands have in common: how a bench is named, and that a mistake or a fault is one sentence, no traceback."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, ParamSpec

import typer
from rich.console import Console

from harness.base.errors import BenchError, HarnessFault
from harness.base.secrets import mask

P = ParamSpec("P")
BenchName = Annotated[str, typer.Option("--bench", envvar="LAB_BENCH", help="Name in lab_inventory, or a YAML file.")]

EXIT_FAULT = 2
UNKNOWN_WIDTH = 160
"""Characters of a line where the output goes into a file or a pipe, and COLUMNS does not tell."""


def console(*, stderr: bool = False) -> Console:
    """What people's tables are printed to."""
    out = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if out.isatty() or "COLUMNS" in os.environ else UNKNOWN_WIDTH)


def plainly(command: Callable[P, None]) -> Callable[P, None]:
    """A user's mistake or a lab's fault is one sentence on stderr and exit code 2, never a traceback.

    Whoever stops reading the output, as `head` does, has seen enough: that is left to the caller.
    """

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BenchError as error:
            raise _ended_by(error) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            fault = HarnessFault(f"{where}{error.strerror}.", next_step="look at that file, its disk and its rights.")
            raise _ended_by(fault) from None

    return wrapped


def _ended_by(error: BenchError) -> typer.Exit:
    print(mask(f"{error.blame}: {error}"), file=sys.stderr)
    return typer.Exit(EXIT_FAULT)
