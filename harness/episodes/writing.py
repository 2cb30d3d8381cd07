"""Closing a recording: what an episode leaves in its folder."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base.clock import now
from harness.base.errors import BenchError, HarnessFault
from harness.base.secrets import mask
from harness.base.stimulus import Stimulus
from harness.base.units import EpochSeconds
from harness.base.versions import tool_versions
from harness.capture.blocks import extent
from harness.capture.decoder import decode
from harness.capture.listing import json_lines
from harness.capture.recorder import Captured as Capture
from harness.capture.topology import topology_of
from harness.episodes.manifest import FILE, KEYS, Captured, CaptureFile, Done, Loss, Manifest, PutBack

if TYPE_CHECKING:
    from harness.episodes.lab import Lab


UNHASHED = ("log.txt", FILE)
"""Written to until after the end by another process; and the manifest itself."""
EVENTS = "events.jsonl"


def write_recording(lab: "Lab", captures: Sequence[Capture], put_back: PutBack) -> None:
    """Write what `lab` recorded into its folder: events, keys, manifest. Raises HarnessFault where that cannot be."""
    ended = now()
    inventory = without_secrets(lab.inventory.model_dump(mode="json"))
    try:
        kept = tuple(_captured(lab, capture) for capture in captures)
        _write_events(lab, kept, ended)
        manifest = Manifest(
            bench=lab.bench.name,
            episode=lab.episode,
            began=lab.began,
            ended=ended,
            inventory=inventory,
            stimuli=tuple(_done(stimulus) for stimulus in lab.stimuli),
            waits=tuple(lab.waits),
            captures=kept,
            clocks=tuple(lab.clocks),
            put_back=put_back,
            findings=tuple(lab.findings),
            fault=lab.fault.model_copy(update={"message": mask(lab.fault.message)}) if lab.fault else None,
            versions=tool_versions(),
            files=hashes(lab.folder),
            live_latency=lab.live.latency,
        )
        manifest.write(lab.folder)
    except OSError as error:
        raise HarnessFault(
            f"the recording in {lab.folder} cannot be closed ({error.strerror}).",
            next_step="make room on the disk and play the episode again.",
        ) from None


def hashes(folder: Path) -> dict[str, str]:
    """Every file of a recording but those of `UNHASHED` → its SHA-256."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in UNHASHED)
    return {str(path.relative_to(folder)): sha256(path) for path in paths if not path.name.startswith(".")}


def sha256(path: Path) -> str:
    """The file's hash, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def without_secrets(entry: Any) -> Any:
    """An inventory's data without a word of where its secrets are kept: a recording is given to others."""
    if isinstance(entry, dict):
        if entry and set(entry) <= {"env", "file", "keyring"}:
            return {"env": "NOT_RECORDED"}
        return {name: without_secrets(value) for name, value in entry.items()}
    return [without_secrets(value) for value in entry] if isinstance(entry, list) else entry


def _done(stimulus: Stimulus) -> Done:
    return Done(**asdict(stimulus))


def _captured(lab: "Lab", capture: Capture) -> Captured:
    return Captured(
        point=capture.point,
        files=tuple(_file(lab.folder, file, capture.started) for file in capture.files),
        packets=capture.packets,
        dropped=capture.dropped,
        complete=capture.marker_seen,
        began=capture.started,
        ended=capture.ended,
        fault=capture.fault,
        losses=tuple(Loss(low=loss.low, high=loss.high, packets=loss.packets) for loss in capture.losses),
        own_clock=capture.own_clock,
        keys=_kept_keys(lab, capture.point),
    )


def _file(folder: Path, file: Path, otherwise: float) -> CaptureFile:
    packets, first, last = extent(file)
    return CaptureFile(
        name=str(file.relative_to(folder)), packets=packets, first=first or otherwise, last=last or otherwise
    )


def _kept_keys(lab: "Lab", point: str) -> str | None:
    """A copy of the TLS keys of a capture point, readable by nobody else; None where there are none."""
    source = lab.inventory.captures[point].keys
    if source is None or not source.exists():
        return None
    copy = lab.folder / KEYS / f"{point}.txt"
    copy.parent.mkdir(mode=0o700, exist_ok=True)
    copy.touch(mode=0o600)
    copy.write_bytes(source.read_bytes())
    return str(copy.relative_to(lab.folder))


def _write_events(lab: "Lab", captures: Sequence[Captured], ended: EpochSeconds) -> None:
    """The decoded events, to be read without tshark. No verdict is computed from them."""
    files = {capture.point: [lab.folder / file.name for file in capture.files] for capture in captures}
    keys = {capture.point: lab.folder / capture.keys for capture in captures if capture.keys}
    strange = [capture.point for capture in captures if capture.own_clock]
    try:
        found = decode(files, topology_of(lab.inventory), ended, strange, keys)
    except BenchError:
        return  # whoever judges the recording will be told the same
    with (lab.folder / EVENTS).open("w") as out:
        out.writelines(line + "\n" for line in json_lines(found))
