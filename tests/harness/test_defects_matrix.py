"""The matrix of defects and clauses: what counts as it must be."""

import pytest

from benchmarks.defects import departures, page, sign

GREEN = {"REG-BLOCK": ["passed"], "FO-DELAY": ["passed"], "FO-ALLOW": ["passed"], "FB-DELAY": ["passed"]}


@pytest.mark.parametrize(
    ("violates", "outcomes", "told"),
    [
        (["FB-DELAY"], {"FB-DELAY": ["failed"]}, []),
        (["FB-DELAY"], {"FB-DELAY": ["failed", "passed"]}, []),
        (["FB-DELAY"], {}, ["FB-DELAY is passed and not red"]),
        (["FB-DELAY"], {"FB-DELAY": ["not judged"]}, ["FB-DELAY is not judged and not red"]),
        (["FB-DELAY"], {"FB-DELAY": ["failed"], "FO-ALLOW": ["failed"]}, ["FO-ALLOW is failed and not green"]),
        (["FB-DELAY"], {"FB-DELAY": ["failed"], "FO-ALLOW": ["blocked"]}, ["FO-ALLOW is blocked and not green"]),
        (["FB-DELAY"], {"FB-DELAY": ["failed", "skipped"], "FO-ALLOW": ["passed", "skipped"]}, []),
        (["FB-DELAY"], {"FB-DELAY": ["skipped"]}, ["FB-DELAY is not there and not red"]),
        (["FO-ALLOW"], {"FO-ALLOW": ["failed"], "FB-DELAY": ["not judged"]}, []),
        (["FO-ALLOW"], {"FO-ALLOW": ["failed", "passed"], "FB-DELAY": ["not judged", "passed"]}, []),
        (["FB-DELAY"], {"FB-DELAY": ["failed"], "PHONE-1600": ["failed", "passed"]}, []),
        (["FB-DELAY"], {"FB-DELAY": ["failed"], "PHONE-1600": ["blocked"]}, ["PHONE-1600 is blocked and not green"]),
        (
            ["FB-DELAY", "PHONE-1600"],
            {"FB-DELAY": ["failed", "passed"], "PHONE-1600": ["failed"], "PHONE-9600": ["failed", "passed"]},
            ["PHONE-9600 is failed, passed though another of its kind is named"],
        ),
        (["FO-ALLOW"], {"FO-ALLOW": ["failed"]}, ["FB-DELAY is passed and not grey"]),
        (
            ["FO-ALLOW"],
            {"FO-ALLOW": ["failed"], "FB-DELAY": ["not judged"], "FO-DELAY": ["not judged"], "REG-BLOCK": ["passed"]},
            [],
        ),
        (
            ["FO-ALLOW"],
            {"FO-ALLOW": ["failed"], "FB-DELAY": ["not judged"], "FO-DELAY": ["failed"]},
            ["FO-DELAY is failed and neither grey nor green"],
        ),
    ],
)
def test_departures(violates: list[str], outcomes: dict[str, list[str]], told: list[str]) -> None:
    assert departures({"violates": violates, "outcomes": GREEN | outcomes}) == told


def test_a_night_without_results_is_one() -> None:
    assert departures({"violates": ["FB-DELAY"], "outcomes": {}, "said": "Traceback"}) == [
        "the night left no results: Traceback"
    ]


@pytest.mark.parametrize(
    ("violates", "clause", "outcomes", "shown"),
    [
        (["FB-DELAY"], "FB-DELAY", ["failed", "passed"], "**red**"),
        (["FB-DELAY"], "FB-DELAY", ["passed"], "**✓**"),
        (["FB-DELAY"], "FB-DELAY", [], ""),
        (["FB-DELAY"], "PHONE-1600", ["failed", "passed"], "red (case)"),
        (["FB-DELAY"], "PHONE-1600", ["passed", "skipped"], "✓"),
        (["FB-DELAY", "PHONE-1600"], "PHONE-1600", ["failed"], "**red**"),
        (["FB-DELAY", "PHONE-1600"], "PHONE-9600", ["failed"], "red"),
        (["FB-DELAY"], "PHONE-DECT", ["failed"], "red"),
        (["FB-DELAY"], "FO-ALLOW", ["failed"], "red"),
        (["FO-ALLOW"], "FB-DELAY", ["not judged"], "grey"),
        (["FO-ALLOW"], "FO-DELAY", ["not judged", "skipped"], "grey"),
        (["FB-DELAY"], "FO-ALLOW", ["not judged", "passed"], "✓"),
        (["FB-DELAY"], "FO-ALLOW", ["skipped"], "–"),
        (["FB-DELAY"], "FO-ALLOW", ["inconclusive", "passed"], "inconclusive"),
        (["FB-DELAY"], "FB-DELAY", ["blocked", "failed"], "**red**"),
    ],
)
def test_a_cell_shows_the_gravest_and_why_it_may_be_red(
    violates: list[str], clause: str, outcomes: list[str], shown: str
) -> None:
    assert sign({"violates": violates, "outcomes": {clause: outcomes}}, clause) == shown


def test_the_page_explains_every_sign() -> None:
    row = {"defect": "early", "violates": ["FB-DELAY"], "outcomes": GREEN | {"FB-DELAY": ["failed"]}}
    lines = page([row], "abc")
    assert lines[-1] == "| early | ✓ | ✓ | ✓ | **red** |"
    for shown in ("- **red**:", "- red (case):", "- red:", "- grey:", "- ✓:", "- –:"):
        assert any(line.startswith(shown) for line in "\n".join(lines).splitlines())
