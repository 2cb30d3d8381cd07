"""The matrix of defects and clauses: each defect must turn the tests of its clauses red, and no others.

    python -m benchmarks.defects                  # every defect that has no row yet for this state of the code
    python -m benchmarks.defects --only NAME …    # these, again if need be: the last row counts
    python -m benchmarks.defects --publish        # only write docs/defects.md from the rows there are

Each defect plays the episodes from which its clauses are judged, and `home_lost`, on a bench of its own, several
side by side. Rows are appended to results/defects.jsonl; a row counts for the code it was made with (`code`: the git
trees of what is tested). 1 if any defect was not as it must be.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Semaphore
from typing import Any

from benchmarks.benches import AT_ONCE, places
from benchmarks.results_file import append, code_state, rows
from harness.spec import clauses
from harness.spec.clauses import presupposed
from virtual_bench.defects import DEFECTS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "defects.md"
FIRST = "test_failover.py"
"""Its tests begin with those of `home_lost`."""
SIGNS = {"failed": "red", "passed": "✓", "not judged": "grey", "skipped": "–"}
LEGEND = """\
- **red**: a test of a clause that the defect names failed. Those clauses are bold, and must be red.
- red (case): a test failed whose cases are those of a clause that the defect names: what is wrong for a telephone is
  wrong by the clause of its family, too.
- red: a test failed that should not have.
- grey: not judged. A clause that it presupposes did not hold, or one that it needs as a control: without that its
  occasions cannot be told from others (`after` and `control` in `harness/spec/clauses.yaml`).
- ✓: passed, in all cases that could be judged.
- –: its bench cannot judge that; empty: not played. A defect plays the episodes of its clauses, and `home_lost`.
- Any other word is the outcome of that name, and should not be there."""


def main() -> int:
    """Play what has no row yet, and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="benches side by side; large ones count as two")
    options = parser.parse_args()
    covered = coverage()
    names = options.only or sorted({defect for clause in covered.values() for defect in clause["defects"]})
    code = code_state()
    there = {row["defect"]: row for row in rows("defects", code)}
    wanted = [] if options.publish else options.only or [name for name in names if name not in there]
    for row in play(wanted, covered, options.at_once):
        if row["outcomes"]:
            append("defects", row, code)
            there[row["defect"]] = row
        print(f"{row['defect']}: {'; '.join(departures(row)) or 'as it must be'}", flush=True)
    found = [there[name] for name in names if name in there]
    publish(list(there.values()), code)
    right = sum(not departures(row) for row in found)
    print(f"{right} of {len(names)} defects turn their clauses red and no others")
    return int(right != len(names))


