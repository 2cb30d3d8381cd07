"""Errors as a taxonomy of blame: who is to look, at which device, and what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class Blame(StrEnum):
    """Whose fault an error is. Only the product can make a test fail."""

    PRODUCT = "product"
    LAB = "lab"
    HARNESS = "harness"
    CONFIGURATION = "configuration"


class BenchError(Exception):
    """An error with blame, device, what was tried and what to do next.

    `message` is one sentence; `device` an inventory name ("sw-home port1") or "" where no device
    is concerned; `bench` is filled in by whoever knows it.
    """

    blame: Blame = Blame.HARNESS

    def __init__(self, message: str, *, device: str = "", next_step: str = "", bench: str = "") -> None:
        super().__init__(message)
        self.message, self.device, self.next_step, self.bench = message, device, next_step, bench

    def __str__(self) -> str:
        where = " ".join(part for part in (self.bench, self.device) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} Next: {self.next_step}" if self.next_step else text


class LabFault(BenchError):
    """A device of the rig does not do its part: a switch, an outlet, a console, a cable."""

    blame = Blame.LAB


class HarnessFault(BenchError):
    """Our own code or host: a capture that lost packets, a full disk, a case that judged nothing."""

    blame = Blame.HARNESS


class ConfigurationFault(BenchError):
    """The user's input: inventory, secrets, options, rights."""

    blame = Blame.CONFIGURATION


@contextmanager
def on_bench(name: str) -> Iterator[None]:
    """Whatever fault is raised meanwhile names the bench `name`, unless it names one already."""
    try:
        yield
    except BenchError as error:
        error.bench = error.bench or name
        raise
