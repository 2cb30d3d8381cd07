"""For tests: frames at capture points of the virtual bench, decoded by the real tshark."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from harness.base.units import EpochSeconds
from harness.capture.decoder import Decoded, decode
from harness.capture.events import Event, RegistrationAttempt
from harness.capture.topology import topology_of
from harness.inventory import Inventory, find_bench
from tests.harness.wire import Timed, write

E = TypeVar("E", bound=Event)

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
T0 = 1_700_000_000.0


@cache
def inventory() -> Inventory:
    """That of the virtual bench: 30 bench seconds in a real one, a capture point per site."""
    return find_bench("virtual").inventory


def decoded(folder: Path, ended: float = T0 + 100, **points: Sequence[Timed]) -> Decoded:
    """What these frames at these capture points say; times are real seconds after T0."""
    files = {
        point: [write(folder / f"{point}.pcapng", [(T0 + at, frame) for at, frame in frames])]
        for point, frames in points.items()
    }
    return decode(files, topology_of(inventory()), EpochSeconds(ended))


def only(found: Decoded, kind: type[E]) -> list[E]:
    """The events of one kind."""
    return [event for event in found.events if isinstance(event, kind)]


def attempts(found: Decoded) -> list[RegistrationAttempt]:
    """The registration attempts."""
    return only(found, RegistrationAttempt)