def coverage() -> dict[str, dict[str, Any]]:
    """Clause → what `bench clauses --json` says of it."""
    told = subprocess.run(
        [sys.executable, "-m", "harness.cli", "clauses", "--json", "--bench", "virtual"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {entry["id"]: entry for entry in json.loads(told.stdout)}


def play(names: Iterable[str], covered: dict[str, dict[str, Any]], at_once: int = AT_ONCE) -> Iterable[dict[str, Any]]:
    """A row for each of these defects, in their order."""
    room, entrance = Semaphore(at_once), Lock()

    def played(name: str) -> dict[str, Any]:
        needed = places(DEFECTS[name].bench)
        with entrance:  # one at a time, or each might hold what another one waits for
            for _ in range(needed):
                room.acquire()
        try:
            return night(name, covered)
        finally:
            room.release(needed)

    with ThreadPoolExecutor(max_workers=at_once) as pool:
        yield from pool.map(played, names)


def night(defect: str, covered: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Its row: clause → the outcomes of its cases."""
    violated = sorted(name for name, clause in covered.items() if defect in clause["defects"])
    episodes = {"home_lost", *(fixture_of(name) for clause in violated for name in covered[clause]["episodes"])}
    with tempfile.TemporaryDirectory() as folder:
        # `home_lost` first: what a defect leaves behind of another episode must not be taken for one of that.
        specification = ROOT / "tests" / "resilience"
        files = [str(path) for path in sorted(specification.glob("test_*.py"), key=lambda path: path.name != FIRST)]
        words = ["-m", "pytest", "-q", "-m", "failover", *files, "--defect", defect]
        # The instance is named after the defect.
        words += ["--bench", DEFECTS[defect].bench, "--episodes", ",".join(sorted(episodes)), "--runs", folder]
        ended = subprocess.run(
            [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ
        )
        results = Path(folder) / "latest" / "results.json"
        if not results.exists():
            return {
                "defect": defect,
                "violates": violated,
                "outcomes": {},
                "said": (ended.stdout + ended.stderr)[-2000:],
            }
        outcomes: dict[str, set[str]] = {}
        for case in json.loads(results.read_text())["cases"]:
            outcomes.setdefault(case["clause"] or "", set()).add(case["outcome"])
    return {
        "defect": defect,
        "violates": violated,
        "outcomes": {name: sorted(outcomes[name]) for name in sorted(outcomes)},
    }


def fixture_of(episode: str) -> str:
    """The fixture that gives an episode: both ways of rebooting are cases of one."""
    return "home_rebooted" if episode.startswith("home_rebooted") else episode


def departures(row: dict[str, Any]) -> list[str]:
    """What is not as it must be: red at the clauses it names, grey at what presupposes those, all else green.

    Where a clause it names holds for some phones, so may what presupposes it. Of what is controlled by those some cases
    may be grey. A clause that has cases of those may be red, too, unless the defect names one of its kind.
    """
    outcomes, violated = row["outcomes"], set(row["violates"])
    if not outcomes:
        return [f"the night left no results: {row.get('said', '')}"]
    found = []
    for clause in clauses():
        seen = set(outcomes.get(clause, ())) - {"skipped"}
        if clause in violated:
            if "failed" not in seen or not seen <= {"failed", "passed", "not judged"}:
                found.append(f"{clause} is {', '.join(sorted(seen)) or 'not there'} and not red")
        elif seen and (broken := violated & set(presupposed(clause))):
            partly = any("passed" in outcomes.get(each, ()) for each in broken)
            if not seen <= ({"not judged", "passed"} if partly else {"not judged"}):
                found.append(f"{clause} is {', '.join(sorted(seen))} and not grey")
        elif seen and violated & set(clauses()[clause].cases_of):
            fails_too = is_case(clause, violated)
            if not seen <= {"not judged", "passed"} | ({"failed"} if fails_too else set()):
                why = "and not green" if fails_too else "though another of its kind is named"
                found.append(f"{clause} is {', '.join(sorted(seen))} {why}")
        elif seen and violated & set(clauses()[clause].control):
            if not seen <= {"not judged", "passed"}:
                found.append(f"{clause} is {', '.join(sorted(seen))} and neither grey nor green")
        elif seen - {"passed"}:
            found.append(f"{clause} is {', '.join(sorted(seen))} and not green")
    return found


def is_case(clause: str, violated: Set[str]) -> bool:
    """Whether its cases are those of a violated clause, and may fail with that: not where one of its kind is named."""
    of_its_kind = any(clauses()[each].cases_of for each in violated)
    return clause not in violated and not of_its_kind and bool(violated & set(clauses()[clause].cases_of))


def publish(found: list[dict[str, Any]], code: str) -> None:
    """Write the matrix of what was played for the state `code` as a page."""
    PAGE.write_text("\n".join(page(found, code)) + "\n")


def page(found: list[dict[str, Any]], code: str) -> list[str]:
    """The lines of that page."""
    judged = [clause for clause in clauses() if any(clause in row["outcomes"] for row in found)]
    lines = [
        "# Defects and the clauses they violate",
        "",
        "Made by `python -m benchmarks.defects` (`tox run -e defects`): defects of the virtual bench, and what the",
        "tests of each clause said while each was played.",
        "",
        LEGEND,
        "",
        f"Played for the state `{code}` of the code: {len(found)} of {len(DEFECTS)} defects.",
        "",
        f"| defect | {' | '.join(judged)} |",
        f"|---|{'---|' * len(judged)}",
    ]
    for row in sorted(found, key=lambda row: str(row["defect"])):
        lines.append(f"| {row['defect']} | {' | '.join(sign(row, clause) for clause in judged)} |")
    return lines


def sign(row: dict[str, Any], clause: str) -> str:
    """What stands in the cell of a defect and a clause; see LEGEND."""
    outcomes, violated = row["outcomes"].get(clause, ()), set(row["violates"])
    if "failed" not in outcomes and (others := [each for each in outcomes if each not in SIGNS]):
        shown = ", ".join(others)
    else:
        shown = next((sign for outcome, sign in SIGNS.items() if outcome in outcomes), "")
    if clause in violated:
        return f"**{shown}**" if shown else ""
    return f"{shown} (case)" if "failed" in outcomes and is_case(clause, violated) else shown


if __name__ == "__main__":
    sys.exit(main())
