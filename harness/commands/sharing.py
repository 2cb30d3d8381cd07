"""A recording to be given to others: all of it but the TLS session keys."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

from harness.base.errors import ConfigurationFault
from harness.commands.found import files_in
from harness.episodes.manifest import KEYS
from harness.episodes.recording import Recording


def share(recording: Recording, out: Path) -> list[str]:
    """Pack it into `out`, a tar.gz with one folder named like the episode; the files that were left out.

    Raises ConfigurationFault where `out` exists: nothing is ever written over.
    """
    left_out = [path for path in files_in(recording.folder) if is_secret(recording, path)]
    chosen = [path for path in files_in(recording.folder) if path not in left_out]
    try:
        stream = out.open("xb")
    except FileExistsError:
        raise ConfigurationFault(f"{out} is there already.", next_step="name another file, or remove it.") from None
    try:
        with stream, tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for path in chosen:
                name = f"{recording.manifest.episode}/{path.relative_to(recording.folder)}"
                archive.add(path, name, recursive=False, filter=_without_owner)
    except BaseException:
        out.unlink()
        raise
    return [str(path.relative_to(recording.folder)) for path in left_out]


def is_secret(recording: Recording, path: Path) -> bool:
    """Whether it holds TLS session keys: by its folder, or since the manifest says so."""
    name = path.relative_to(recording.folder)
    return name.parts[0] == KEYS or str(name) in set(_keys(recording))


def _keys(recording: Recording) -> Iterator[str]:
    return (capture.keys for capture in recording.manifest.captures if capture.keys is not None)


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Who made it here is nobody's business there."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
