"""What is to be shown of captures: single files of which nothing else is known, or those of a recording."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.base.errors import ConfigurationFault
from harness.base.units import EpochSeconds, TimeScale
from harness.capture.blocks import Scanner, extent
from harness.capture.decoder import Decoded, decode
from harness.capture.topology import Topology, open_topology, topology_of
from harness.episodes.manifest import FILE
from harness.episodes.recording import Recording
from harness.inventory import Inventory

_RING = re.compile(r"(?P<point>.+)_(?P<number>\d{5})(_\d{14})?")
"""Names of ring files: ours, and those of a dumpcap that makes them itself."""
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Captures:
    """Capture files by point, and how they are to be read.

    `counts`: file → packets. `zero` and `ended`: epoch seconds that are shown as 0, and at which nobody watched
    any more; `scale`: seconds that are shown per real second, called `unit`. `own_clocks` and `keys` as for `decode`.
    """

    files: Mapping[str, Sequence[Path]]
    counts: Mapping[Path, int]
    zero: EpochSeconds
    ended: EpochSeconds
    inventory: Inventory | None = None
    scale: TimeScale = field(default_factory=TimeScale)
    unit: str = "seconds since the first packet"
    own_clocks: tuple[str, ...] = ()
    keys: Mapping[str, Path] = field(default_factory=dict)
    recording: Recording | None = None

    def topology(self) -> Topology:
        """A new one: what is learned in one reading is not known to the next."""
        return open_topology() if self.inventory is None else topology_of(self.inventory)

    def decoded(self) -> Decoded:
        """All that they say. Raises as `decode`."""
        if self.recording is not None:
            return self.recording.decoded
        return decode(self.files, self.topology(), self.ended, self.own_clocks, self.keys)

    def shown(self, at: float) -> float:
        """An instant (epoch seconds) in the seconds that are shown."""
        return self.scale.to_bench(at - self.zero)

    def epoch(self, shown: float) -> float:
        """The instant that is shown so, epoch seconds."""
        return self.zero + self.scale.to_real(shown)


def captures_of(paths: Sequence[Path], inventory: Inventory | None = None, keys: Path | None = None) -> Captures:
    """Those in these files, or of the recording in the one folder that is named.

    Raises ConfigurationFault where they are no captures, HarnessFault for a recording that is not in order.
    """
    folders = [path for path in paths if path.is_dir()]
    if not folders:
        return _of_files(paths, inventory, keys)
    if len(paths) > 1 or inventory is not None or keys is not None:
        raise ConfigurationFault(
            f"{folders[0]} is a folder, and a recording tells its files, bench and keys itself.",
            next_step="name capture files, or one recording and neither bench nor keys.",
        )
    return _of_recording(folders[0])


def points_of(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Capture point → its files: ring files of one folder and name together in their order, others by themselves."""
    found: dict[tuple[Path, str], list[Path]] = {}
    for path in sorted(dict.fromkeys(files), key=lambda path: path.stem):
        ring = _RING.fullmatch(path.stem)
        found.setdefault((path.parent, ring["point"] if ring else path.stem), []).append(path)
    names = [name for _, name in found]
    return {
        name if names.count(name) == 1 else str(folder / name): paths for (folder, name), paths in sorted(found.items())
    }


def _of_files(paths: Sequence[Path], inventory: Inventory | None, keys: Path | None) -> Captures:
    for path in paths:
        _need_capture(path)
    if keys is not None and not keys.is_file():
        raise ConfigurationFault(f"there is no key log {keys}.", next_step="name a file in NSS key log format.")
    extents = {path: extent(path) for path in paths}
    filled = [found for found in extents.values() if found[0]]
    points = points_of(paths)
    return Captures(
        points,
        {path: found[0] for path, found in extents.items()},
        EpochSeconds(min((first for _, first, _ in filled), default=0.0)),
        EpochSeconds(max((last for _, _, last in filled), default=0.0)),
        inventory,
        keys={} if keys is None else dict.fromkeys(points, keys),
    )


def _of_recording(folder: Path) -> Captures:
    if not (folder / FILE).exists():
        inside = sorted(found.parent for found in folder.glob(f"**/{FILE}"))
        step = f"name one of: {', '.join(map(str, inside))}." if inside else "name its capture files."
        raise ConfigurationFault(f"{folder} is not a recording.", next_step=step)
    recording = Recording.load(folder.resolve())
    manifest, place = recording.manifest, recording.folder
    files = {one.point: recording.files_of(one) for one in manifest.captures}
    kept = {path for paths in files.values() for path in paths}
    counts = {place / file.name: file.packets for one in manifest.captures for file in one.files}
    return Captures(
        files,
        {path: count for path, count in counts.items() if path in kept},
        EpochSeconds(manifest.began),
        EpochSeconds(manifest.ended),
        recording.inventory,
        recording.inventory.settings.scale,
        "bench seconds since the recording began",
        tuple(one.point for one in manifest.captures if one.own_clock),
        recording.keys,
        recording,
    )


def _need_capture(path: Path) -> None:
    """Raises ConfigurationFault where the file does not begin like a capture."""
    if not path.exists():
        raise ConfigurationFault(f"there is no file {path}.", next_step="name a pcap or pcapng file, or a recording.")
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
        stream.seek(0)
        scanner = Scanner(stream)
        try:
            begins = next(scanner.batches(), None) is not None
        except ValueError:
            begins = False
    if not begins:
        step = "unpack it with gunzip." if packed else "name a pcap or pcapng file, or a recording."
        raise ConfigurationFault(f"{path} is no capture.", next_step=step)
