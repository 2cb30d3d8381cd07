"""For tests of the command line on a bench: an instance of their own, a file that changes it, its own processes."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest

from harness.inventory import Bench, find_bench
from harness.journal.record import Journal
from virtual_bench.kind import VirtualBench, links, running
from virtual_bench.state import with_overrides

REPOSITORY = Path(__file__).resolve().parents[2]
BENCH = "virtual"
VIRTUAL = REPOSITORY / "lab_inventory" / f"{BENCH}.yaml"


@dataclass(frozen=True)
class Ended:
    """How a command line ended: exit code, real seconds, all that was printed."""

    code: int
    seconds: float
    printed: str

    @property
    def faults(self) -> list[str]:
        """The lines that name a fault."""
        return faults_in(self.printed)


def faults_in(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if " Next: " in line]


@dataclass(frozen=True)
class BenchRig:
    """The bench of a module and a folder of the test's own."""

    bench: Bench
    folder: Path

    def variant(self, text: str) -> str:
        """The name of the same instance, by a file that changes it by `text`."""
        path = self.folder / "virtual.yaml"
        path.write_text(f"extends: {VIRTUAL}\n{text}\n")
        return f"{path}@{self.bench.name.partition('@')[2]}"

    @property
    def environment(self) -> dict[str, str]:
        """That of a command line which is to find the bench, and the tests' own episodes the project."""
        return os.environ | {"LAB_STATE": str(self.bench.state.parent), "PYTHONPATH": str(REPOSITORY)}

    def ended(self, words: Sequence[object], within: float = 60) -> Ended:
        """Run a command line from the repository."""
        began = time.monotonic()
        process = subprocess.run(
            [str(word) for word in words], cwd=REPOSITORY, capture_output=True, text=True, timeout=within, check=False,
            env=self.environment,
        )  # fmt: skip
        return Ended(process.returncode, time.monotonic() - began, process.stdout + process.stderr)

    def everything_of(self, device: str) -> list[psutil.Process]:
        """All processes of a device, the first one first."""
        found = running(self.bench)
        assert found is not None
        first = psutil.Process(found.devices[device].pid)
        return [first, *first.children(recursive=True)]

    def is_as_before(self) -> bool:
        """All links up, all outlets on, nothing open in the journal."""
        found = running(self.bench)
        assert found is not None
        on = all(device.power for device in found.devices.values())
        return on and all(links(self.bench).values()) and not Journal(self.bench.state / "journal").open_changes


@contextmanager
def brought_up(
    tag: str,
    factory: pytest.TempPathFactory,
    overrides: Mapping[str, str] = MappingProxyType({}),
    file: Path | None = None,
) -> Iterator[Bench]:
    """An instance of the virtual bench, or of another file, whose state is below a folder of the tests' own.

    `overrides`: values by dotted key, as `bench up --set` takes them.
    """
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_STATE", str(factory.mktemp("state")))
        found = with_overrides(find_bench(f"{file or BENCH}@{tag}"), overrides)
    VirtualBench().up(found)
    try:
        yield found
    finally:
        VirtualBench().down(found)


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    """They hang, with all that they have open; those that still live go on afterwards."""
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.resume()
