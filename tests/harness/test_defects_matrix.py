"""The matrix of defects and clauses: what counts as it must be."""

import pytest

from benchmarks.defects import departures

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
