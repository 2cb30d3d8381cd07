"""Results as JSON lines in `benchmarks/results`: appended to, committed, and read again to go on where one stopped."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def append(name: str, row: dict[str, Any]) -> None:
    """Add one result to the file `name`."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")


def rows(name: str) -> list[dict[str, Any]]:
    """All results of the file `name`, oldest first."""
    path = FOLDER / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
