"""Round trip: a run's recordings judged again in another checkout, by a process without any right of root.

    python -m benchmarks.round_trip [RUN]     # default: runs/latest

Clones this checkout's last commit to a temporary folder, copies the recordings there, has pytest judge them with
an empty capability set, and compares every verdict and every measurement with those of the run itself. Then it flips
one byte of one capture file and expects that file to be named. 1 if anything differs.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--")
COMPARED = ("clause", "subjects", "outcome", "blame", "reason", "figures", "notes", "recordings")


def main() -> int:
    """Judge again, compare, flip a byte; say what came out."""
    run = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "runs" / "latest").resolve()
    with tempfile.TemporaryDirectory() as folder:
        checkout, recordings = Path(folder) / "checkout", Path(folder) / "recordings"
        subprocess.run(["git", "-c", "safe.directory=*", "clone", "-q", str(ROOT), str(checkout)], check=True)
        shutil.copytree(run / "recordings", recordings)
        before, again = cases(run), judged(checkout, recordings, Path(folder) / "runs")
        differing = [name for name in before if again.get(name) != before[name]]
        named = flipped_byte_is_named(checkout, recordings, Path(folder) / "damaged")
    print(f"{len(before)} cases judged live and again in another checkout without rights: {len(differing)} differ")
    print("\n".join(differing))
    print(f"a flipped byte in a capture is {'named' if named else 'NOT NAMED'}")
    return int(bool(differing) or not named or not before)


def judged(checkout: Path, recordings: Path, runs: Path) -> dict[str, Any]:
    """The cases as another checkout judges them."""
    replay(checkout, recordings, runs)
    return cases(next(runs.iterdir()))


def replay(checkout: Path, recordings: Path, runs: Path) -> str:
    """What pytest prints."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "failover", "tests/resilience"]
    ended = subprocess.run(
        [*POWERLESS, *words, "--replay", str(recordings), "--runs", str(runs)],
        cwd=checkout, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ended.stdout + ended.stderr


def cases(run: Path) -> dict[str, Any]:
    """Node id → what was judged."""
    found = json.loads((run / "results.json").read_text())["cases"]
    return {case["id"]: {name: case[name] for name in COMPARED} for case in found}


def flipped_byte_is_named(checkout: Path, recordings: Path, runs: Path) -> bool:
    """Whether a capture file with one wrong bit is named, and nothing passes on it."""
    victim = sorted(recordings.glob("home_lost/capture/*.pcapng"))[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    said = replay(checkout, recordings, runs)
    green = [case for case in cases(next(runs.iterdir())).values() if "home_lost" in case["recordings"]]
    return f"{victim.name} is missing or was changed" in said and not green


if __name__ == "__main__":
    sys.exit(main())
