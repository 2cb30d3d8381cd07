"""How long a night takes: against what its clauses demand, and on several benches against one.

    python -m benchmarks.night_length [--bench virtual] [--instances 1 4] [--runs DIR]

Each night is a line in results/night_length.jsonl. `bench_seconds` is the sum over the episodes; `least` the bound of
`bench plan`, `ratio` how many times that; `real_seconds` from the first episode's beginning to the last one's end.
Later nights say by how much they were `faster` than the first, and which cases `differ` in their outcome; 1 if any do.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.benches import existing
from benchmarks.results_file import append, code_state
from harness.episodes.episode import find_episode
from harness.episodes.manifest import Manifest
from harness.inventory import find_bench

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Play a night for each count of instances."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=existing, default="virtual")
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--runs", type=Path, help="keep the runs there")
    options = parser.parse_args()
    code = code_state()
    nights: list[tuple[dict[str, Any], dict[str, str]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for count in options.instances:
            row, outcomes = night(options.bench, count, options.runs or Path(folder))
            if nights:
                row |= compared(row, outcomes, *nights[0])
            nights.append((row, outcomes))
            append("night_length", row, code)
            print(json.dumps(row), flush=True)
    later = [row for row, _ in nights[1:]]
    for row in later:
        differ = row["differ"]
        print(f"{row['instances']} benches: {row['faster']:.2f} x as fast; {len(differ)} cases differ {differ or ''}")
    return int(any(row["differ"] for row in later))


def compared(
    row: dict[str, Any], outcomes: dict[str, str], first: dict[str, Any], expected: dict[str, str]
) -> dict[str, Any]:
    """How many times faster than the first night, and the cases that came out otherwise or are in one night only."""
    cases = sorted(outcomes.keys() | expected.keys())
    return {
        "faster": round(first["real_seconds"] / row["real_seconds"], 2),
        "differ": [case for case in cases if outcomes.get(case) != expected.get(case)],
    }


def night(bench: str, count: int, runs: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Its figures, and the outcome of each case."""
    folder = runs / f"{bench}x{count}"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "failover", "tests/resilience", "--bench", f"{bench}*{count}",
         "--runs", str(folder)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    run = json.loads((folder / "latest" / "results.json").read_text())
    manifests = [Manifest.read(path) for path in (folder / "latest" / "recordings").iterdir()]
    inventory = find_bench(bench).inventory
    least = sum(find_episode(manifest.episode).least(inventory) for manifest in manifests)
    lasted = sum(manifest.ended - manifest.began for manifest in manifests) * inventory.settings.time_scale
    row = {
        "bench": bench,
        "instances": count,
        "episodes": len(manifests),
        "counts": run["counts"],
        "least": round(least),
        "bench_seconds": round(lasted),
        "ratio": round(lasted / least, 3),
        "real_seconds": round(max(each.ended for each in manifests) - min(each.began for each in manifests), 1),
    }
    return row, {case["id"]: case["outcome"] for case in run["cases"]}


if __name__ == "__main__":
    sys.exit(main())
