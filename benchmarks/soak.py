"""Nights on a conforming bench: every red is a false one. Resumable; each night is a line in results/soak.jsonl, and
counts for the code it was played with.

    python -m benchmarks.soak --nights 20

Nights take turns over every virtual bench, so that what one cannot judge another does. Half of them run beside two
CPU-bound processes: every second bench, and in the next turn the others. The sum says which clauses were judged.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.benches import in_turn, places
from benchmarks.results_file import append, code_state, rows
from harness.spec import Outcome, clauses

ROOT = Path(__file__).resolve().parents[1]
NAME = "soak"


def main() -> int:
    """Run the nights that are still missing; 1 if any night of the file was red."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=20)
    parser.add_argument(
        "--instances", type=int, default=1, help="benches side by side within a night; large ones half of it"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time; the nights that were played are kept"))
    code, benches = code_state(), in_turn()
    for number in range(len(rows(NAME, code)), options.nights):
        bench, loaded = turn(number, benches)
        instances = max(1, options.instances // places(bench))
        result = {"night": number, **night(bench, loaded=loaded, instances=instances)}
        append(NAME, result, code)
        print(json.dumps(result), flush=True)
    return report(rows(NAME, code))


def turn(number: int, benches: Sequence[str]) -> tuple[str, bool]:
    """On which bench a night is played, and whether beside other work; the second turn has that the other way round."""
    round_, place = divmod(number, len(benches))
    return benches[place], (round_ + place) % 2 == 1


def night(bench: str, *, loaded: bool, instances: int) -> dict[str, Any]:
    """One night in a fresh bench; what came out of it."""
    name = bench if instances == 1 else f"{bench}*{instances}"
    latest = ROOT / "runs" / "latest"
    before, began = latest.resolve(), time.monotonic()
    try:
        with busy(2 if loaded else 0):
            code = played([sys.executable, "-m", "pytest", "-q", "-m", "failover", "tests/resilience", "--bench", name])
        seconds = round(time.monotonic() - began, 1)
    finally:
        subprocess.run([sys.executable, "-m", "harness.cli", "down", "--bench", bench], cwd=ROOT, check=False)
    if latest.resolve() == before:
        raise RuntimeError(f"the night on {name} left no run behind: pytest ended with {code}")
    run = json.loads((latest / "results.json").read_text())
    unusual = [
        f"{case['id'].rpartition('::')[2]}: {case['outcome']}: {case['reason']}"
        for case in run["cases"]
        if case["outcome"] not in ("passed", "skipped")
    ]
    judged = {case["clause"] for case in run["cases"] if case["clause"] and case["outcome"] == Outcome.PASS}
    return {
        "bench": name, "loaded": loaded, "exit": code, "seconds": seconds,
        "cases": len(run["cases"]), "counts": run["counts"], "clean": run["lab_clean"], "unusual": unusual,
        "judged": sorted(judged),
    }  # fmt: skip


def played(words: list[str]) -> int:
    """The exit code of a run. It puts its lab back before this ends, whatever ends this."""
    run = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return run.wait()
    except SystemExit:
        run.terminate()  # a terminal's ^C reaches it by itself
        raise
    finally:
        run.wait()


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
    """Print the sum of all nights, and how many clauses passed in any; 1 if there was a false red."""
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
    judged = {clause for night in nights for clause in night["judged"]}
    missing = [clause for clause in clauses() if clause not in judged]
    print(f"{len(judged)} of {len(clauses())} clauses judged{': not ' if missing else ''}{', '.join(missing)}")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
