"""`bench clauses`: by what each clause is held."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.spec import clauses

ROOT = Path(__file__).parents[2]


def said(*words: str) -> str:
    command = [sys.executable, "-m", "harness.cli", "clauses", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return {entry["id"]: entry for entry in json.loads(said("--json"))}


def test_every_clause_with_what_holds_it(found: dict[str, dict[str, Any]]) -> None:
    assert list(found) == list(clauses())
    delay = found["FO-DELAY"]
    assert "tests/resilience/test_failover.py::test_no_phone_is_let_in_before_three_minutes" in delay["tests"]
    assert "home_lost" in delay["episodes"]
    assert "early-admission" in delay["defects"]
    assert found["HP-END"]["presupposes"] == ["FB-DELAY"]
    assert {entry["strength"] for entry in found.values()} == {"MUST", "DERIVED"}


def test_no_defect_violates_a_clause_without_a_test(found: dict[str, dict[str, Any]]) -> None:
    assert [name for name, entry in found.items() if entry["defects"] and not entry["tests"]] == []


def test_for_people_it_counts_what_is_whole() -> None:
    printed = said()
    assert f"of {len(clauses())} clauses have both tests and defects" in printed
    assert ["HP-GRACE", "MUST"] in [line.split()[:2] for line in printed.splitlines()]


def test_a_real_bench_has_no_defects() -> None:
    entries = json.loads(said("--json", "--bench", "example"))
    assert not any(entry["defects"] for entry in entries)
