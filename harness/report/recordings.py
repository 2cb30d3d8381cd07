"""What recordings say of themselves, as facts: what is listed of each, and what is told of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.base.errors import BenchError
from harness.base.units import TimeScale
from harness.capture.host import ClockStep, Sample, clock_steps, samples
from harness.episodes.manifest import Manifest
from harness.episodes.recording import Recording
from harness.episodes.writing import sha256


class State(StrEnum):
    """A file of a recording, held against its hash."""

    SAME = "as recorded"
    CHANGED = "CHANGED"
    MISSING = "missing"


@dataclass(frozen=True)
class Listed:
    """A line of the list; `problem` is why nothing more is known of it. `size`: MiB. `drops`: -1 if not known."""

    folder: Path
    size: float
    problem: str = ""
    manifest: Manifest | None = None

    @classmethod
    def of(cls, folder: Path, size: float) -> "Listed":
        """The recording in `folder`."""
        try:
            return cls(folder, size, manifest=Manifest.read(folder))
        except BenchError as error:
            return cls(folder, size, error.message.replace(f"{folder}/", ""))

    @property
    def packets(self) -> int:
        """Of all capture points."""
        return sum(capture.packets for capture in self.manifest.captures) if self.manifest else 0

    @property
    def drops(self) -> int:
        """Of all capture points; -1 where nobody knows for one of them."""
        counts = [capture.dropped for capture in self.manifest.captures] if self.manifest else []
        return -1 if any(count < 0 for count in counts) else sum(counts)


@dataclass(frozen=True)
class Told:
    """One recording in full. `host`: readings of its machine; `damages`: why evidence is not to be relied on."""

    manifest: Manifest
    files: Mapping[str, State]
    host: tuple[Sample, ...]
    steps: tuple[ClockStep, ...]
    damages: tuple[str, ...]
    scale: TimeScale

    @classmethod
    def of(cls, folder: Path) -> "Told":
        """The recording in `folder`. Raises HarnessFault where its manifest cannot be read."""
        manifest = Manifest.read(folder)
        read = samples(folder)
        factor = manifest.inventory.get("settings", {}).get("time_scale", 1)
        files = {name: _state(folder / name, known) for name, known in manifest.files.items()}
        return cls(manifest, files, read, clock_steps(read), _damages(folder, manifest), TimeScale(float(factor)))

    def bench(self, epoch: float) -> float:
        """An epoch second as a bench second of the recording."""
        return self.scale.to_bench(epoch - self.manifest.began)


def written_in(manifest: Manifest) -> str:
    """The schema version that it was written in."""
    before = manifest.migrated_from
    return str(manifest.schema_version) if before is None else f"{before}, read as {manifest.schema_version}"


def _state(path: Path, known: str) -> State:
    if not path.exists():
        return State.MISSING
    return State.SAME if sha256(path) == known else State.CHANGED


def _damages(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    try:
        return Recording(folder, manifest).damage
    except BenchError as error:
        return (f"it cannot be decoded: {error}",)
