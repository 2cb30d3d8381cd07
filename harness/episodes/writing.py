"""Closing a recording: what an episode leaves in its folder."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.clock import now
from harness.base.errors import HarnessFault
from harness.base.secrets import mask
from harness.base.stimulus import Stimulus
from harness.base.versions import tool_versions
from harness.capture.recorder import Captured as Capture
from harness.episodes.manifest import Captured, Done, Manifest, PutBack

if TYPE_CHECKING:
    from harness.episodes.lab import Lab


def write_recording(lab: "Lab", captures: Iterable[Capture], put_back: PutBack) -> None:
    """Write the manifest of what `lab` recorded into its folder. Raises HarnessFault where it cannot be written."""
    fault = lab.fault.model_copy(update={"message": mask(lab.fault.message)}) if lab.fault else None
    manifest = Manifest(
        bench=lab.bench.name,
        episode=lab.episode,
        began=lab.began,
        ended=now(),
        inventory=lab.inventory.model_dump(mode="json"),
        stimuli=tuple(_done(stimulus) for stimulus in lab.stimuli),
        waits=tuple(lab.waits),
        captures=tuple(_captured(lab.folder, capture) for capture in captures),
        clocks=tuple(lab.clocks),
        put_back=put_back,
        fault=fault,
        versions=tool_versions(),
    )
    try:
        manifest.write(lab.folder)
    except OSError as error:
        raise HarnessFault(
            f"the recording in {lab.folder} cannot be closed ({error.strerror}).",
            next_step="make room on the disk and play the episode again.",
        ) from None


def sha256(path: Path) -> str:
    """The file's hash, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _done(stimulus: Stimulus) -> Done:
    return Done(**asdict(stimulus))


def _captured(folder: Path, capture: Capture) -> Captured:
    return Captured(
        point=capture.point,
        file=str(capture.file.relative_to(folder)),
        packets=capture.packets,
        dropped=capture.dropped,
        complete=capture.marker_seen,
        sha256=sha256(capture.file),
        began=capture.started,
        ended=capture.ended,
    )
