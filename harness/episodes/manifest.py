"""What a recording says of itself: `manifest.json`."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.base.errors import HarnessFault

SCHEMA_VERSION = 1
FILE = "manifest.json"


class Part(BaseModel):
    """Common to all parts of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Done(Part):
    """A stimulus: epoch seconds."""

    verb: str
    target: str
    not_before: float
    not_after: float
    note: str = ""


class Waited(Part):
    """One wait of the episode: what for, from when to when (epoch seconds), and whether it happened."""

    what: str
    began: float
    ended: float
    happened: bool


class Captured(Part):
    """One capture file, relative to the recording's folder, with its SHA-256 and drop counter."""

    point: str
    file: str
    packets: int
    dropped: int
    complete: bool
    sha256: str
    began: float
    ended: float


class FaultFound(Part):
    """What ended the episode early."""

    blame: str
    device: str
    message: str
    next_step: str = ""


class PutBack(Part):
    """How the lab was left: what was still changed at the end and put back, and what could not be."""

    clean: bool
    restored: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


class Clocks(Part):
    """A pair of readings of the harness host's clocks."""

    realtime: float
    monotonic: float


class Manifest(Part):
    """A recording's description of itself; `began` and `ended` in epoch seconds."""

    schema_version: int = SCHEMA_VERSION
    bench: str
    episode: str
    began: float
    ended: float
    inventory: dict[str, Any]
    stimuli: tuple[Done, ...]
    waits: tuple[Waited, ...]
    captures: tuple[Captured, ...]
    clocks: tuple[Clocks, ...]
    put_back: PutBack
    fault: FaultFound | None
    versions: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write it into `folder`; whole or not at all."""
        temporary = folder / f".{FILE}"
        temporary.write_text(self.model_dump_json(indent=1))
        temporary.rename(folder / FILE)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of the recording in `folder`. Raises HarnessFault where it cannot be used."""
        path = folder / FILE
        try:
            manifest = cls.model_validate_json(path.read_text())
        except OSError:
            raise HarnessFault(
                f"{folder} holds no recording (no {FILE}).", next_step="look at the run's log in that folder."
            ) from None
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
            raise HarnessFault(
                f"{path} is damaged or of another version (this one reads {SCHEMA_VERSION}): {fields}.",
                next_step="judge it with the version that recorded it.",
            ) from None
        if manifest.schema_version != SCHEMA_VERSION:
            raise HarnessFault(
                f"{path} has schema version {manifest.schema_version}; this one reads {SCHEMA_VERSION}.",
                next_step="judge it with the version that recorded it.",
            )
        return manifest
