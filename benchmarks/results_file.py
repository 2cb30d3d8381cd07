"""Results as JSON lines in `benchmarks/results`: appended to, committed, and read again to go on where one stopped."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks" / "results"
TESTED = ("harness", "fixtures", "virtual_bench", "tests/resilience", "lab_inventory")


def append(name: str, row: dict[str, Any], code: str = "") -> None:
    """Add one result to the file `name`; `code`: the state of the code that it counts for."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(row | ({"code": code} if code else {}), sort_keys=True) + "\n")


def rows(name: str, code: str = "") -> list[dict[str, Any]]:
    """All results of the file `name`, oldest first; with `code` those that count for this state of the code."""
    path = FOLDER / f"{name}.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row for row in found if not code or row.get("code") == code]


def code_state() -> str:
    """A name for the code that is tested, as it is committed."""
    trees = [
        subprocess.run(
            ["git", "rev-parse", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for path in TESTED
    ]
    return hashlib.sha256("".join(trees).encode()).hexdigest()[:12]
