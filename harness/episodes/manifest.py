"""What a recording says of itself: `manifest.json`."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.base.errors import HarnessFault

SCHEMA_VERSION = 2
FILE = "manifest.json"
KEYS = "keys"
"""The folder of TLS session keys, which nobody else is given."""


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


class Loss(Part):
    """Packets that were dropped between two instants (epoch seconds); -1 where nobody knows how many."""

    low: float
    high: float
    packets: int


class CaptureFile(Part):
    """One file of a capture point, relative to the recording's folder; stamps of its first and last packet."""

    name: str
    packets: int
    first: float
    last: float


class Captured(Part):
    """What one capture point left, its files in order.

    `complete`: the packet that marked its end was seen. `losses`: when packets were dropped. `own_clock`:
    stamped by another clock than the harness's. `keys`: file of TLS session keys, if there is one.
    """

    point: str
    files: tuple[CaptureFile, ...]
    packets: int
    dropped: int
    complete: bool
    began: float
    ended: float
    fault: str = ""
    losses: tuple[Loss, ...] = ()
    own_clock: bool = False
    keys: str | None = None


class FaultFound(Part):
    """What ended the episode early."""

    blame: str
    device: str
    message: str
    next_step: str = ""


class Finding(Part):
    """What was not as it is to be before or after an outage.

    `remedy`: what was done about it, `mended`: whether that helped.
    """

    when: Literal["before", "after"]
    blame: str
    device: str
    message: str
    next_step: str = ""
    remedy: str = ""
    mended: bool = False

    @property
    def after(self) -> bool:
        """Whether it was found after the outage."""
        return self.when == "after"

    def __str__(self) -> str:
        done = f" ({self.remedy}: {'mended' if self.mended else 'of no use'})" if self.remedy else ""
        return f"{self.device}: {self.message}{done}" if self.device else f"{self.message}{done}"


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
    """A recording's description of itself; `began` and `ended` in epoch seconds.

    `files`: every file beside it but the log → SHA-256. `live_latency`: by how many real seconds
    the live view of it was behind at the worst. `migrated_from`: the schema version it was written in.
    """

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
    findings: tuple[Finding, ...] = ()
    fault: FaultFound | None
    versions: dict[str, str]
    files: dict[str, str]
    live_latency: float | None = None
    migrated_from: int | None = None

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
            return cls.model_validate(migrated(json.loads(path.read_text()), path))
        except OSError:
            raise HarnessFault(
                f"{folder} holds no recording (no {FILE}).", next_step="look at the run's log in that folder."
            ) from None
        except json.JSONDecodeError as error:
            raise HarnessFault(
                f"{path} is damaged ({error.msg} in line {error.lineno}).", next_step="restore it from a copy."
            ) from None
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
            raise HarnessFault(
                f"{path} does not say what schema version {SCHEMA_VERSION} has to: {fields}.",
                next_step="judge it with the version that recorded it.",
            ) from None


def migrated(raw: Any, path: Path) -> Any:
    """What a manifest of any version says, as of this one. Raises HarnessFault where nobody knows how."""
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if version == SCHEMA_VERSION:
        return raw
    if version == 1:
        return {**_from_1(raw), "migrated_from": 1}
    known = f"this harness reads 1 to {SCHEMA_VERSION}"
    raise HarnessFault(
        f"{path} has schema version {version}, and {known}.", next_step="judge it with the version that recorded it."
    )


def _from_1(raw: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had one file a capture point, its hash beside it, and hashes of nothing else."""
    captures = [dict(entry) for entry in raw.get("captures", ())]
    files = {entry["file"]: entry.pop("sha256") for entry in captures}
    for entry in captures:
        times = {"packets": entry["packets"], "first": entry["began"], "last": entry["ended"]}
        entry["files"] = [{"name": entry.pop("file"), **times}]
    return {**raw, "schema_version": SCHEMA_VERSION, "captures": captures, "files": files}
