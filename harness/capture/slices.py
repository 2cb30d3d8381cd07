"""A short piece of a capture, to be attached to a report."""

import math
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from harness.base.errors import ConfigurationFault, HarnessFault
from harness.base.units import EpochSeconds

_WITHIN = 60.0


def slice_capture(file: Path, begin: EpochSeconds, end: EpochSeconds, out: Path, limit_bytes: int = 200_000) -> int:
    """Write what `file` has from `begin` to `end` to `out`, at most `limit_bytes`; how many bytes that is.

    Where there are more, the window is narrowed around its middle. Raises HarnessFault where editcap
    fails, ConfigurationFault where it is not installed.
    """
    if shutil.which("editcap") is None:
        raise ConfigurationFault("editcap is not installed.", next_step="apt-get install wireshark-common")
    middle, half = (begin + end) / 2, (end - begin) / 2
    size = _cut(file, middle - half, middle + half, out)
    while size > limit_bytes and half > 1e-3:
        half *= max(0.1, min(0.9, limit_bytes / size))
        size = _cut(file, middle - half, middle + half, out)
    if size > limit_bytes:
        out.unlink()
        raise HarnessFault(f"a slice of {file} of {limit_bytes} bytes holds no packet.", next_step="raise the limit.")
    return size


def _cut(file: Path, begin: float, end: float, out: Path) -> int:
    words = ["editcap", "-A", _stamp(begin), "-B", _stamp(end), str(file), str(out)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_WITHIN, check=False)
    except subprocess.TimeoutExpired:
        raise HarnessFault(f"editcap took too long over {file}.", next_step="cut a shorter window.") from None
    if done.returncode:
        raise HarnessFault(
            f"{file} cannot be cut: {done.stderr.strip()}.", next_step=f"look at it with `capinfos {file}`."
        )
    return out.stat().st_size


def _stamp(at: float) -> str:
    """ISO 8601 in UTC with microseconds, which editcap reads since 3.6."""
    return (
        datetime.fromtimestamp(math.floor(at * 1e6) / 1e6, UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )
