"""The table of outcomes, row by row: what each becomes in pytest, junit, results.json and the exit code."""

import json
from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fixtures.judging import clause
from fixtures.night import Night
from harness.base.errors import LabFault
from harness.episodes.manifest import PutBack
from harness.episodes.watching import Quiet
from harness.inventory import find_bench
from tests.resilience import test_lab

ROOT = Path(__file__).parents[2]

TEST = """
import pytest
from fixtures.judging import at_least, at_most, cannot_judge, clause, judge, judge_none
from harness.base.errors import ConfigurationFault, HarnessFault, LabFault
from harness.base.interval import Interval, Never

{body}
"""

BODIES = {
    "passed": """
@clause("FO-DELAY")
def test_case():
    judge(Interval(180, 181), at_least(180), tried=["one"])
""",
    "failed": """
@clause("FO-DELAY")
def test_case():
    judge(Interval(150, 151), at_least(180))
""",
    "inconclusive": """
@clause("FO-DELAY")
def test_case():
    judge(Interval(179, 181), at_least(180))
""",
    "not judged": """
@clause("FO-DELAY")
def test_case():
    judge(Interval(180, 181), at_least(180), tried=[], occasion="an attempt")
""",
    "skipped": """
@clause("FO-DELAY")
def test_case():
    cannot_judge("this bench has no phone")
""",
    "blocked": """
@pytest.fixture
def episode():
    raise LabFault("does not answer.", device="pdu-1", next_step="look at its cable.")

@clause("FO-DELAY")
def test_case(episode):
    judge(Interval(180, 181), at_least(180))
""",
}


def run(pytester: pytest.Pytester, body: str, *options: str) -> tuple[pytest.RunResult, dict[str, object]]:
    """Run one made-up specification; its result and results.json."""
    folder = pytester.mkdir("tests").joinpath("resilience")
    folder.mkdir()
    (folder / "test_it.py").write_text(TEST.format(body=body))
    pytester.path.joinpath("conftest.py").write_text((ROOT / "conftest.py").read_text())
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nbench = "virtual"\n')
    result = pytester.runpytest_subprocess("tests/resilience", *options)
    return result, json.loads((pytester.path / "runs/latest/results.json").read_text())


@pytest.mark.parametrize(
    ("outcome", "code", "junit"),
    [
        ("passed", 0, None),
        ("failed", 1, "failure"),
        ("inconclusive", 11, "error"),
        ("not judged", 13, "skipped"),
        ("skipped", 0, "skipped"),
        ("blocked", 10, "error"),
    ],
)
def test_each_outcome(pytester: pytest.Pytester, outcome: str, code: int, junit: str | None) -> None:
    result, results = run(pytester, BODIES[outcome])
    assert result.ret == code
    assert results["counts"] == {outcome: 1}
    case = ElementTree.parse(pytester.path / "runs/latest/junit.xml").getroot().find(".//testcase")
    assert case is not None
    assert [child.tag for child in case if child.tag in ("failure", "error", "skipped")] == ([junit] if junit else [])


def test_a_departure_from_what_does_not_bind_is_noted(pytester: pytest.Pytester) -> None:
    bench = pytester.path / "lenient.yaml"
    bench.write_text(f"extends: {ROOT / 'lab_inventory/virtual.yaml'}\nbench: lenient\nsettings: {{binding: must}}\n")
    body = """
from harness.spec import clauses
from harness.spec.clauses import Strength
import harness.spec.clauses as module
derived = clauses()["FO-DELAY"].model_copy(update={"strength": Strength.DERIVED})
clauses()["FO-DELAY"] = derived

@clause("FO-DELAY")
def test_case():
    judge(Interval(150, 151), at_least(180))
"""
    result, results = run(pytester, body, "--bench", str(bench))
    assert result.ret == 0
    assert results["counts"] == {"noted": 1}


def test_a_bench_that_cannot_block_paths_is_not_brought_up_for_that(pytester: pytest.Pytester) -> None:
    bench = pytester.path / "flat.yaml"
    virtual = ROOT / "lab_inventory" / "virtual.yaml"
    bench.write_text(f"extends: {virtual}\nbench: flat\nsites: {{phones: {{router: null}}}}\n")
    body = """
@clause("FO-ROUTE")
def test_case(paths_blocked):
    judge(Interval(150, 151), at_least(180))
"""
    result, results = run(pytester, body, "--bench", str(bench))
    assert (result.ret, results["counts"]) == (0, {"skipped": 1})
    result.stdout.no_fnmatch_line("*bringing bench*")


def test_a_case_whose_evidence_leaves_it_open_is_inconclusive(pytester: pytest.Pytester) -> None:
    body = """
from fixtures.judging import inconclusive

@clause("FO-DELAY")
def test_case():
    inconclusive("nobody knows well enough")
"""
    result, results = run(pytester, body)
    assert (result.ret, results["counts"]) == (11, {"inconclusive": 1})


def test_a_case_that_judges_nothing_is_a_fault_of_the_harness(pytester: pytest.Pytester) -> None:
    result, results = run(pytester, '@clause("FO-DELAY")\ndef test_case():\n    pass\n')
    assert result.ret == 10
    assert results["cases"][0]["blame"] == "harness"  # type: ignore[index]


def test_a_bare_assertion_is_no_verdict_about_the_product(pytester: pytest.Pytester) -> None:
    result, results = run(pytester, '@clause("FO-DELAY")\ndef test_case():\n    assert 1 == 2\n')
    assert result.ret == 10
    assert results["cases"][0]["blame"] == "harness"  # type: ignore[index]


OF_EVERY_FAMILY = """
@pytest.mark.every_family
def test_moves(telephone):
    judge(Interval(200, 201), at_most(330) if telephone.resilient else at_most(100))

def test_returns(telephone):
    judge(Interval(601, 602), at_least(600))
"""


