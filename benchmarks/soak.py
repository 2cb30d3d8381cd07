"""Nights on a conforming bench: every red is a false one. Resumable; each night is a line in results/soak.jsonl, and
counts for the code it was played with.

    python -m benchmarks.soak --nights 20

Nights take turns over the benches (opening at 180 s and at 185 s, failback polled and pushed); every
second one runs beside two CPU-bound processes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.results_file import append, code_state, rows

ROOT = Path(__file__).resolve().parents[1]
BENCHES = ("virtual", "virtual-late", "virtual-pushed")
NAME = "soak"


def main() -> int:
    """Run the nights that are still missing; 1 if any night of the file was red."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=20)
    parser.add_argument("--instances", type=int, default=1, help="benches side by side within a night")
    options = parser.parse_args()
    code = code_state()
    for number in range(len(rows(NAME, code)), options.nights):
        # Two nights a bench in a row: one idle, one loaded.
        bench, loaded = BENCHES[number // 2 % len(BENCHES)], number % 2 == 1
        result = {"night": number, **night(bench, loaded=loaded, instances=options.instances)}
        append(NAME, result, code)
        print(json.dumps(result), flush=True)
    return report(rows(NAME, code))


def night(bench: str, *, loaded: bool, instances: int) -> dict[str, Any]:
    """One night in a fresh bench; what came out of it."""
    name = bench if instances == 1 else f"{bench}*{instances}"
    began = time.monotonic()
    with busy(2 if loaded else 0):
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "failover", "tests/resilience", "--bench", name],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    seconds = round(time.monotonic() - began, 1)
    subprocess.run([sys.executable, "-m", "harness.cli", "down", "--bench", bench], cwd=ROOT, check=False)
    run = json.loads((ROOT / "runs/latest/results.json").read_text())
    unusual = [
        f"{case['id'].rpartition('::')[2]}: {case['outcome']}: {case['reason']}"
        for case in run["cases"]
        if case["outcome"] not in ("passed", "skipped")
    ]
    return {
        "bench": name, "loaded": loaded, "exit": ended.returncode, "seconds": seconds,
        "cases": len(run["cases"]), "counts": run["counts"], "clean": run["lab_clean"], "unusual": unusual,
    }  # fmt: skip


@contextmanager
def busy(count: int) -> Iterator[None]:
    """`count` processes that do nothing but use the CPU, for the time of the block."""
    processes = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=os.setsid) for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def report(nights: list[dict[str, Any]]) -> int:
    """Print the sum of all nights; 1 if there was a false red."""
    cases = sum(night["cases"] for night in nights)
    passed, red, inconclusive, skipped = (
        sum(night["counts"].get(outcome, 0) for night in nights)
        for outcome in ("passed", "failed", "inconclusive", "skipped")
    )
    print(
        f"{len(nights)} nights ({sum(night['loaded'] for night in nights)} loaded), {cases} cases: {passed} passed, "
        f"{skipped} skipped, {red} false reds, {inconclusive} inconclusive ({inconclusive / max(cases, 1):.2%}), "
        f"{cases - passed - skipped - red - inconclusive} others"
    )
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
