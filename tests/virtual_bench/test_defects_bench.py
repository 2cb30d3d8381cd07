"""Proof that the tests can fail: each defect makes those of its clauses fail, and no other.

All of them: `python -m benchmarks.defects`. Here a sample of them, another one with each state of the code.
"""

import random
from typing import Any

import pytest

from benchmarks.defects import coverage, departures, play
from benchmarks.results_file import code_state
from harness.spec import clauses
from virtual_bench.defects import DEFECTS, Defect

pytestmark = pytest.mark.bench

SAMPLED = {"Prerequisites": 1, "Telephones": 1, "DHCP": 1, "Registration and timing": 1}
"""Clause group → how many of the defects that violate it."""


def sample(seed: str) -> list[str]:
    """Defects of every group that has any."""
    chosen: list[str] = []
    for group, count in SAMPLED.items():
        of_group = sorted({name for name, defect in DEFECTS.items() if group in groups_of(defect)} - set(chosen))
        chosen += random.Random(seed).sample(of_group, count)
    return chosen


def groups_of(defect: Defect) -> set[str]:
    """The groups of the clauses that it violates; of what is about a family of telephones, that one alone."""
    found = {clauses()[clause].group for clause in defect.clauses}
    return {"Telephones"} if "Telephones" in found else found


@pytest.fixture(scope="module")
def nights() -> dict[str, dict[str, Any]]:
    """Defect → its row; the nights run side by side, each on a bench of its own."""
    names = sample(code_state())
    return dict(zip(names, play(names, coverage()), strict=True))


@pytest.mark.parametrize("number", range(sum(SAMPLED.values())))
def test_a_defect_fails_its_clauses_and_no_other(number: int, nights: dict[str, dict[str, Any]]) -> None:
    defect, row = list(nights.items())[number]
    assert departures(row) == [], f"{defect} (sample by {code_state()}): {row}"


def test_a_sample_has_defects_of_every_group_that_has_any() -> None:
    groups = {group for defect in DEFECTS.values() for group in groups_of(defect)}
    assert set(SAMPLED) == groups
    for seed in range(50):
        assert len(set(sample(str(seed)))) == sum(SAMPLED.values())
        assert {group for name in sample(str(seed)) for group in groups_of(DEFECTS[name])} == groups


def test_every_defect_names_clauses_of_the_specification() -> None:
    for defect in DEFECTS.values():
        assert set(defect.clauses) <= set(clauses())
