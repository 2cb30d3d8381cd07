"""Verdicts by interval arithmetic, and the clauses as data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.interval import Interval, Never
from harness.inventory import catalogue
from harness.spec import Outcome, at_least, at_most, clauses, more_than, verdict
from harness.spec.clauses import presupposed
from harness.spec.outcomes import exit_code

spans = st.tuples(st.floats(0, 1000), st.floats(0, 100)).map(lambda pair: Interval(pair[0], pair[0] + pair[1]))


@pytest.mark.parametrize(
    ("measured", "limit", "outcome"),
    [
        (Interval(180, 182), at_least(180), Outcome.PASS),
        (Interval(179.9, 180.1), at_least(180), Outcome.INCONCLUSIVE),
        (Interval(150, 152), at_least(180), Outcome.FAIL),
        (Interval(599, 600), more_than(600), Outcome.FAIL),
        (Interval(600, 600), at_least(600), Outcome.PASS),
        (Interval(600, 601), more_than(600), Outcome.INCONCLUSIVE),
        (Interval(1, 330), at_most(330), Outcome.PASS),
        (Interval(329, 331), at_most(330), Outcome.INCONCLUSIVE),
        (Interval(331, 332), at_most(330), Outcome.FAIL),
        (Never(400), at_most(330), Outcome.FAIL),
        (Never(300), at_most(330), Outcome.INCONCLUSIVE),
        (Never(400), at_least(180), Outcome.NOT_JUDGED),
        (Never(400), more_than(180), Outcome.NOT_JUDGED),
    ],
)
def test_verdicts(measured: Interval | Never, limit: object, outcome: Outcome) -> None:
    assert verdict(measured, limit).outcome is outcome  # type: ignore[arg-type]


@given(spans, st.floats(0, 1100))
def test_a_verdict_holds_for_every_value_of_the_interval(measured: Interval, value: float) -> None:
    """Whatever the true value is, a PASS or FAIL told from the interval is right for it."""
    for limit in (at_least(value), at_most(value), more_than(value)):
        told = verdict(measured, limit).outcome
        exact = {verdict(Interval.at(point), limit).outcome for point in (measured.low, measured.middle, measured.high)}
        assert told is Outcome.INCONCLUSIVE or exact == {told}


def test_what_is_presupposed_exists_and_has_no_circle() -> None:
    for identifier, clause in clauses().items():
        assert set(clause.after) <= set(clauses())
        assert identifier not in presupposed(identifier)


def test_every_family_of_telephones_has_its_clause() -> None:
    of_families = {model.clause for model in catalogue().values()}
    telephones = {identifier for identifier, clause in clauses().items() if clause.group == "Telephones"}
    assert of_families == telephones


def test_the_models_that_preserve_media_are_those_of_the_documentation() -> None:
    preserving = {name for name, model in catalogue().items() if model.media_preservation}
    assert preserving == {
        "9608", "9611", "9621", "9641", "J139", "J159", "J169", "J179", "J189", "Workplace",
    }  # fmt: skip


def test_a_telephone_is_told_from_the_others_by_what_it_says_it_is() -> None:
    said = [model.user_agent for model in catalogue().values()]
    assert len(set(said)) == len(said)
    assert not [(one, other) for one in said for other in said if one != other and one in other]


def test_the_gravest_outcome_gives_the_exit_code() -> None:
    assert exit_code({Outcome.PASS, Outcome.NOTED}) == 0
    assert exit_code({Outcome.PASS, Outcome.NOT_JUDGED, Outcome.FAIL}) == 1
    assert exit_code({Outcome.INCONCLUSIVE, Outcome.BLOCKED}) == 10
    assert exit_code({Outcome.PASS}, lab_clean=False) == 14
