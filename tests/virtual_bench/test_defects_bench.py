"""Proof that the tests can fail: each defect makes those of its clauses fail, and no other."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.spec.clauses import presupposed
from virtual_bench.defects import DEFECTS

ROOT = Path(__file__).parents[2]
EPISODES = {
    "FO-SHORT": "home_rebooted",
    "FB-FLAP": "home_flaps",
    "FO-RESTART": "failover_rebooted",
    **dict.fromkeys(("DHCP-OFF", "DHCP-BACKUP", "DHCP-DATA", "DHCP-END"), "phone_repowered"),
}
"""From which episode a clause is judged, where that is not `home_lost`."""
AT_ONCE = 3
"""Benches side by side: with four at 30× two cores are near their edge."""

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Defect → results.json of a night with it; the nights run side by side, each on a bench of its own."""
    folder = tmp_path_factory.mktemp("runs")
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip(DEFECTS, pool.map(lambda name: night(name, folder / name), DEFECTS), strict=True))


def night(defect: str, runs: Path) -> dict[str, Any]:
    """Only the episodes from which its clauses are judged, and `home_lost`."""
    others = {EPISODES.get(clause, "home_lost") for clause in DEFECTS[defect].clauses}
    episodes = ["home_lost", *sorted(others - {"home_lost"})]
    command = [
        sys.executable, "-m", "pytest", "-q", "-m", "failover", "tests/resilience",
        "--defect", defect, "--runs", str(runs), "--episodes", ",".join(episodes),
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ)
    results = runs / "latest" / "results.json"
    assert results.exists(), ended.stdout + ended.stderr
    found: dict[str, Any] = json.loads(results.read_text())
    return found


@pytest.mark.parametrize("defect", list(DEFECTS))
def test_a_defect_fails_its_clauses_and_no_other(defect: str, nights: dict[str, dict[str, Any]]) -> None:
    cases = nights[defect]["cases"]
    outcomes: dict[str, set[str]] = {}
    for case in cases:
        outcomes.setdefault(case["clause"], set()).add(case["outcome"])
    violated = set(DEFECTS[defect].clauses)
    assert {clause for clause, found in outcomes.items() if "failed" in found} == violated, nights[defect]["counts"]
    for clause, found in outcomes.items():
        if violated & set(presupposed(clause)):
            assert found <= {"not judged"}, clause
    assert all(case["outcome"] in ("passed", "failed", "not judged") for case in cases), cases


def test_every_defect_names_clauses_of_the_specification() -> None:
    from harness.spec import clauses

    for defect in DEFECTS.values():
        assert set(defect.clauses) <= set(clauses())
