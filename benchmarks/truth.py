"""Truth: what the emulated units say they decided over some nights, against what the harness read from the packets.

    python -m benchmarks.truth                # four nights, idle
    python -m benchmarks.truth --busy 2       # the same beside two CPU-bound processes

Plays nights on benches of their own, matches every acceptance, refusal and withdrawal of the units' logs one
to one with the events of the recordings, and appends counts and time errors (real milliseconds) to
results/truth.jsonl. 1 if anything was missed or invented, if there were fewer than 2,000 events, or if on an
idle machine the 99th percentile is above 1 ms.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.results_file import append
from benchmarks.soak import busy
from harness.base.versions import git_commit
from harness.capture.events import Outcome, RegistrationAttempt, SystemNotice
from harness.episodes.recording import Recording
from harness.inventory import Role, find_bench

ROOT = Path(__file__).resolve().parents[1]
BENCH = "virtual@truth"
WITHIN = 0.25
"""Real seconds in which a decision and an event may be the same: far above the error, far below a retry."""
LIMIT_MS = 1.0
LEAST = 2000
INCONCLUSIVE = 11
"""Exit code of a night in which this machine was too late for some window: its recordings are whole all the same."""
KINDS = {
    "accepted": "let in",
    "confirmed": "let in",
    "refused": "refused",
    "withdrawn": "withdrawn",
    "unregistered": "unregistered",
}
OUTCOMES = {
    Outcome.ACCEPTED: "let in",
    Outcome.CONFIRMED: "let in",
    Outcome.REFUSED: "refused",
    Outcome.WITHDRAWN: "withdrawn",
}


@dataclass(frozen=True)
class Fact:
    """One decision: when (epoch seconds), by which system, about whom, what."""

    at: float
    role: Role
    extension: str
    what: str


def main() -> int:
    """Play the nights, compare, append the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=4)
    parser.add_argument("--busy", type=int, default=0, help="CPU-bound processes beside it")
    options = parser.parse_args()
    found = Comparison()
    with busy(options.busy):
        for _ in range(options.nights):
            found.add(one_night())
    result = found.summary()
    append("truth", {"commit": git_commit(), "nights": options.nights, "busy": options.busy, **result})
    print(json.dumps(result, indent=1))
    wrong = bool(result["missed"] or result["invented"]) or result["matched"] < LEAST
    return int(wrong or (not options.busy and result["p99_ms"] > LIMIT_MS))


def one_night() -> "Comparison":
    """A night on a bench of its own, and how its recordings agree with the units' logs."""
    bench = ["--bench", BENCH]
    subprocess.run([sys.executable, "-m", "harness.cli", "up", *bench], cwd=ROOT, check=True)
    try:
        words = [sys.executable, "-m", "pytest", "-q", "-m", "failover", "tests/resilience", *bench]
        judged = subprocess.run(words, cwd=ROOT, check=False)
        if judged.returncode not in (0, INCONCLUSIVE):
            judged.check_returncode()
        logs = find_bench(BENCH).state / "truth"
        decided = [fact for role in Role for fact in decisions(logs / f"{role}.jsonl", role)]
    finally:
        subprocess.run([sys.executable, "-m", "harness.cli", "down", *bench], cwd=ROOT, check=True)
    return compare_all(ROOT / "runs/latest/recordings", decided)


def decisions(log: Path, role: Role) -> Iterable[Fact]:
    """The decisions about registrations that a unit wrote down."""
    for line in log.read_text().splitlines():
        entry: dict[str, Any] = json.loads(line)
        if entry["what"] in KINDS:
            yield Fact(entry["t"], role, entry["extension"], KINDS[entry["what"]])


def readings(recording: Recording) -> Iterable[Fact]:
    """The same facts as the harness read them from the packets.

    Without what a kernel answered, of which no unit knows, and without the refusal to take back what had
    lapsed before, which is no decision about a registration.
    """
    for event in recording.decoded.events:
        if isinstance(event, RegistrationAttempt) and event.outcome in OUTCOMES:
            if event.by_transport or (event.withdrawing and event.outcome is Outcome.REFUSED):
                continue
            yield Fact(event.at, Role(event.role), event.extension, OUTCOMES[event.outcome])
        elif isinstance(event, SystemNotice):
            yield Fact(event.at, Role(event.role), event.extension, "unregistered")


@dataclass
class Comparison:
    """Time errors of what agrees (real milliseconds), and what does not; `lag`: worst of the host, real seconds."""

    errors: list[float] = field(default_factory=list)
    missed: list[Fact] = field(default_factory=list)
    invented: list[Fact] = field(default_factory=list)
    lag: float = 0.0

    def add(self, other: "Comparison") -> None:
        """Take in another one."""
        self.errors += other.errors
        self.missed += other.missed
        self.invented += other.invented
        self.lag = max(self.lag, other.lag)

    def summary(self) -> dict[str, Any]:
        """As figures."""
        errors = sorted(self.errors)
        return {
            "matched": len(errors),
            "missed": [str(fact) for fact in self.missed],
            "invented": [str(fact) for fact in self.invented],
            "median_ms": round(errors[len(errors) // 2], 3),
            "p99_ms": round(errors[int(len(errors) * 0.99)], 3),
            "max_ms": round(errors[-1], 3),
            "worst_lag_ms": round(self.lag * 1000, 1),
        }


def compare_all(folder: Path, decided: list[Fact]) -> Comparison:
    """All recordings of a run against the decisions of its units.

    What was decided while every capture point surely captured must have been read; what was read, also at the edges,
    must have been decided.
    """
    found = Comparison()
    for path in sorted(folder.iterdir()):
        recording = Recording.load(path)
        captures = recording.manifest.captures
        began, ended = max(one.began for one in captures), min(one.ended for one in captures)
        pairs, invented = match(decided, list(readings(recording)))
        errors = [abs(read.at - fact.at) * 1000 for fact, read in pairs if read is not None]
        missed = [fact for fact, read in pairs if read is None and began < fact.at < ended]
        found.add(Comparison(errors, missed, invented, recording.lag_within(None)))
    return found


def match(decided: list[Fact], read: list[Fact]) -> tuple[list[tuple[Fact, Fact | None]], list[Fact]]:
    """Each decision with the nearest event of the same kind that is not taken yet; what is left over."""
    left = list(read)
    pairs: list[tuple[Fact, Fact | None]] = []
    for fact in sorted(decided, key=lambda fact: fact.at):
        same = [other for other in left if _alike(fact, other) and abs(other.at - fact.at) < WITHIN]
        nearest = min(same, key=lambda other: abs(other.at - fact.at), default=None)
        if nearest is not None:
            left.remove(nearest)
        pairs.append((fact, nearest))
    return pairs, left


def _alike(one: Fact, other: Fact) -> bool:
    return (one.role, one.extension, one.what) == (other.role, other.extension, other.what)


if __name__ == "__main__":
    sys.exit(main())
