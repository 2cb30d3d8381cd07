"""Nights on conforming benches: that their turns judge everything, idle and loaded."""

import pytest

from benchmarks.benches import in_turn, places
from benchmarks.soak import report, turn
from harness.spec import clauses
from virtual_bench.defects import DEFECTS


@pytest.fixture(scope="module")
def twenty() -> list[tuple[str, bool]]:
    return [turn(number, in_turn()) for number in range(20)]


def test_every_clause_is_judged_in_twenty_nights(twenty: list[tuple[str, bool]]) -> None:
    """A clause is judged on the bench on which its defect turns it red."""
    benches = {bench for bench, _ in twenty}
    judged = {clause for defect in DEFECTS.values() if defect.bench in benches for clause in defect.clauses}
    assert set(clauses()) - judged == set()


def test_the_main_benches_have_an_idle_and_a_loaded_night(twenty: list[tuple[str, bool]]) -> None:
    for bench in ("virtual", "virtual-all"):
        assert {loaded for name, loaded in twenty if name == bench} == {False, True}


@pytest.mark.parametrize("benches", ["abc", "abcd"])
def test_two_turns_play_each_bench_idle_and_loaded(benches: str) -> None:
    nights = [turn(number, benches) for number in range(2 * len(benches))]
    assert set(nights) == {(bench, loaded) for bench in benches for loaded in (False, True)}


def test_no_night_takes_as_long_as_a_real_one() -> None:
    assert "virtual-realtime" not in in_turn()
    assert "example" not in in_turn()


def test_a_large_bench_counts_as_two() -> None:
    assert [places(bench) for bench in ("virtual", "virtual-all")] == [1, 2]


def a_night(judged: list[str], **counts: int) -> dict[str, object]:
    return {"loaded": False, "cases": sum(counts.values()), "counts": counts, "judged": judged}


def test_the_sum_says_which_clauses_were_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    *others, last = clauses()
    first, rest = others[:10], others[5:]
    assert report([a_night(first, passed=10), a_night(rest, passed=30, skipped=2)]) == 0
    assert f"{len(others)} of {len(clauses())} clauses judged: not {last}\n" in capsys.readouterr().out
    assert report([a_night([*others, last], passed=44, failed=1)]) == 1
    assert capsys.readouterr().out.endswith(f"{len(clauses())} of {len(clauses())} clauses judged\n")
