"""Where runs are kept, and the recordings in a folder."""

from collections.abc import Iterator
from pathlib import Path

from harness.base.errors import ConfigurationFault
from harness.episodes.manifest import FILE

LATEST = "latest"
RECORDINGS = "recordings"


def runs_folder() -> Path:
    """`runs` of this checkout, else of the working directory."""
    beside = Path(__file__).resolve().parents[2] / "runs"
    return beside if beside.is_dir() else Path.cwd() / "runs"


def recordings_in(folder: Path) -> list[Path]:
    """The folder of every recording in it, or itself; links are not followed. Raises ConfigurationFault for none."""
    found = [folder] if (folder / FILE).exists() else [path.parent for path in sorted(folder.glob(f"**/{FILE}"))]
    if not found:
        raise ConfigurationFault(f"{folder} holds no recording.", next_step="name a recording, a run or runs/.")
    return found


def run_of(recording: Path) -> str:
    """The run that a recording belongs to: what is above `recordings`, else its parent folder."""
    names = recording.resolve().parent.parts
    return names[names.index(RECORDINGS) - 1] if RECORDINGS in names[1:] else names[-1]


def files_in(folder: Path) -> Iterator[Path]:
    """Every file below a folder."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def mebibytes(folder: Path) -> float:
    """How much a folder holds."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / (1 << 20)