def test_a_telephone_has_cases_of_its_family_and_a_family_that_is_not_there_one(pytester: pytest.Pytester) -> None:
    result, results = run(pytester, OF_EVERY_FAMILY)
    assert result.ret == 0
    cases: list[dict[str, object]] = results["cases"]  # type: ignore[assignment]
    judged = {(case["clause"], *case["subjects"]) for case in cases if case["outcome"] == "passed"}  # type: ignore[misc]
    assert judged == {
        ("PHONE-J100", "phone-J179"), ("PHONE-1140", "phone-1140E"), ("PHONE-9600", "phone-9641"),
        ("PHONE-1600", "phone-1608"),
    }  # fmt: skip
    assert results["counts"] == {"passed": 8, "skipped": 10}
    lacking = [str(case["reason"]) for case in cases if case["clause"] == "PHONE-K100"]
    assert len(lacking) == 1
    assert "this bench has no phone of PHONE-K100" in lacking[0]


def test_a_phone_that_is_not_to_move_has_a_case_that_is_derived_and_no_others(pytester: pytest.Pytester) -> None:
    bench = pytester.path / "lenient.yaml"
    bench.write_text(
        f"extends: {ROOT / 'lab_inventory/virtual-all.yaml'}\nbench: lenient\nsettings: {{binding: must}}\n"
    )
    result, results = run(pytester, OF_EVERY_FAMILY, "--bench", str(bench))
    assert result.ret == 0
    alone = {"phone-B179-alone", "phone-B199-alone"}
    others = set(find_bench("virtual-all").inventory.phones) - alone
    assert results["counts"] == {"passed": 2 * len(others), "noted": len(alone)}


def test_the_summary_names_the_models_whose_form_on_the_wire_is_assumed(pytester: pytest.Pytester) -> None:
    _, results = run(pytester, BODIES["passed"])
    assert results["assumed"] == ["1140E"]
    assert "**Wire form assumed, not documented:** 1140E" in (pytester.path / "runs/latest/summary.md").read_text()


def test_what_presupposes_a_failed_clause_is_not_judged(pytester: pytest.Pytester) -> None:
    body = """
@clause("FB-DELAY")
def test_later():
    judge(Interval(601, 602), at_least(600))

@clause("FO-ALLOW")
def test_first():
    judge(Never(400), at_most(330))
"""
    result, results = run(pytester, body)
    assert result.ret == 1
    assert results["counts"] == {"failed": 1, "not judged": 1}


@pytest.mark.parametrize("left", [(), ("sw-home port1 back to on: no answer",)], ids=["clean", "changed"])
def test_a_lab_that_was_not_put_back_is_a_lab_fault(left: tuple[str, ...], tmp_path: Path) -> None:
    night = Night((), tmp_path, Quiet(), 0.0)
    night.put_back["home_lost"] = PutBack(clean=not left, failures=left)
    with pytest.raises(LabFault, match="sw-home port1") if left else nullcontext():
        test_lab.test_the_lab_was_left_clean(night)


def test_an_unknown_clause_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match="no clause 'FO-WHAT'"):
        clause("FO-WHAT")


def test_the_last_line_says_it_all(pytester: pytest.Pytester) -> None:
    result, _ = run(pytester, BODIES["failed"])
    assert result.outlines[-1].strip().startswith("0 passed · 1 product defect · 0 lab faults · 0 inconclusive")


def test_what_the_bench_cannot_judge_is_told_once_for_all_its_cases(pytester: pytest.Pytester) -> None:
    body = """
@pytest.mark.parametrize("number", [1, 2, 3])
@clause("FO-DELAY")
def test_skipped(number):
    cannot_judge("this bench has no phone")
"""
    result, results = run(pytester, body + BODIES["passed"])
    assert result.ret == 0
    assert results["counts"] == {"passed": 1, "skipped": 3}
    assert " 3 skipped · 0 not run" in result.outlines[-1]
    told = [line for line in result.outlines if "this bench has no phone" in line]
    assert told == ["skipped: FO-DELAY: this bench has no phone (3 cases)"]
    summary = (pytester.path / "runs/latest/summary.md").read_text()
    assert summary.count("this bench has no phone") == 1
    assert "test_skipped" not in summary


def test_a_skip_of_pytests_own_is_no_word_about_the_bench(pytester: pytest.Pytester) -> None:
    result, results = run(
        pytester, '@pytest.mark.skip(reason="later")\n@clause("FO-DELAY")\ndef test_case():\n    pass\n'
    )
    assert result.ret == 13
    assert results["counts"] == {"not judged": 1}


def test_a_failure_stays_one_where_the_teardown_breaks(pytester: pytest.Pytester) -> None:
    body = """
@pytest.fixture
def breaks():
    yield
    raise LabFault("is gone.", device="pdu-1")

@clause("FO-DELAY")
def test_case(breaks):
    judge(Interval(150, 151), at_least(180))
"""
    result, results = run(pytester, body)
    assert result.ret == 1
    assert results["counts"] == {"failed": 1}


def test_a_test_without_a_clause_cannot_judge(pytester: pytest.Pytester) -> None:
    body = BODIES["passed"] + "\ndef test_other():\n    judge(Interval(150, 151), at_least(180))\n"
    result, _ = run(pytester, body)
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1


def test_an_expected_failure_is_no_note(pytester: pytest.Pytester) -> None:
    body = '@pytest.mark.xfail(run=False)\n@clause("FO-DELAY")\ndef test_case():\n    judge(Never(400), at_most(330))\n'
    result, results = run(pytester, body)
    assert result.ret == 10
    assert results["counts"] == {"blocked": 1}
